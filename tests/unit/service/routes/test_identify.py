"""Questions over HTTP: the three ways to send a sound, and what is refused."""

from __future__ import annotations

import http.server
import io
import threading
import time

import numpy as np
import pytest
import soundfile

from earmark.config import ServeSettings
from earmark.service.answering.drawing import drawing_of
from earmark.service.bodies.uploads import Wanted
from earmark.service.routes import identify
from earmark.types import Contours, Evidence, Landmark, Match, Track

RATE_HZ = 16000


def wav(samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def clip(song) -> bytes:
    """Five seconds of the song 1."""
    return wav(song(1)[3 * RATE_HZ : 8 * RATE_HZ])


def kept(client) -> list[str]:
    folder = client.app.state.house.media.folder
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def test_a_form_and_a_body_get_the_same_answer(client, stocked, clip):
    form = client.post("/v1/identify?mode=sound", files={"file": ("a/clip.wav", clip)})
    assert form.status_code == 200, form.text
    answer = form.json()
    assert (answer["input"], answer["outcome"]) == ("clip.wav", "match")
    assert answer["matches"][0]["track"]["source"].endswith("/1.wav")
    expected = stocked.identify(clip, "sound", name="clip.wav").as_dict()
    for shape in (answer, expected):
        del shape["timing_ms"]
    assert answer == expected
    body = client.post(
        "/v1/identify?mode=sound",
        content=clip,
        headers={"Content-Disposition": 'attachment; filename="clip.wav"'},
    ).json()
    assert body["matches"] == answer["matches"]
    assert body["input"] == "clip.wav"
    assert kept(client) == []


def test_a_long_clip_goes_over_the_disk_and_leaves_nothing(client, clip, monkeypatch):
    house = client.app.state.house
    monkeypatch.setattr(identify, "_WANTED", Wanted(memory_bytes=1000))
    seen = []
    ask = house.library.identify

    def watched(source, *args, **how):
        seen.append(source)
        return ask(source, *args, **how)

    monkeypatch.setattr(house.library, "identify", watched)
    answer = client.post("/v1/identify?mode=sound", content=clip).json()
    assert answer["outcome"] == "match"
    assert str(seen[0]).startswith(str(house.media.folder))
    assert kept(client) == []


def test_no_match_is_an_answer(client, song):
    answer = client.post("/v1/identify?mode=sound", content=wav(song(99)[: 5 * RATE_HZ]))
    assert answer.status_code == 200
    assert (answer.json()["outcome"], answer.json()["matches"]) == ("no_match", [])
    assert "certainty" in answer.json()["reason"]


def test_a_question_may_be_about_some_tracks_only(client, clip):
    ids = [track["id"] for track in client.get("/v1/tracks").json()["tracks"]]
    client.patch(f"/v1/tracks/{ids[0]}", json={"tags": ["a", "b"]})
    client.patch(f"/v1/tracks/{ids[1]}", json={"tags": ["a"]})
    for query, outcome in (
        ("tag=a", "match"),
        ("tag=a&tag=b", "no_match"),
        ("shortest_s=60", "no_match"),
        ("folder=/nowhere", "no_match"),
    ):
        answer = client.post(f"/v1/identify?mode=sound&{query}", content=clip).json()
        assert answer["outcome"] == outcome, query


@pytest.mark.parametrize(
    "query",
    ["mode=x", "limit=0", "limit=x", "shortest_s=nan", "longest_s=-1", "drawing=maybe", "tag="],
)
def test_parameters_that_make_no_sense(client, clip, query):
    answer = client.post(f"/v1/identify?{query}", content=clip)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("name", "data", "looks"),
    [
        ("song.mp3", b"these are the words of a song\n" * 10, "plain text"),
        ("song.mp3", "\ufeffnaïve".encode(), "plain text"),
        ("a.wav", b"<!DOCTYPE html><html></html>", "a web page"),
        ("a.wav", b"%PDF-1.7\n\x00\xff", "a PDF document"),
        ("a.wav", b"PK\x03\x04\x14\x00", "a ZIP archive"),
        ("a.wav", b"\x1f\x8b\x08\x00", "a gzip archive"),
        ("a.wav", b"7z\xbc\xaf\x27\x1c\x00", "a 7z archive"),
        ("a.wav", b"\x7fELF\x02\x01", "a program"),
        ("a.wav", b"#!/bin/sh\nrm\n", "a program"),
        ("a.wav", b"\x89PNG\r\n\x1a\n\x00", "a picture"),
        ("a.wav", b"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture"),
        ("a.m3u8", b"#EXTM3U\nhttp://10.0.0.1/x\n", "a playlist"),
        ("a.pls", b"[playlist]\nFile1=/etc/passwd\n", "a playlist"),
        ("a.xspf", b"<?xml version='1.0'?>\n<playlist xmlns='x'/>", "a playlist"),
        ("a.wav", b"<?xml version='1.0'?><other/>", "XML"),
    ],
)
def test_what_is_no_audio_is_named(client, name, data, looks):
    answer = client.post("/v1/identify", files={"file": (name, data)})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert looks in answer.json()["detail"]
    assert name in answer.json()["detail"]


def test_bytes_that_no_decoder_knows(client):
    noise = np.random.default_rng(1).bytes(20_000)
    answer = client.post("/v1/identify", content=noise)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")


@pytest.mark.parametrize("kind", ["application/octet-stream", "audio/wav"])
def test_nothing_is_nothing(client, kind):
    answer = client.post("/v1/identify", content=b"", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, "empty")
    form = client.post("/v1/identify", files={"file": ("a.wav", b"")})
    assert (form.status_code, form.json()["code"]) == (422, "empty")


def test_a_body_that_is_not_read_to_its_end_ends_the_connection(client, clip):
    client.app.state.house.options = ServeSettings(upload_limit_bytes=10_000)
    for request in ({"content": clip}, {"files": {"file": ("a.wav", clip)}}):
        answer = client.post("/v1/identify", **request)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert answer.headers["connection"] == "close"
    read = client.post("/v1/identify", content=b"words")
    assert read.status_code == 415
    other = client.post("/v1/identify", files={"other": ("a.wav", b"x")})
    assert (other.status_code, other.json()["code"]) == (422, "invalid_request")
    assert "unknown field 'other'" in other.json()["detail"]


def test_bodies_of_other_kinds(client):
    form = client.post("/v1/identify", data={"file": "x"})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert "multipart/form-data" in form.json()["detail"]
    for text in (b"[1]", b"{", b'{"url": NaN}', b"[" * 100_000, b"\xff"):
        answer = client.post(
            "/v1/identify", content=text, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), text[:20]
        assert answer.json()["status"] == 422


def test_answers_are_counted(client, clip):
    client.post("/v1/identify?mode=sound", content=clip)
    text = client.app.state.house.metrics.text().decode()
    assert 'earmark_answers_total{kind="sound",outcome="match"} 1.0' in text
    assert 'earmark_stage_seconds_count{stage="decode"} 1.0' in text


def test_what_takes_too_long_is_stopped(client, clip, monkeypatch):
    house = client.app.state.house
    stopped = threading.Event()

    def endless(*_, stop, **__):
        stopped.set() if stop.wait(10) else None
        raise AssertionError

    monkeypatch.setattr(house.library, "identify", endless)
    house.options = ServeSettings(timeout_s=0.2)
    answer = client.post("/v1/identify", content=clip)
    assert (answer.status_code, answer.json()["code"]) == (504, "timed_out")
    assert stopped.wait(2)
    assert house.media.memory_bytes == 0


@pytest.fixture
def site(clip):
    """A web server of this machine that serves the clip at every address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "audio/wav")
            self.send_header("Content-Length", str(len(clip)))
            self.end_headers()
            self.wfile.write(clip)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_address_is_fetched(client, site):
    client.app.state.house.options = ServeSettings(private_urls=True)
    url = f"{site}/clip.wav"
    answer = client.post("/v1/identify?mode=sound", json={"url": url})
    assert (answer.status_code, answer.json()["input"]) == (200, url)
    assert answer.json()["matches"][0]["track"]["source"].endswith("/1.wav")
    secret = client.post("/v1/identify", json={"url": url.replace("//", "//me:passw@")})
    assert "passw" not in secret.text
    client.app.state.house.options = ServeSettings(private_urls=True, upload_limit_bytes=1000)
    answer = client.post("/v1/identify?mode=sound", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "fetch_failed")


def test_asking_over_http_costs_little_more(client, stocked, clip):
    def best_s(ask):
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            ask()
            taken.append(time.perf_counter() - start)
        return min(taken)

    inside_s = best_s(lambda: stocked.identify(clip, "sound"))
    over_s = best_s(lambda: client.post("/v1/identify?mode=sound", content=clip))
    assert over_s < inside_s + 0.05


def test_a_drawing():
    track = Track("t", "/a.wav", "c", 9.0, 1)
    lines = Contours(
        np.array([0.0, 0.1], np.float32),
        np.array([60.123, np.nan], np.float32),
        np.array([np.nan, 60.0], np.float32),
    )
    marks = [Landmark(i / 100, i / 100 + 5, 440.04) for i in range(5000)]
    match = Match("melody", track, 0.9, 1.0, (), 1.0, 0.0, Evidence({}, marks, lines))
    drawn = drawing_of(match)
    assert drawn["contours"] == {
        "times_s": [0.0, 0.1],
        "sung_semitones": [60.12, None],
        "tune_semitones": [None, 60.0],
    }
    assert 1600 <= len(drawn["landmarks"]) <= 2000
    assert drawn["landmarks"][0] == {"query_s": 0.0, "reference_s": 5.0, "frequency_hz": 440.0}


def test_drawings_come_with_the_answer(client, clip):
    answer = client.post("/v1/identify?mode=recording&drawing=true", content=clip).json()
    assert answer["outcome"] == "match", answer["reason"]
    landmarks = answer["matches"][0]["drawing"]["landmarks"]
    assert landmarks
    assert set(landmarks[0]) == {"query_s", "reference_s", "frequency_hz"}
    plain = client.post("/v1/identify?mode=recording", content=clip).json()
    assert "drawing" not in plain["matches"][0]
