"""The timbre vector: what needs no network, and what networks miss in sounds under a second.

Mel-frequency cepstra after Davis and Mermelstein, "Comparison of parametric representations for
monosyllabic word recognition", IEEE Trans. ASSP 28 (1980): mean and spread over the stretch, and
the spread of their change from frame to frame.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from earmark.types import Samples

Floats = npt.NDArray[np.float32]

VERSION = "timbre-1"
COEFFICIENTS = 20
DIMENSION = 3 * COEFFICIENTS
_BANDS = 40
_FRAME_S, _HOP_S = 0.032, 0.025
_LEAST_HZ, _MOST_HZ = 50.0, 14000.0
_FLOOR = 1e-10
_RANGE_BELS = 6.0
_BLOCK_FRAMES = 2048


def timbre(samples: Samples, rate_hz: int) -> Floats:
    """Return (60,) float32: means, spreads and spreads of change of 20 mel cepstra.

    Each is told in units of about its own spread among sounds.

    Parameters
    ----------
    samples
        (n,) mono, n of 1 at least; what is shorter than a frame is padded with silence.
    rate_hz
        8000 at least.
    """
    frame, hop = round(_FRAME_S * rate_hz), round(_HOP_S * rate_hz)
    short = max(0, frame + hop - len(samples))
    padded = np.pad(samples, (short // 2, short - short // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    shape = np.hanning(frame + 1)[:-1].astype(np.float32)
    mel, cosines = _mel_bands(rate_hz, frame), _cosines()
    parts = []
    for first in range(0, len(frames), _BLOCK_FRAMES):
        spectrum = np.fft.rfft(frames[first : first + _BLOCK_FRAMES] * shape, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        parts.append(np.log10(np.maximum(power @ mel, _FLOOR)))
    bels = np.concatenate(parts)
    cepstra = np.maximum(bels, bels.max() - _RANGE_BELS) @ cosines
    change = np.diff(cepstra, axis=0)
    found = (cepstra.mean(axis=0), cepstra.std(axis=0), change.std(axis=0))
    return np.asarray(np.concatenate(found) / _typical(), np.float32)


@cache
def _typical() -> Floats:
    """Return (60,) about how far each component varies among sounds: the unit it is told in."""
    order = np.arange(1, COEFFICIENTS + 1)
    parts = (8.0 * order**-1.25, 2.0 * order**-0.9, 1.2 / order)
    return np.concatenate(parts).astype(np.float32)


@cache
def _cosines() -> Floats:
    """Return (bands, coefficients), the orthonormal DCT-II."""
    band, order = np.arange(_BANDS)[:, None], np.arange(COEFFICIENTS)[None, :]
    waves = np.cos(np.pi / _BANDS * (band + 0.5) * order) * np.sqrt(2.0 / _BANDS)
    waves[:, 0] /= np.sqrt(2.0)
    return np.asarray(waves, np.float32)


@cache
def _mel_bands(rate_hz: int, frame: int) -> Floats:
    """Return (frame // 2 + 1, bands): triangles of equal area on O'Shaughnessy's mel scale."""
    most_hz = min(_MOST_HZ, rate_hz / 2.0)
    corners = np.linspace(_mel(_LEAST_HZ), _mel(most_hz), _BANDS + 2)
    corners_hz = 700.0 * (10.0 ** (corners / 2595.0) - 1.0)
    hz = np.fft.rfftfreq(frame, 1.0 / rate_hz)[:, None]
    low, middle, high = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    rising, falling = (hz - low) / (middle - low), (high - hz) / (high - middle)
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    return triangles.astype(np.float32)


def _mel(hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hz / 700.0))
