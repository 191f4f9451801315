"""Samples as a FLAC file in memory: what evidence is kept as."""

from __future__ import annotations

import io

import numpy as np

from earmark.types import Clip


def flac_bytes(clip: Clip) -> bytes:
    """Return mono 16-bit FLAC; what is beyond full scale is cut off.

    The same clip gives the same bytes (with one release of libsndfile and libFLAC).

    >>> flac_bytes(Clip(np.zeros(2, np.float32), 8000))[:4]
    b'fLaC'
    """
    import soundfile

    steps = np.round(np.clip(clip.samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, steps, clip.rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
