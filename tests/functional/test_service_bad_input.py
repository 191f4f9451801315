"""Files that are none, too large, or spoilt, sent to a real service: refused, and nothing left."""

from __future__ import annotations

import importlib.util
import io
import random
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from rough_service import (
    NOISE,
    RATE_HZ,
    asked_raw,
    refused,
    wav,
)

pytestmark = pytest.mark.usefixtures("nothing_is_left")
MUTANTS = 150
BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "service"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.wav", bytes(10_000_000))
    return file.getvalue()


HOLES = NOISE.copy()
HOLES[::7] = np.nan
HOLES[::11] = np.inf
FILES = {
    "a.pdf": (b"%PDF-1.7\n" + bytes(500), 415, "unsupported_media_type"),
    "a.zip": (zipped(), 415, "unsupported_media_type"),
    "bomb.mp3": (zipped(), 415, "unsupported_media_type"),
    "page.wav": (b"<!doctype html><script>alert(1)</script>", 415, "unsupported_media_type"),
    "a.exe": (b"MZ" + bytes(200), 415, "unsupported_media_type"),
    "elf.flac": (b"\x7fELF" + bytes(200), 415, "unsupported_media_type"),
    "text.mp3": (b"These are only words.\n" * 50, 415, "unsupported_media_type"),
    "svg.ogg": (b"<svg onload='x()'/>", 415, "unsupported_media_type"),
    "noise.mp3": (random.Random(1).randbytes(5000), 415, "not_audio"),
    "empty.wav": (b"", 422, "empty"),
    "head.wav": (wav(NOISE[:0]), 422, "empty"),
    "head.flac": (b"fLaC", 415, "not_audio"),
    "cut.wav": (wav(NOISE)[:30], 415, "not_audio"),
    "short.wav": (wav(NOISE[: RATE_HZ // 20]), 422, "too_short"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_sound_is_refused_by_both_doors(client, name):
    data, status, code = FILES[name]
    for path in ("/v1/identify", "/v1/tracks"):
        assert refused(client.post(path, files={"file": (name, data)}), status) == code, path
        raw = client.post(path, content=data, headers={"Content-Type": "audio/wav"})
        assert refused(raw, status) == code, path


def test_silence_is_no_match_and_no_track(client):
    silent = {"file": ("silent.wav", wav(np.zeros(3 * RATE_HZ, np.float32)))}
    asked = client.post("/v1/identify", files=silent).json()
    assert (asked["outcome"], asked["matches"]) == ("no_match", [])
    assert "silent" in asked["reason"]
    assert refused(client.post("/v1/tracks", files=silent), 422) == "silent"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("holes.wav", wav(HOLES, subtype="FLOAT")),
        ("surround.wav", wav(np.tile(NOISE[:RATE_HZ, None], (1, 8)), 192_000)),
        ("cut.wav", wav(NOISE)[:-RATE_HZ]),
        ("loud.wav", wav(NOISE * 1e30, subtype="FLOAT")),
    ],
)
def test_strange_sound_is_heard_or_refused_but_never_breaks(client, name, data):
    asked = client.post("/v1/identify", files={"file": (name, data)})
    if asked.status_code != 200:
        assert refused(asked, 415, 422)
    added = client.post("/v1/tracks", files={"file": (name, data)})
    if added.status_code == 201:
        assert client.delete(added.headers["Location"]).status_code == 204
    else:
        assert refused(added, 415, 422)


PLAYLISTS = {
    "self.m3u": b"#EXTM3U\n" + b"#EXTINF:1,x\nself.m3u\n" * 1000,
    "bomb.m3u": b"#EXTM3U\n" + b"bomb.m3u\n" * 100_000,
    "bare.m3u": b"bare.m3u\n" * 100_000,
    "local.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "hls.wav": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n",
    "concat.mp3": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "list.pls": b"[playlist]\nFile1=file:///etc/passwd\n",
    "list.xspf": b"<?xml version='1.0'?><playlist><track><location>x</location></track></playlist>",
    "dash.mp4": b"<?xml version='1.0'?><MPD><BaseURL>file:///etc/</BaseURL></MPD>",
    "call.sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_what_a_playlist_names_is_never_opened(client, name):
    for path in ("/v1/identify", "/v1/tracks", "/v1/jobs"):
        answer = client.post(path, files={"file": (name, PLAYLISTS[name])})
        assert refused(answer, 415) == "unsupported_media_type", path


def test_two_gigabytes_are_refused_at_once(rough):
    for path in ("/v1/identify", "/v1/tracks", "/v1/import"):
        started = time.monotonic()
        got = rough.said(asked_raw(rough, path, "Content-Length: 2000000000") + b"RIFF" * 100)
        assert got.startswith(b"HTTP/1.1 413 "), path
        assert b'"code":"too_large"' in got
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/tracks"])
def test_a_body_without_a_promise_ends_at_the_limit(client, clip, path):
    """Chunked: the answer comes although the client is still sending, and is not reset away."""
    sent = 0

    def endless():
        nonlocal sent
        yield clip[:44]
        while sent < 200_000_000:
            sent += 65_536
            yield bytes(65_536)

    answer = client.post(path, content=endless(), headers={"Content-Type": "audio/wav"})
    assert refused(answer, 413) == "too_large"


def test_spoilt_files_break_nothing(client, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("mutants", BENCHMARKS / "mutants.py")
    mutants = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutants)
    rng = np.random.default_rng(7)
    files = [mutants.whole(tmp_path, kind, rng) for kind in mutants.FORMATS]
    kinds = list(mutants.FORMATS)

    def send(seed: int) -> tuple[str, int]:
        random_ = random.Random(seed)
        which = random_.randrange(len(files))
        data = mutants.spoilt(files[which], random_.choice(files), random_)
        sent = {"file": (f"spoilt.{kinds[which]}", data)}
        path = "/v1/identify" if seed % 3 else "/v1/tracks"
        answer = client.post(path, files=sent)
        if answer.status_code == 201:
            assert client.delete(answer.headers["Location"]).status_code == 204
        return path, answer.status_code

    with ThreadPoolExecutor(2) as pool:
        tally = Counter(pool.map(send, range(MUTANTS)))
    assert {status for _, status in tally} <= {200, 201, 415, 422}, tally
    assert min(tally["/v1/identify", 200], tally["/v1/tracks", 201]) > 0, tally
