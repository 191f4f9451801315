"""No damage to a file lets anything but earmark's own errors out."""

import functools
import io

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio.decode import decode
from earmark.audio.tags import read_tags
from earmark.errors import InputError

RATE_HZ = 22050


def _tone():
    t = np.arange(RATE_HZ) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * 300 * t * (1 + t))).astype(np.float32)


@functools.cache
def _made(kind):
    memory = io.BytesIO()
    if kind != "m4a":
        container, subtype = {
            "wav": ("WAV", "FLOAT"),
            "flac": ("FLAC", "PCM_16"),
            "ogg": ("OGG", "VORBIS"),
            "mp3": ("MP3", "MPEG_LAYER_III"),
            "aiff": ("AIFF", "PCM_24"),
        }[kind]
        soundfile.write(memory, _tone(), RATE_HZ, format=container, subtype=subtype)
        return memory.getvalue()
    with av.open(memory, "w", format="ipod") as out:
        stream = out.add_stream("aac", rate=RATE_HZ)
        stream.layout = "mono"
        for start in range(0, RATE_HZ, 1024):
            block = np.ascontiguousarray(_tone()[np.newaxis, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return memory.getvalue()


@st.composite
def damaged(draw, kind):
    data = bytearray(_made(kind))
    for _ in range(draw(st.integers(0, 12))):
        near_the_head = draw(st.booleans())
        at = draw(st.integers(0, min(len(data), 300 if near_the_head else len(data)) - 1))
        data[at] ^= 1 << draw(st.integers(0, 7))
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "m4a", "aiff"])
def test_damage_gives_audio_or_an_input_error(kind):
    @settings(
        max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(damaged(kind))
    def check(data):
        try:
            decoded = decode(data, 16000, max_s=600)
        except InputError as error:
            message = error.message
        else:
            message = " ".join(decoded.warnings)
            assert np.isfinite(decoded.clip.samples).all()
            assert len(decoded.clip.samples) < 601 * 16000
        assert "\n" not in message
        read_tags(data)

    check()
