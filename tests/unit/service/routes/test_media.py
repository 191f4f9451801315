"""A track's file, stretches of it, its waveform and its cover over HTTP."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE_HZ = 16000


@pytest.fixture
def first(client) -> dict:
    """The first track of the library."""
    return client.get("/v1/tracks?limit=1").json()["tracks"][0]


@pytest.fixture
def data(first) -> bytes:
    """Its file."""
    return Path(first["source"]).read_bytes()


@pytest.fixture
def where(first) -> str:
    """The address of its audio."""
    return f"/v1/tracks/{first['id']}/audio"


def test_the_whole_file(client, where, data):
    answer = client.get(where)
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''0.wav"
    head = client.head(where, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "content-type", "last-modified", "accept-ranges"):
        assert head.headers[name] == answer.headers[name]


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=100-", 100, None),
        ("bytes=-100", -100, None),
        ("bytes=-99999999999", 0, None),
        ("bytes=100-99999999999", 100, None),
        ("Bytes = 1 - 2", 1, 3),
    ],
)
def test_ranges(client, where, data, header, start, end):
    answer = client.get(where, headers={"Range": header})
    wanted = data[start:end]
    assert (answer.status_code, answer.content) == (206, wanted)
    begin = start if start >= 0 else len(data) + start
    said = f"bytes {begin}-{begin + len(wanted) - 1}/{len(data)}"
    assert answer.headers["content-range"] == said
    assert answer.headers["content-length"] == str(len(wanted))


@pytest.mark.parametrize(
    "header", ["bytes=5-2", "bytes=-", "items=0-1", "bytes=a-b", "bytes=0-1,5-6", "0-1", "bytes=²-"]
)
def test_ranges_that_are_ignored(client, where, data, header):
    answer = client.get(where, headers={"Range": header.encode()})
    assert (answer.status_code, answer.content) == (200, data)


def test_ranges_behind_the_end(client, where, data):
    for header in (f"bytes={len(data)}-", "bytes=-0", "bytes=9999999999-99999999999"):
        answer = client.get(where, headers={"Range": header})
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
        assert answer.headers["content-range"] == f"bytes */{len(data)}"


def test_conditions(client, where, data):
    whole = client.get(where)
    etag, modified = whole.headers["etag"], whole.headers["last-modified"]
    same = client.get(where, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    for condition, status in ((etag, 206), (modified, 206), ('"other"', 200), (f"W/{etag}", 200)):
        part = {"Range": "bytes=0-9", "If-Range": condition}
        assert client.get(where, headers=part).status_code == status, condition


def test_a_file_that_is_gone_or_is_none(client, stocked, write, song, tmp_path):
    path = write("gone.wav", song(5))
    track = stocked.put(path).track
    path.unlink()
    for what in ("audio", "audio?start_s=1", "waveform"):
        answer = client.get(f"/v1/tracks/{track.id}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_media"), what
    os.mkfifo(path)  # a pipe of the same name must not hold the service up
    assert client.get(f"/v1/tracks/{track.id}/audio").json()["code"] == "no_media"
    assert client.get("/v1/tracks/nothing/audio").json()["code"] == "track_not_found"


def test_a_path_that_leads_to_something_else_hands_nothing_out(client, stocked, write, song):
    path = write("swapped.wav", song(5))
    track = stocked.put(path).track
    path.write_text("root:x:0:0:root:/root:/bin/sh\n")
    answer = client.get(f"/v1/tracks/{track.id}/audio")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_media")
    assert "root" not in answer.text


def test_an_upload_is_found_where_the_library_moved_to(client, song, stocked):
    file = io.BytesIO()
    soundfile.write(file, song(5), RATE_HZ, format="WAV")
    track = client.post("/v1/tracks", content=file.getvalue()).json()
    room = client.app.state.house.media
    moved = room.folder.with_name("elsewhere")
    room.folder.rename(moved)
    assert client.get(f"/v1/tracks/{track['id']}/audio").status_code == 404
    room._folder = moved
    assert client.get(f"/v1/tracks/{track['id']}/audio").content == file.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.html", "application/octet-stream"), ("a", "application/octet-stream"), ("a.ogg", None)],
)
def test_types_that_no_browser_shows_as_a_page(client, song, name, kind):
    file = io.BytesIO()
    soundfile.write(file, song(5)[: 4 * RATE_HZ], RATE_HZ, format="WAV")
    data = file.getvalue()
    track = client.post("/v1/tracks", files={"file": (name, data)}).json()
    answer = client.get(f"/v1/tracks/{track['id']}/audio")
    if name == "a":  # named after what it is
        kind = "audio/wav"
    assert answer.headers["content-type"] == (kind or "audio/ogg")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_names_in_every_script(client, song):
    file = io.BytesIO()
    soundfile.write(file, song(5)[: 4 * RATE_HZ], RATE_HZ, format="WAV")
    track = client.post("/v1/tracks", files={"file": ('茉莉花 "x".wav', file.getvalue())}).json()
    assert track["source"].endswith("/茉莉花 x.wav")
    header = client.get(f"/v1/tracks/{track['id']}/audio").headers["content-disposition"]
    assert header == "inline; filename*=UTF-8''%E8%8C%89%E8%8E%89%E8%8A%B1%20x.wav"


def test_a_stretch(client, where, song):
    answer = client.get(f"{where}?start_s=2&duration_s=3")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert (rate_hz, samples.ndim) == (32_000, 1)
    assert len(samples) == pytest.approx(3 * rate_hz, abs=2)
    expected = song(0)[2 * RATE_HZ : 5 * RATE_HZ]
    assert np.corrcoef(samples[::2][: len(expected)], expected)[0, 1] > 0.99
    tag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"{where}?start_s=2&duration_s=3", headers=tag).status_code == 304
    assert client.get(f"{where}?start_s=2&duration_s=2", headers=tag).status_code == 200
    for query in ("duration_s=61", "duration_s=0", "start_s=-1", "start_s=nan"):
        assert client.get(f"{where}?{query}").json()["code"] == "invalid_request"


def test_a_waveform(client, first, song, monkeypatch):
    where = f"/v1/tracks/{first['id']}/waveform"
    answer = client.get(f"{where}?points=100&start_s=1&end_s=3")
    shape = answer.json()
    assert (shape["duration_s"], shape["start_s"], shape["end_s"]) == (12.0, 1.0, 3.0)
    assert len(shape["peaks"]) == 100
    part = song(0)[RATE_HZ : 3 * RATE_HZ].reshape(100, -1)
    expected = np.stack((part.min(axis=1), part.max(axis=1)), axis=1)
    assert np.abs(np.array(shape["peaks"]) - expected).max() < 0.02
    library = client.app.state.house.library
    monkeypatch.setattr(library, "waveform", None)  # the second time it is not measured again
    assert client.get(f"{where}?points=100&start_s=1&end_s=3").json() == shape
    tag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"{where}?points=100&start_s=1&end_s=3", headers=tag).status_code == 304
    for query in ("points=15", "points=4001", "start_s=3&end_s=3", "start_s=-1", "end_s=inf"):
        assert client.get(f"{where}?{query}").json()["code"] == "invalid_request"


def test_a_cover(client, first, stocked, monkeypatch):
    where = f"/v1/tracks/{first['id']}/cover"
    assert client.get(where).json()["code"] == "no_media"
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    monkeypatch.setattr(stocked, "cover", lambda _: png)
    answer = client.get(where)
    assert (answer.content, answer.headers["content-type"]) == (png, "image/png")
    tag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(where, headers=tag).status_code == 304
    monkeypatch.setattr(stocked, "cover", lambda _: b"<svg onload='x'>")
    assert client.get(where).json()["code"] == "no_media"
