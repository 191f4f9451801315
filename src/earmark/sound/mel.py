"""Front ends: samples to the mel spectrograms that the networks were trained on, in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from earmark.sound.filters import kaldi_mel, slaney_mel
from earmark.sound.model import Float32

_BLOCK_FRAMES = 128
"""Frames of one pass: 0.4 MB, so that a block stays in the cache and memory is bounded."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A short-time power spectrum: frames of ``n_fft`` around every ``hop``-th sample.

    ``window`` samples in the middle of a frame are heard, under a Hann window that is symmetric
    or, like torch's default, ``periodic``.
    """

    n_fft: int
    window: int
    hop: int
    periodic: bool


@dataclass(frozen=True, slots=True)
class PannsMel:
    """The log-mel of PANNs (torchlibrosa): Slaney's mel scale and norm, 10 log10 of power."""

    rate_hz: int
    n_fft: int
    hop: int
    low_hz: float
    high_hz: float
    bands: int = 64


PANNS_32K = PannsMel(rate_hz=32_000, n_fft=1024, hop=320, low_hz=50.0, high_hz=14_000.0)
PANNS_16K = PannsMel(rate_hz=16_000, n_fft=512, hop=160, low_hz=50.0, high_hz=8_000.0)

EFFICIENTAT_RATE_HZ = 32_000
EFFICIENTAT_BANDS = 128
_EFFICIENTAT_HIGH_HZ = 15_000.0


def efficientat_mel(samples: Float32, hop: int = 320) -> Float32:
    """Return the mel spectrogram of EfficientAT, scaled to about -1.4..2.

    y[n] = x[n + 1] - .97 x[n]; power in 128 Kaldi bands of 0..15000 Hz; (ln(p + 1e-5) + 4.5) / 5.

    Parameters
    ----------
    samples
        (n,), n >= 2, mono at 32 kHz.
    hop
        320: 100 frames a second; 640: every second of them.

    Returns
    -------
    mel
        (128, 1 + (n - 1) // hop)

    Notes
    -----
    Schmid, Koutini, Widmer: Efficient large-scale audio tagging, 2023; upstream's
    ``models/preprocess.py`` in eval mode.
    """
    sharpened = samples[1:] - np.float32(0.97) * samples[:-1]
    spectrum = Spectrum(n_fft=1024, window=800, hop=hop, periodic=False)
    mel = _banded(sharpened, spectrum, _efficientat_bank())
    mel += np.float32(1e-5)
    np.log(mel, out=mel)
    mel += np.float32(4.5)
    mel *= np.float32(0.2)
    return mel.T


def panns_mel(samples: Float32, params: PannsMel) -> Float32:
    """Return the log-mel of PANNs in dB (frames, bands) of samples (n,), n >= 1.

    Notes
    -----
    Kong et al.: PANNs, 2020; torchlibrosa's ``Spectrogram`` and ``LogmelFilterBank`` with
    amin 1e-10, ref 1, no top_db.
    """
    spectrum = Spectrum(params.n_fft, params.n_fft, params.hop, periodic=True)
    mel = _banded(samples, spectrum, panns_bank(params))
    np.maximum(mel, np.float32(1e-10), out=mel)
    np.log10(mel, out=mel)
    mel *= np.float32(10.0)
    return mel


@cache
def panns_bank(params: PannsMel) -> Float32:
    """Return the mel matrix (n_fft / 2 + 1, bands), which librosa makes too."""
    bank = slaney_mel(params.rate_hz, params.n_fft, params.bands, params.low_hz, params.high_hz)
    return np.ascontiguousarray(bank.T.astype(np.float32))


@cache
def _efficientat_bank() -> Float32:
    bank = kaldi_mel(EFFICIENTAT_RATE_HZ, 1024, EFFICIENTAT_BANDS, 0.0, _EFFICIENTAT_HIGH_HZ)
    return np.ascontiguousarray(bank.T.astype(np.float32))


def _banded(samples: Float32, spectrum: Spectrum, bank: Float32) -> Float32:
    """Return the power in bands (frames, bands), block by block."""
    half = spectrum.n_fft // 2
    # numpy mirrors as often as it takes, so a clip may be shorter than half a frame.
    padded = np.pad(samples, half, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, spectrum.n_fft)[:: spectrum.hop]
    # Outside the window a frame is zero; the transform's own padding spares us to multiply it.
    left = (spectrum.n_fft - spectrum.window) // 2
    heard = frames[:, left : left + spectrum.window]
    window = _hann(spectrum.window, spectrum.periodic)
    mel = np.empty((len(frames), bank.shape[1]), np.float32)
    for at in range(0, len(frames), _BLOCK_FRAMES):
        block = np.fft.rfft(heard[at : at + _BLOCK_FRAMES] * window, spectrum.n_fft, axis=1)
        power = np.square(block.real)
        power += np.square(block.imag)
        np.matmul(power, bank, out=mel[at : at + _BLOCK_FRAMES])
    return mel


@cache
def _hann(length: int, periodic: bool) -> Float32:
    phase = np.arange(length) / (length if periodic else length - 1)
    window: npt.NDArray[np.float64] = 0.5 - 0.5 * np.cos(2.0 * np.pi * phase)
    return window.astype(np.float32)
