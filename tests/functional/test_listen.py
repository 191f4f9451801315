"""Listening through a real `earmark serve`, with real sockets."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path
from socket import SHUT_RDWR

import av
import numpy as np
import pytest
import soundfile
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from earmark import Library, Settings

ROOT = Path(__file__).parents[2]
RATE_HZ = 16000
PCM = {"type": "start", "format": "pcm_s16le", "rate_hz": RATE_HZ, "mode": "recording"}
LISTENS = 8


@pytest.fixture(scope="module")
def address(tmp_path_factory, music):
    """A service that knows two pieces of music as recordings; at most eight may listen."""
    folder = tmp_path_factory.mktemp("listening")
    for seed in (1, 2):
        soundfile.write(folder / f"music {seed}.wav", music(seed), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.switch("melody", False)
        library.switch("sound", False)
        library.add(sorted(folder.glob("*.wav")))
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "EARMARK_SERVE_LISTENS": str(LISTENS),
        "EARMARK_SERVE_RATE_PER_MINUTE": "0",
    }
    command = [sys.executable, "-m", "earmark", "--library", "library", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            lines = []
            for line in service.stderr:
                lines.append(line)
                found = re.search(r"at http://([\d.:]+)", line)
                if found:
                    break
            else:
                pytest.fail("".join(lines))
            reader = threading.Thread(target=service.stderr.read, daemon=True)
            reader.start()
            yield found[1]
        finally:
            service.terminate()
            service.wait(20)


def pcm(samples):
    return (samples * 32767).astype("<i2").tobytes()


def told(socket):
    """Return all that is told, to the end; the end is the last."""
    events = []
    for message in socket:
        assert not events or events[-1]["type"] != "end"
        events.append(json.loads(message))
    return events


def webm(samples):
    """Encode samples at 48 kHz as a browser's recorder does."""
    left = []

    class Sink(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            left.append(bytes(data))
            return len(data)

    live = {"live": "1", "cluster_time_limit": "250"}
    with av.open(Sink(), "w", format="webm", options=live) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        for at in range(0, len(samples) - 959, 960):
            block = (samples[at : at + 960] * 32767).astype("<i2")[np.newaxis]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.rate, frame.pts = 48_000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return left


def test_music_is_named_while_it_plays(address, music):
    with connect(f"ws://{address}/v1/listen") as socket:
        socket.send(json.dumps(PCM))
        for at in range(5 * RATE_HZ, 8 * RATE_HZ, RATE_HZ // 4):
            socket.send(pcm(music(1)[at : at + RATE_HZ // 4]))
        events = told(socket)
        assert socket.close_code == 1000
    assert events[0] == {"type": "ready", "limit_s": 20.0}
    match, end = events[-2:]
    assert (end["reason"], end["at_s"] <= 3.0) == ("certain", True)
    best = match["answer"]["matches"][0]
    assert best["track"]["source"].endswith("music 1.wav")
    assert best["segments"][0]["reference"]["start_s"] == pytest.approx(5.0, abs=0.05)


def test_a_browsers_recording_is_named_while_it_plays(address, music):
    pieces = webm(np.repeat(music(2)[4 * RATE_HZ : 10 * RATE_HZ], 3))
    with connect(f"ws://{address}/v1/listen") as socket:
        socket.send(json.dumps({"type": "start", "format": "container"}))
        for piece in pieces:
            socket.send(piece)
        events = told(socket)  # nobody says stop
    assert events[-1]["reason"] == "certain"
    assert events[-2]["answer"]["matches"][0]["track"]["source"].endswith("music 2.wav")
    assert {event["verdict"] for event in events if event["type"] == "level"} == {"ok"}


def test_the_client_in_the_documentation_runs(address, music, tmp_path, capsys):
    text = (ROOT / "docs" / "listen.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, music(1)[3 * RATE_HZ : 8 * RATE_HZ], RATE_HZ)
    scope = {"__name__": "listen_client"}
    exec(compile(program, "docs/listen.md", "exec"), scope)
    events = list(scope["listen"](f"ws://{address}", str(clip), pace=0.1))
    assert [event["type"] for event in events][-2:] == ["match", "end"]
    assert events[-2]["answer"]["matches"][0]["track"]["source"].endswith("music 1.wav")


def test_many_more_than_may_listen_are_told_so_and_the_others_are_served(address, music):
    clip = pcm(music(1)[3 * RATE_HZ : 6 * RATE_HZ])
    ready = 0

    async def one(all_here):
        nonlocal ready
        async with connect_async(f"ws://{address}/v1/listen") as socket:
            await socket.send(json.dumps(PCM))
            first = json.loads(await socket.recv())
            ready += 1
            if ready == 6 * LISTENS:
                all_here.set()
            await all_here.wait()
            if first["type"] == "ready":
                await socket.send(clip)
                await socket.send(json.dumps({"type": "stop"}))
            events = [first]
            with suppress(ConnectionClosed):  # what a close with 1013 is for this library
                while True:
                    events.append(json.loads(await socket.recv()))
            return events, socket.close_code

    async def crowd():
        all_here = asyncio.Event()
        return await asyncio.gather(*(one(all_here) for _ in range(6 * LISTENS)))

    outcomes = asyncio.run(asyncio.wait_for(crowd(), 60))
    busy = [events for events, code in outcomes if code == 1013]
    served = [events for events, code in outcomes if code == 1000]
    assert (len(served), len(busy)) == (LISTENS, 5 * LISTENS)
    assert {events[0]["code"] for events in busy} == {"busy"}
    assert {events[-1]["type"] for events in [*busy, *served]} == {"end"}
    assert {events[-2]["type"] for events in served} == {"match"}


def test_clients_that_vanish_leave_room_for_others(address, music):
    for _ in range(2 * LISTENS):
        with connect(f"ws://{address}/v1/listen", close_timeout=0) as socket:
            socket.send(json.dumps(PCM))
            socket.send(pcm(music(99)[: 2 * RATE_HZ]))
            socket.socket.shutdown(SHUT_RDWR)  # no farewell: the network is gone
    test_music_is_named_while_it_plays(address, music)
    with urllib.request.urlopen(f"http://{address}/healthz") as answer:
        assert answer.status == 200


def test_what_the_server_does_not_take(address):
    with pytest.raises(InvalidStatus) as caught:
        connect(f"ws://{address}/v1/listen", origin="https://evil.example").__enter__()
    assert caught.value.response.status_code == 403
    with connect(f"ws://{address}/v1/listen") as socket:
        socket.send(json.dumps(PCM))
        with pytest.raises(ConnectionClosed):
            socket.send(bytes(1_200_000))  # less is on its way when it is refused
            told(socket)
            socket.recv()
        assert socket.close_code == 1009
