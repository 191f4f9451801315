"""Pitch of one voice: a neural tracker for voices, a spectral peak tracker for whistles."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.melody.params import RATE_HZ, VoiceParams

if TYPE_CHECKING:
    from swift_f0 import SwiftF0

Floats = npt.NDArray[np.float32]

HOP = 256
PITCH_HZ = RATE_HZ / HOP
_WHISTLE_FRAME = 1024
_LOUD_SHARE = 1e-3


@cache
def _tracker() -> SwiftF0:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)


def track_voice(samples: Floats, params: VoiceParams) -> Floats:
    """Return the pitch of a lone voice or whistle in MIDI semitones at `PITCH_HZ`, NaN unvoiced.

    Parameters
    ----------
    samples
        (n,) float32 mono at 16 kHz.
    """
    if not len(samples):
        return np.zeros(0, np.float32)
    voice = _voice(samples, params)
    sung = voice > 0
    high = sung.any() and float(np.median(voice[sung])) > params.whistle_median_hz
    if high or float(sung.mean()) < params.whistle_voiced_share:
        whistle = track_whistle(samples, params)
        if (whistle > 0).sum() > sung.sum() or high:
            voice = whistle
    pitch = np.full(len(voice), np.nan, np.float32)
    sung = voice > 0
    pitch[sung] = 69.0 + 12.0 * np.log2(voice[sung] / 440.0)
    return pitch


def _voice(samples: Floats, params: VoiceParams) -> Floats:
    """Return f0 in Hz a hop (Nieradzik 2025, SwiftF0), 0 where the tracker is not confident."""
    result = _tracker().detect(samples, RATE_HZ)
    return confident(result.pitch_hz, result.confidence, params)


def confident(
    hz: npt.NDArray[np.floating], confidence: npt.NDArray[np.floating], params: VoiceParams
) -> Floats:
    """Return ``hz`` where it is to be trusted, 0 elsewhere."""
    sure = confidence >= params.least_confidence
    if sure.mean() < params.faint_share:  # a far or hoarse voice: take what there is
        sure = confidence >= params.faint_confidence
    return np.where(sure, hz, 0.0).astype(np.float32)


def track_whistle(samples: Floats, params: VoiceParams) -> Floats:
    """Return the strongest spectral peak in Hz a hop, 0 where the sound is not one clear tone.

    The peak is refined by a parabola through the log magnitudes around it.
    """
    count = -(-len(samples) // HOP)
    padded = np.pad(samples, (_WHISTLE_FRAME // 2, _WHISTLE_FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WHISTLE_FRAME)[::HOP][:count]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WHISTLE_FRAME).astype(np.float32), axis=1)) ** 2
    bin_hz = RATE_HZ / _WHISTLE_FRAME
    low, high = int(params.whistle_least_hz / bin_hz), int(params.whistle_most_hz / bin_hz)
    rows, peak = np.arange(len(power)), power[:, low:high].argmax(1) + low
    left, middle, right = (np.log(power[rows, peak + k] + 1e-12) for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    offset = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    tone = sum(power[rows, peak + k] for k in range(-2, 3))
    tonality = tone / (power[:, int(100 / bin_hz) :].sum(1) + 1e-9)
    loud = power.sum(1)
    sung = (tonality > params.whistle_tonality) & (loud > np.percentile(loud, 95) * _LOUD_SHARE)
    hz = (peak + np.clip(offset, -1, 1)) * bin_hz
    return np.where(sung & (loud > 1e-6), hz, 0.0).astype(np.float32)
