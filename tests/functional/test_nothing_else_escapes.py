"""Whatever is handed in, an answer comes back or an `EarmarkError`, one sentence each."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

from earmark import EarmarkError

RATE_HZ = 16000


def truncated(write):
    return write("a.wav", 1).read_bytes()[:1000]


BAD = {
    "nothing": lambda write: b"",
    "one byte": lambda write: b"R",
    "text": lambda write: b"hello\n" * 1000,
    "noise": lambda write: np.random.default_rng(1).bytes(50_000),
    "truncated wav": truncated,
    "truncated flac": lambda write: write("a.flac", 1).read_bytes()[:5000],
    "header only": lambda write: write("a.wav", np.zeros(0)).read_bytes(),
    "silence": lambda write: write("a.wav", np.zeros(RATE_HZ)).read_bytes(),
    "50 ms": lambda write: write("a.wav", np.full(800, 0.1)).read_bytes(),
    "8 bit": lambda write: write("a.wav", 1, subtype="PCM_U8").read_bytes(),
    "8 channels": lambda write: write("a.wav", np.full((RATE_HZ, 8), 0.1)).read_bytes(),
    "192 kHz": lambda write: write("a.wav", np.full(192000, 0.1), 192000).read_bytes(),
    "not numbers": lambda write: write(
        "a.wav", np.full(RATE_HZ, np.nan), subtype="FLOAT"
    ).read_bytes(),
    "infinite": lambda write: write(
        "a.wav", np.full(RATE_HZ, np.inf), subtype="FLOAT"
    ).read_bytes(),
    "playlist": lambda write: b"#EXTM3U\na.mp3\n",
    "page": lambda write: b"<!doctype html><html></html>",
    "id3 alone": lambda write: b"ID3\x04\x00\x00\x00\x00\x0f\x7f" + bytes(2000),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("way", ["bytes", "file", "object", "added"])
def test_bad_audio(shelf, write, tmp_path, what, way):
    data = BAD[what](write)
    path = tmp_path / "bad.mp3"
    path.write_bytes(data)
    if way == "added":
        report = shelf.add(path)
        assert len(report.failed) + report.added == 1
        sentences = [failure.message for failure in report.failed]
        assert all(failure.code != "internal" for failure in report.failed), sentences
    else:
        source = {"bytes": data, "file": path, "object": io.BytesIO(data)}[way]
        try:
            answer = shelf.identify(source)
        except EarmarkError as error:
            sentences = [error.message]
        else:
            sentences = [answer.reason]
    assert all(sentence and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "/none/such.wav",
        "\0",
        "a" * 5000,
        "http://127.0.0.1:9/x.mp3",
        "ftp://example.org/x",
        "/dev/null",
        os.fsdecode(b"\xff.wav"),
    ],
)
def test_bad_places(shelf, source):
    with pytest.raises(EarmarkError):
        shelf.identify(source)
    report = shelf.add([source])
    assert len(report.failed) >= 1
    assert all(failure.message.encode() for failure in report.failed)
