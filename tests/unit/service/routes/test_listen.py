from __future__ import annotations

import json
import threading
import time
import warnings

import numpy as np
import pytest

from earmark.config import ServeSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import WebSocketDenialResponse
    from starlette.websockets import WebSocketDisconnect

RATE_HZ = 16000
ADDRESS = "ws://localhost/v1/listen"
SOUND = {"type": "start", "format": "pcm_s16le", "rate_hz": RATE_HZ, "mode": "sound"}


@pytest.fixture
def options():
    return ServeSettings(
        threads=2, rate_per_minute=0, grace_s=2.0, listens=2, listen_limit_s=4.0, body_stall_s=5.0
    )


def pcm(samples):
    return (samples * 32767).astype("<i2").tobytes()


def told(socket):
    """Return all that is told, to the end."""
    events = []
    while not events or events[-1]["type"] != "end":
        events.append(socket.receive_json())
    return events


def closed(socket):
    with pytest.raises(WebSocketDisconnect) as caught:
        socket.receive_json()
    return caught.value.code


def asked(client, start, *frames, stop=True):
    """Send a whole conversation; return what was told and the code of the close."""
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_json(start)
        for frame in frames:
            socket.send_bytes(frame)
        if stop:
            socket.send_json({"type": "stop"})
        return told(socket), closed(socket)


def test_levels_at_once_the_answer_at_the_stop_and_the_end_last(client, song):
    clip = pcm(song(1)[3 * RATE_HZ : 6 * RATE_HZ])
    events, code = asked(client, SOUND, clip[: len(clip) // 2], clip[len(clip) // 2 :])
    assert events[0] == {"type": "ready", "limit_s": 4.0}
    levels = [event for event in events if event["type"] == "level"]
    assert [event["at_s"] for event in levels] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert {event["verdict"] for event in levels} == {"ok"}
    match, end = events[-2:]
    assert (match["type"], match["at_s"]) == ("match", 3.0)
    best = match["answer"]["matches"][0]
    assert best["track"]["source"].endswith("1.wav")
    assert best["segments"][0]["reference"]["start_s"] == 3.0
    assert "drawing" not in best
    assert (end, code) == ({"type": "end", "at_s": 3.0, "reason": "stopped"}, 1000)


def test_at_the_limit_it_ends_by_itself_and_what_more_comes_is_dropped(client, song):
    events, code = asked(client, SOUND, *[pcm(song(99)[:RATE_HZ])] * 6, stop=False)
    assert events[-2]["type"] == "no_match"
    assert (events[-1], code) == ({"type": "end", "at_s": 4.0, "reason": "limit"}, 1000)


def test_a_recording_is_named_as_soon_as_it_is_certain(client, song):
    start = SOUND | {"mode": "recording", "drawing": True}
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_json(start)
        for at in range(0, 3 * RATE_HZ, RATE_HZ // 4):
            socket.send_bytes(pcm(song(2)[at : at + RATE_HZ // 4]))
        events = told(socket)
    assert events[-1]["reason"] == "certain"
    best = events[-2]["answer"]["matches"][0]
    assert best["track"]["source"].endswith("2.wav")
    assert best["drawing"]["landmarks"]


@pytest.mark.parametrize("channels", [1, 2])
def test_floats_and_channels_in_frames_cut_anywhere(client, song, channels):
    clip = np.repeat(song(0)[: 3 * RATE_HZ, np.newaxis], channels, axis=1)
    data = clip.astype("<f4").tobytes()
    start = SOUND | {"format": "pcm_f32le", "channels": channels}
    events, _ = asked(
        client, start, *(data[at : at + 10_001] for at in range(0, len(data), 10_001))
    )
    assert events[-2]["at_s"] == 3.0
    assert events[-2]["answer"]["matches"][0]["track"]["source"].endswith("0.wav")


def test_silence_is_told_and_no_match(client):
    events, _ = asked(client, SOUND, bytes(2 * RATE_HZ * 2))
    assert {e["verdict"] for e in events if e["type"] == "level"} == {"silent"}
    assert "silent" in events[-2]["answer"]["reason"]


def test_stopped_before_any_sound(client):
    events, _ = asked(client, SOUND)
    assert (events[-2]["type"], events[-2]["answer"]["reason"]) == ("no_match", "nothing was heard")


@pytest.mark.parametrize(
    ("start", "detail"),
    [
        ({"type": "begin"}, "type"),
        (SOUND | {"format": "mp3"}, "format"),
        (SOUND | {"rate_hz": 1}, "rate_hz"),
        (SOUND | {"channels": 9}, "channels"),
        (SOUND | {"mode": "taste"}, "mode"),
        (SOUND | {"colour": "red"}, "colour"),
        ([], "start"),
    ],
)
def test_a_start_that_makes_no_sense(client, start, detail):
    events, code = asked(client, start, stop=False)
    assert [event["type"] for event in events] == ["error", "end"]
    assert (events[0]["code"], events[0]["status"]) == ("invalid_request", 422)
    assert detail in events[0]["detail"]
    assert (events[1]["reason"], code) == ("error", 1008)


def test_sound_before_the_start_and_words_after_it(client):
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_bytes(b"1234")
        assert told(socket)[0]["code"] == "invalid_request"
    for text in ("{}", "hello", json.dumps(SOUND)):
        with client.websocket_connect(ADDRESS) as socket:
            socket.send_json(SOUND)
            socket.send_text(text)
            events = told(socket)
            assert [event["type"] for event in events] == ["ready", "error", "end"]
            assert events[1]["code"] == "invalid_request"


def test_a_frame_that_is_too_large(client):
    events, code = asked(client, SOUND, bytes(1_048_577), stop=False)
    assert (events[-2]["code"], events[-2]["status"], code) == ("too_large", 413, 1009)


def test_what_is_no_container_is_not_audio(client):
    start = {"type": "start", "format": "container", "mode": "sound"}
    events, code = asked(client, start, b"no sound at all " * 1000)
    assert (events[-2]["code"], events[-2]["status"], code) == ("not_audio", 415, 1008)


def test_a_flood_of_bytes_without_sound_is_cut_off(client):
    start = {"type": "start", "format": "container", "mode": "sound"}
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_json(start)
        for _ in range(8):
            socket.send_bytes(b"\x1a\x45\xdf\xa3" + bytes(1_000_000))
        assert told(socket)[-2]["code"] in ("too_large", "not_audio")


def test_whoever_says_nothing_is_let_go(client, monkeypatch):
    monkeypatch.setattr("earmark.service.listenwire.START_S", 0.1)
    with client.websocket_connect(ADDRESS) as socket:
        events = told(socket)
        assert [event["type"] for event in events] == ["error", "end"]
        assert (events[0]["code"], events[0]["status"]) == ("timed_out", 504)
        assert closed(socket) == 1008


class TestStalls:
    @pytest.fixture
    def options(self):
        return ServeSettings(threads=1, rate_per_minute=0, grace_s=2.0, body_stall_s=0.2)

    def test_sound_that_stops_coming(self, client, song):
        with client.websocket_connect(ADDRESS) as socket:
            socket.send_json(SOUND)
            socket.send_bytes(pcm(song(0)[:RATE_HZ]))
            events = told(socket)
        assert [event["type"] for event in events] == ["ready", "level", "level", "error", "end"]
        assert events[-2]["code"] == "timed_out"
        assert events[-1]["at_s"] == 1.0


def test_more_than_may_listen_are_told_to_come_again(client, song):
    with (
        client.websocket_connect(ADDRESS) as first,
        client.websocket_connect(ADDRESS) as second,
    ):
        for socket in (first, second):
            socket.send_json(SOUND)
            assert socket.receive_json()["type"] == "ready"
        for _ in range(20):
            events, code = asked(client, SOUND, stop=False)
            assert [event["type"] for event in events] == ["error", "end"]
            assert (events[0]["code"], events[0]["status"], code) == ("busy", 429, 1013)
            assert events[0]["retry_after_s"] >= 1
        first.send_bytes(pcm(song(1)[: 3 * RATE_HZ]))
        first.send_json({"type": "stop"})
        assert told(first)[-2]["type"] == "match"
    assert asked(client, SOUND, pcm(song(1)[: 3 * RATE_HZ]))[0][-2]["type"] == "match"


def test_whoever_leaves_in_the_middle_makes_room(client, house_app, song):
    for _ in range(5):
        with client.websocket_connect(ADDRESS) as socket:
            socket.send_json(SOUND | {"mode": "recording"})
            socket.send_bytes(pcm(song(99)[: 2 * RATE_HZ]))
    house = house_app.state.house
    ends_at = time.monotonic() + 5.0
    while (house.listening or house.work.running) and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert not house.listening
    assert house.work.running == 0


def test_keys_by_header_and_in_the_start(client, keyed, song):
    clip = pcm(song(1)[: 3 * RATE_HZ])
    keyed("read")
    key = client.headers["Authorization"].removeprefix("Bearer ")
    assert asked(client, SOUND, clip)[0][-2]["type"] == "match"
    keyed(None)
    assert asked(client, SOUND | {"key": key}, clip)[0][-2]["type"] == "match"
    for start in (SOUND, SOUND | {"key": key[:-1] + "#"}):
        events, code = asked(client, start, stop=False)
        assert [event["type"] for event in events] == ["error", "end"]
        assert (events[0]["code"], events[0]["status"], code) == ("unauthorized", 401, 1008)


def test_pages_of_other_sites_are_refused(client):
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        with (
            pytest.raises(WebSocketDenialResponse) as caught,
            client.websocket_connect(ADDRESS, headers=headers),
        ):
            pass
        assert caught.value.status_code == 403
        assert caught.value.json()["code"] == "forbidden"
    with client.websocket_connect(ADDRESS, headers={"Origin": "http://localhost"}) as socket:
        socket.send_json(SOUND)
        assert socket.receive_json()["type"] == "ready"


def test_a_mode_that_is_off_is_an_error(client, stocked):
    stocked.switch("melody", False)
    events, code = asked(client, SOUND | {"mode": "melody"}, bytes(RATE_HZ * 2))
    assert (events[-2]["code"], events[-2]["status"], code) == ("usage", 422, 1008)
    assert "switched off" in events[-2]["detail"]


@pytest.fixture
def crowded(client, house_app):
    """Fill the pool of work with so many pieces that wait; yields the event that lets them go."""
    house, go = house_app.state.house, threading.Event()

    def fill(count):
        for _ in range(count):
            client.portal.start_task_soon(house.work.run, lambda _: go.wait(10))
        ends_at = time.monotonic() + 5.0
        while house.work.waiting < count - 2 and time.monotonic() < ends_at:
            time.sleep(0.01)
        return house.work, go

    yield fill
    go.set()


def test_while_others_wait_no_early_look_joins_the_queue(client, crowded, song):
    work, go = crowded(10)
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_json(SOUND | {"mode": "recording"})
        socket.send_bytes(pcm(song(1)[: 2 * RATE_HZ]))
        assert [socket.receive_json()["type"] for _ in range(5)] == ["ready"] + ["level"] * 4
        time.sleep(0.1)
        assert work.waiting == 8
        go.set()
        while work.waiting:
            time.sleep(0.01)
        socket.send_bytes(pcm(song(1)[2 * RATE_HZ : 3 * RATE_HZ]))
        assert told(socket)[-1]["reason"] == "certain"


def test_the_last_look_waits_until_the_queue_has_room(client, crowded, song):
    _, go = crowded(2 + 64)
    threading.Timer(0.3, go.set).start()
    events, code = asked(client, SOUND, pcm(song(1)[: 3 * RATE_HZ]))
    assert (events[-2]["type"], code) == ("match", 1000)
