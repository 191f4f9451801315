"""Triangular filters on two mel scales: Kaldi's and Slaney's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

_SLANEY_STEP_HZ = 200.0 / 3.0
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def kaldi_mel(rate_hz: int, n_fft: int, bands: int, low_hz: float, high_hz: float) -> Float64:
    """Return Kaldi's mel matrix (bands, n_fft / 2 + 1): triangles on mel = 1127 ln(1 + f / 700).

    The bin at half the rate is not heard, as in ``torchaudio.compliance.kaldi``.
    """
    edges = np.linspace(_kaldi(low_hz), _kaldi(high_hz), bands + 2)[:, None]
    bins = _kaldi(np.arange(n_fft // 2) * (rate_hz / n_fft))[None, :]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.pad(weights, ((0, 0), (0, 1)))


def slaney_mel(rate_hz: int, n_fft: int, bands: int, low_hz: float, high_hz: float) -> Float64:
    """Return Slaney's mel matrix (bands, n_fft / 2 + 1): triangles in Hz, each of area 1.

    The same as ``librosa.filters.mel`` by default.
    """
    ends = _to_slaney(np.array([low_hz, high_hz]))
    edges = _from_slaney(np.linspace(ends[0], ends[1], bands + 2))[:, None]
    bins = (np.arange(n_fft // 2 + 1) * (rate_hz / n_fft))[None, :]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights: Float64 = np.maximum(0.0, np.minimum(rising, falling))
    return weights * (2.0 / (edges[2:] - edges[:-2]))


def _kaldi(hz: npt.ArrayLike) -> Float64:
    mel: Float64 = 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)
    return mel


def _to_slaney(hz: Float64) -> Float64:
    """Return Slaney's mel: 3 f / 200 below 1 kHz, logarithmic above."""
    straight = hz / _SLANEY_STEP_HZ
    bent = _SLANEY_BREAK_HZ / _SLANEY_STEP_HZ + np.log(
        np.maximum(hz, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ
    ) / float(_SLANEY_LOG_STEP)
    return np.where(hz < _SLANEY_BREAK_HZ, straight, bent)


def _from_slaney(mel: Float64) -> Float64:
    break_mel = _SLANEY_BREAK_HZ / _SLANEY_STEP_HZ
    bent = _SLANEY_BREAK_HZ * np.exp(float(_SLANEY_LOG_STEP) * (mel - break_mel))
    return np.where(mel < break_mel, mel * _SLANEY_STEP_HZ, bent)
