"""Both clients listen at a real WebSocket server that says what a test wants."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import numpy as np
import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.sync.server import serve

from earmark.client import AsyncClient, Client, Ended, Heard, Level, Ready
from earmark.client.listening import Talk
from earmark.errors import BusyError, ServiceError, TimedOutError, UnauthorizedError, UsageError

ANSWER = {"input": "live", "outcome": "no_match", "reason": "nothing", "matches": []}
READY = {"type": "ready", "limit_s": 20.0}
END = {"type": "end", "reason": "stopped", "at_s": 1.0}


@pytest.fixture
def scene() -> Iterator[Any]:
    """Plays a function on the server's side of a connection; ``heard`` is what arrived."""

    class Scene:
        url = ""
        play: Callable[[Any], None]
        refusal: Response | None = None
        heard: list[Any] = []  # noqa: RUF012

        def says(self, socket, *shapes):
            for shape in shapes:
                socket.send(json.dumps(shape))

        def takes_all(self, socket):
            while True:
                self.heard.append(socket.recv())
                if isinstance(self.heard[-1], str) and "stop" in self.heard[-1]:
                    return

    here = Scene()
    here.heard = []

    def act(socket):
        here.play(socket)

    def refuse(socket, request):
        here.key = request.headers.get("Authorization")
        return here.refusal

    with serve(act, "127.0.0.1", 0, process_request=refuse, close_timeout=1) as server:
        here.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield here
        server.shutdown()
        thread.join()


def test_events_arrive_and_sound_is_sent_whole(scene, ask):
    def play(socket):
        scene.heard.append(socket.recv())
        scene.says(socket, READY, {"type": "of the future"})
        scene.takes_all(socket)
        level = {"at_s": 0.5, "level_dbfs": -23.1, "peak_dbfs": -10, "verdict": "ok"}
        scene.says(socket, level | {"type": "level"})
        scene.says(socket, {"type": "partial", "at_s": 0.6, "answer": ANSWER})
        scene.says(socket, {"type": "no_match", "at_s": 1.0, "answer": ANSWER}, END)

    scene.play = play
    sound = np.random.default_rng(1).uniform(-1, 1, 200_000)
    events = ask(scene.url, "listen", [sound[:1], sound[1:]], 48000, mode="melody", limit=2)
    assert [type(event) for event in events] == [Ready, Level, Heard, Heard, Ended]
    assert events[0].limit_s == 20.0
    assert events[1] == Level(0.5, -23.1, -10.0, "ok")
    assert [event.kind for event in events[2:4]] == ["partial", "no_match"]
    assert events[3].answer.reason == "nothing"
    assert json.loads(scene.heard[0]) == {
        "type": "start",
        "format": "pcm_f32le",
        "channels": 1,
        "rate_hz": 48000,
        "mode": "melody",
        "limit": 2,
        "drawing": False,
    }
    frames = scene.heard[1:-1]
    assert b"".join(frames) == sound.astype("<f4").tobytes()
    assert max(map(len, frames)) <= 1 << 18
    assert scene.key.startswith("Bearer ek_")


def test_an_error_is_raised_as_its_class(scene, ask):
    def play(socket):
        error = {"type": "error", "code": "busy", "detail": "64 listen", "status": 429}
        scene.says(socket, error | {"retry_after_s": 7.5, "request_id": "r1"})
        scene.says(socket, {"type": "end", "reason": "error", "at_s": 0.0})
        socket.close(1013)

    scene.play = play
    with pytest.raises(BusyError, match="64 listen") as caught:
        ask(scene.url, "listen", [bytes(100)])
    assert (caught.value.retry_after_s, caught.value.request_id) == (7.5, "r1")


@pytest.mark.parametrize("said", ["nonsense", "[]", '{"type": 5}', '{"type": "level"}', b"\0"])
def test_garbage_is_one_error(scene, ask, said):
    def play(socket):
        socket.send(said)
        scene.takes_all(socket)

    scene.play = play
    with pytest.raises(ServiceError, match="a message while listening"):
        ask(scene.url, "listen", [bytes(100)])


def test_an_end_without_an_end(scene, ask):
    scene.play = lambda socket: scene.says(socket, READY)
    with pytest.raises(ServiceError, match="broke off while it listened"):
        ask(scene.url, "listen", [bytes(100)])


def test_a_service_that_says_nothing(scene, ask):
    scene.play = scene.takes_all
    scene.play = lambda socket: (scene.takes_all(socket), threading.Event().wait(0.5))
    with pytest.raises(TimedOutError, match=r"within 0\.2 s"):
        ask(scene.url, "listen", [bytes(100)], patience_s=0.2)


def test_a_refused_handshake(scene, ask):
    body = b'{"code": "unauthorized", "detail": "this needs a key"}'
    headers = Headers({"Content-Length": str(len(body)), "Connection": "close"})
    scene.refusal = Response(HTTPStatus.UNAUTHORIZED.value, "Unauthorized", headers, body)
    with pytest.raises(UnauthorizedError, match="this needs a key"):
        ask(scene.url, "listen", [bytes(100)])


def test_no_more_sound_is_taken_than_is_wanted(scene, ask):
    said = threading.Event()

    def play(socket):
        scene.heard.append(socket.recv())
        scene.says(socket, READY, END | {"reason": "certain"})
        said.set()

    scene.play = play
    taken = []

    def endless():
        while True:
            taken.append(1)
            assert len(taken) < 10_000
            yield np.zeros(1600, np.float32)
            if len(taken) > 2:
                said.wait(5)
                threading.Event().wait(0.005)

    events = ask(scene.url, "listen", endless())
    assert events[-1] == Ended("certain", 1.0)


def test_what_the_microphone_raises_is_its_own(scene, ask):
    def broken():
        yield bytes(100)
        message = "unplugged"
        raise OSError(message)

    def play(socket):
        scene.says(socket, READY)
        scene.takes_all(socket)

    scene.play = play
    with pytest.raises(OSError, match="unplugged"):
        ask(scene.url, "listen", broken())


def test_whoever_stops_asking_hangs_up(scene):
    gone = threading.Event()

    def play(socket):
        scene.says(socket, READY)
        for _ in socket:
            pass
        gone.set()

    scene.play = play

    def endless():
        while True:
            yield bytes(1000)

    with Client(scene.url) as client:
        events = client.listen(endless())
        assert isinstance(next(events), Ready)
        events.close()
    assert gone.wait(5)
    gone.clear()

    async def leave():
        async with AsyncClient(scene.url) as client:
            events = client.listen(endless())
            async for event in events:
                assert isinstance(event, Ready)
                break
            await events.aclose()

    asyncio.run(leave())
    assert gone.wait(5)


def test_an_asynchronous_microphone(scene):
    def play(socket):
        scene.takes_all(socket)
        scene.says(socket, END)

    scene.play = play

    async def blocks():
        for number in range(3):
            yield bytes([number] * 6)

    async def listen():
        async with AsyncClient(scene.url) as client:
            told = client.listen(blocks(), format="pcm_s16le", channels=3)
            return [event async for event in told]

    assert asyncio.run(listen()) == [Ended("stopped", 1.0)]
    assert b"".join(scene.heard[1:-1]) == bytes([0] * 6 + [1] * 6 + [2] * 6)
    assert json.loads(scene.heard[0])["channels"] == 3


def talk(**how):
    usual = {"rate_hz": 16000, "channels": 1, "format": "pcm_s16le", "mode": "auto", "limit": 5}
    return Talk(**(usual | {"drawing": False} | how))


def test_frames_hold_whole_samples():
    messages = list(talk(channels=3).pack(bytes(1_000_002)))
    assert all(len(frame) % 6 == 0 for frame in messages[1:])
    stereo = np.arange(8, dtype=np.float32).reshape(4, 2)
    start, frame = talk().pack(stereo)
    assert json.loads(start)["channels"] == 2
    assert np.frombuffer(frame, "<f4").tolist() == list(range(8))
    assert [json.loads(message)["type"] for message in talk().messages([])] == ["start", "stop"]


@pytest.mark.parametrize(
    "block", [np.zeros(4, np.int16), np.zeros((2, 2, 2)), [0.0, 1.0], "text", None]
)
def test_blocks_that_are_no_sound(block):
    with pytest.raises(UsageError, match="a block is bytes, or an array of floats"):
        list(talk().pack(block))


def test_blocks_of_two_kinds():
    both = talk()
    list(both.pack(np.zeros(4, np.float32)))
    with pytest.raises(UsageError, match="send one kind"):
        list(both.pack(np.zeros((4, 2), np.float32)))
    with pytest.raises(UsageError, match="no format 'mp3'"):
        talk(format="mp3")
