"""Samples as a WAV file in memory: what players in pages and notebooks are given."""

from __future__ import annotations

import io
import wave

import numpy as np

from earmark.types import Clip


def wav_bytes(clip: Clip) -> bytes:
    """Return mono 16-bit WAV; what is beyond full scale is cut off.

    >>> wav_bytes(Clip(np.zeros(2, np.float32), 8000))[:4]
    b'RIFF'
    """
    steps = np.round(np.clip(clip.samples, -1.0, 1.0) * 32767.0)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.rate_hz)
        file.writeframes(steps.astype("<i2").tobytes())
    return buffer.getvalue()
