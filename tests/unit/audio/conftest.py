"""Audio files of every kind, made here through soundfile and PyAV; nothing is checked in.

Tests reach the makers through the fixture ``make``: ``make.mp3(make.tone(2.0))``.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile

RATE_HZ = 44100
TAGS = {
    "title": "Tïtle ☃",
    "artist": "Ärtist",
    "album": "Album",
    "date": "2001-02-03",
    "genre": "Rock",
}


def tone(seconds, rate_hz=RATE_HZ, channels=1, hz=300.0, amplitude=0.3, seed=0):
    """A rising tone of moving loudness with a little noise: float32 (n, channels)."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(seed)
    wave = (
        amplitude
        * np.sin(2 * np.pi * t * (hz + 60.0 * t))
        * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * t))
    )
    noise = 0.002 * rng.standard_normal((len(t), channels))
    return (wave[:, np.newaxis] + noise).astype(np.float32)


def with_soundfile(samples, rate_hz=RATE_HZ, kind="WAV", subtype=None) -> bytes:
    memory = io.BytesIO()
    soundfile.write(memory, samples, rate_hz, format=kind, subtype=subtype)
    return memory.getvalue()


def with_libav(samples, container, codec, rate_hz=RATE_HZ, metadata=None, cover=None, video=False):
    """Encode float32 (n, channels) into a container, perhaps beside pictures."""
    layout = {1: "mono", 2: "stereo", 8: "7.1"}[samples.shape[1]]
    memory = io.BytesIO()
    with av.open(memory, "w", format=container) as out:
        out.metadata.update(metadata or {})
        stream = out.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        stream.bit_rate = 128_000
        picture = _add_video(out) if video else None
        art = _add_cover(out) if cover else None
        stream.codec_context.open()
        convert = av.AudioResampler(stream.codec_context.format.name, layout, rate_hz)
        if art is not None:
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = art, 0, 0, True
            out.mux(packet)
        for start in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[start : start + 1024]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, start
            for ready in convert.resample(frame):
                out.mux(stream.encode(ready))
        for ready in convert.resample(None):
            out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
        if picture is not None:
            for number in range(5):
                image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
                image.pts = number
                out.mux(picture.encode(image))
            out.mux(picture.encode(None))
    return memory.getvalue()


def _add_video(out):
    picture = out.add_stream("mpeg4", rate=5)
    picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
    return picture


def _add_cover(out):
    art = out.add_stream("png", rate=1)
    art.width, art.height, art.pix_fmt = 1, 1, "rgb24"
    art.disposition = av.stream.Disposition.attached_pic
    return art


def video_only() -> bytes:
    memory = io.BytesIO()
    with av.open(memory, "w", format="matroska") as out:
        picture = _add_video(out)
        for number in range(5):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            image.pts = number
            out.mux(picture.encode(image))
        out.mux(picture.encode(None))
    return memory.getvalue()


def mp3(samples, rate_hz=RATE_HZ, metadata=None) -> bytes:
    return with_libav(samples, "mp3", "libmp3lame", rate_hz, metadata)


def m4a(samples, rate_hz=RATE_HZ, metadata=None) -> bytes:
    return with_libav(samples, "ipod", "aac", rate_hz, metadata)


def sparse_wav(path: Path, seconds: int, rate_hz: int) -> None:
    """A 16-bit mono WAV of zeros that takes no room on the disk."""
    size = seconds * rate_hz * 2
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    head += b"data" + struct.pack("<I", size)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)


def png() -> bytes:
    """The smallest picture there is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def id3(frames: list[tuple[bytes, bytes]], version: int = 3) -> bytes:
    """An ID3v2 tag of raw frames."""

    def safe(n: int) -> bytes:
        return bytes([(n >> 21) & 127, (n >> 14) & 127, (n >> 7) & 127, n & 127])

    size = safe if version == 4 else (lambda n: struct.pack(">I", n))
    body = b"".join(name + size(len(data)) + b"\0\0" + data for name, data in frames)
    return b"ID3" + bytes([version, 0, 0]) + safe(len(body)) + body


def flac_picture(picture: bytes) -> bytes:
    """The body of a FLAC picture block: front cover, png."""
    mime = b"image/png"
    return (
        struct.pack(">II", 3, len(mime))
        + mime
        + struct.pack(">IIIIII", 0, 1, 1, 24, 0, len(picture))
        + picture
    )


def flac_with_picture(flac: bytes, picture: bytes) -> bytes:
    """Put a picture block right after STREAMINFO."""
    block = flac_picture(picture)
    return flac[:42] + b"\x06" + struct.pack(">I", len(block))[1:] + block + flac[42:]


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(
        RATE_HZ=RATE_HZ,
        TAGS=TAGS,
        tone=tone,
        wav=with_soundfile,
        container=with_libav,
        mp3=mp3,
        m4a=m4a,
        video_only=video_only,
        sparse_wav=sparse_wav,
        png=png,
        id3=id3,
        flac_picture=flac_picture,
        flac_with_picture=flac_with_picture,
    )
