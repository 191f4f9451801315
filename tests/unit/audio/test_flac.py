from __future__ import annotations

import io

import numpy as np
import soundfile

from earmark.audio.flac import flac_bytes
from earmark.types import Clip


def test_flac_says_what_the_clip_said(music):
    clip = Clip(music(3)[: 5 * 16000], 16000)
    data = flac_bytes(clip)
    again, rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")
    assert soundfile.info(io.BytesIO(data)).subtype == "PCM_16"
    assert (rate_hz, len(again)) == (16000, len(clip.samples))
    assert np.abs(again - clip.samples).max() < 1 / 32767
    assert flac_bytes(Clip(clip.samples.copy(), 16000)) == data


def test_what_is_beyond_full_scale_is_cut_off():
    again, _ = soundfile.read(io.BytesIO(flac_bytes(Clip(np.float32([2.0, -3.0]), 8000))))
    assert np.allclose(again, [32767 / 32768, -32767 / 32768])
