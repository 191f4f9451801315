"""Sheets in, figures of each half second out: what tells music, speech and noise apart.

A block is 32 frames (0.51 s). Its figures need the block before besides, never one that follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from earmark.recording.params import SpectrumParams

Floats = npt.NDArray[np.float32]

BLOCK_FRAMES = 32
"""Frames that share one line of figures."""
_STEP = 8  # frames that are averaged to look for tones that last
_BANDS = 20
_GROUPS = ((0, 5), (5, 10), (10, 15), (15, 20))  # of bands
_SHAPE = 10  # bands, two and two, whose level is told
_MODULATION = ((1, 2), (2, 4), (4, 7), (7, 12), (12, 20))  # of 0.98 Hz, half-open
_FAINT = 1e-9


@dataclass(frozen=True, slots=True)
class Context:
    """What the next block needs of the block before it."""

    bands: Floats
    power: Floats
    tones: Floats


@cache
def _filters() -> Floats:
    """Return the columns that sum the power of bins: bands that widen upwards, and everything."""
    spectrum = SpectrumParams()
    hz = (np.arange(spectrum.bins) + spectrum.first_bin) * spectrum.rate_hz / spectrum.window
    mel = np.log1p(hz / 700.0)
    edges = np.linspace(mel[0], mel[-1] + 1e-6, _BANDS + 1)
    band = np.searchsorted(edges, mel, side="right") - 1
    columns = np.zeros((spectrum.bins, _BANDS + 1), np.float32)
    columns[np.arange(spectrum.bins), band] = 1.0
    columns[:, _BANDS] = 1.0
    return columns


@cache
def _floor_power() -> float:
    """Return the power that the floor adds to every cell of a log spectrum."""
    spectrum = SpectrumParams()
    return float((10.0 ** (spectrum.floor_dbfs / 20.0) * spectrum.window / 4.0) ** 2)


def figures(
    log_spectrum: Floats, salience: Floats, before: Context | None
) -> tuple[Floats, Floats, Context]:
    """Return each block's figures, its level in dBFS, and what the next blocks need.

    Parameters
    ----------
    log_spectrum, salience
        Whole blocks of frames, as in a `Sheet`.
    before
        What the blocks before have left; None where there are none.
    """
    count = len(log_spectrum) // BLOCK_FRAMES
    sums = np.exp(2.0 * log_spectrum) @ _filters()
    power = np.maximum(sums[:, _BANDS] - salience.shape[1] * _floor_power(), 0.0)
    bands = np.log(sums[:, :_BANDS])
    tones = salience.reshape(-1, _STEP, salience.shape[1]).mean(axis=1)
    if before is None:
        steps = BLOCK_FRAMES // _STEP
        before = Context(bands[:BLOCK_FRAMES], power[:BLOCK_FRAMES], tones[:steps])
    long_bands = np.concatenate([before.bands, bands])
    long_power = np.concatenate([before.power, power])
    long_tones = np.concatenate([before.tones, tones])
    found = np.concatenate(
        [
            _shape(bands.reshape(count, BLOCK_FRAMES, _BANDS)),
            _flatness(bands, log_spectrum, count),
            _flux(long_bands, count),
            _modulation(_pairs(long_bands, count)),
            _loudness(_pairs(long_power, count)),
            _tonality(_pairs(long_tones, count)),
        ],
        axis=1,
    )
    # A full-scale sine has power (window / 4) ** 2, spread by the Hann window over 1.5 bins.
    full = (SpectrumParams().window / 4.0) ** 2 * 1.5
    mean = power.reshape(count, BLOCK_FRAMES).mean(axis=1)
    level = 10.0 * np.log10(mean / full + _FAINT * _FAINT)
    after = Context(
        bands[-BLOCK_FRAMES:].copy(),
        power[-BLOCK_FRAMES:].copy(),
        tones[-(BLOCK_FRAMES // _STEP) :].copy(),
    )
    return found.astype(np.float32), level.astype(np.float32), after


def _pairs(long: Floats, count: int) -> Floats:
    """Return every block with the one before it: shape (blocks, twice as many rows, ...)."""
    rows = len(long) // (count + 1)
    cut = long.reshape(count + 1, rows, *long.shape[1:])
    return np.concatenate([cut[:-1], cut[1:]], axis=1)


def _shape(bands: Floats) -> Floats:
    """Level of the bands against one another, and how much each group moves."""
    mean = bands.mean(axis=1)
    coarse = mean.reshape(len(mean), _SHAPE, -1).mean(axis=2)
    moves = bands.std(axis=1)
    grouped = np.stack([moves[:, a:b].mean(axis=1) for a, b in _GROUPS], axis=1)
    return np.concatenate([coarse - coarse.mean(axis=1, keepdims=True), grouped], axis=1)


def _flatness(bands: Floats, log_spectrum: Floats, count: int) -> Floats:
    """Peaks within bands: the log of the mean power less the mean of the log."""
    columns = _filters()[:, :_BANDS] / _filters()[:, :_BANDS].sum(axis=0)
    width = np.log(_filters()[:, :_BANDS].sum(axis=0))
    means = log_spectrum.reshape(count, BLOCK_FRAMES, -1).mean(axis=1) @ columns
    peaked = bands.reshape(count, BLOCK_FRAMES, _BANDS).mean(axis=1) - width - 2.0 * means
    return np.stack([peaked[:, a:b].mean(axis=1) for a, b in _GROUPS], axis=1)


def _flux(long_bands: Floats, count: int) -> Floats:
    """How fast the bands rise and fall, and how sudden the most sudden rise is."""
    change = np.diff(long_bands[-count * BLOCK_FRAMES - 1 :], axis=0)
    rises = np.maximum(change, 0.0).reshape(count, BLOCK_FRAMES, _BANDS)
    together = rises.mean(axis=2)
    amount = np.abs(change).reshape(count, BLOCK_FRAMES, _BANDS).mean(axis=1)
    grouped = [amount[:, a:b].mean(axis=1) for a, b in _GROUPS]
    peak, mean = together.max(axis=1), together.mean(axis=1)
    return np.stack([*grouped, mean, peak, peak / (mean + 0.02)], axis=1)


def _modulation(pairs: Floats) -> Floats:
    """How the loudness of bands swings: speech about four times a second."""
    count, length, _ = pairs.shape
    grouped = np.stack([pairs[:, :, a:b].mean(axis=2) for a, b in _GROUPS], axis=1)
    grouped = grouped - grouped.mean(axis=2, keepdims=True)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(length) + 0.5) / length)
    spectra = np.fft.rfft(grouped * window, axis=2)
    power = spectra.real**2 + spectra.imag**2
    parts = np.stack([power[:, :, a:b].sum(axis=2) for a, b in _MODULATION], axis=2)
    share = parts / (parts.sum(axis=2, keepdims=True) + 1.0)
    whole = np.log(parts.sum(axis=2) + 1.0)
    return np.concatenate([share.reshape(count, -1), whole], axis=1)


def _loudness(pairs: Floats) -> Floats:
    """Share of frames far below the loudest, and how uneven loudness is."""
    loud = np.log(pairs + 1e-3)
    top = loud.max(axis=1, keepdims=True)
    below = [np.mean(loud < top - drop * math.log(10.0) / 10.0, axis=1) for drop in (6, 12, 24)]
    quiet = np.mean(pairs < pairs.mean(axis=1, keepdims=True) * 0.25, axis=1)
    return np.stack([*below, quiet, loud.std(axis=1)], axis=1)


def _tonality(pairs: Floats) -> Floats:
    """Tones that stand out and stay: how many, how steady, or gliding."""
    half = pairs.shape[1] // 2
    now, late = pairs[:, half:], pairs.mean(axis=1)
    short = np.maximum(now - 0.3, 0.0)
    whole = np.maximum(now.mean(axis=1) - 0.3, 0.0)
    weight = short.sum(axis=(1, 2)) + 1.0
    before = np.maximum(pairs[:, half - 1 : -1] - 0.3, 0.0)
    earlier = np.maximum(pairs[:, :half] - 0.3, 0.0)
    steady = np.minimum(short, before).sum(axis=(1, 2)) / weight
    steadier = np.minimum(short, earlier).sum(axis=(1, 2)) / weight
    up = np.minimum(short[:, :, 2:], before[:, :, :-2]).sum(axis=(1, 2)) / weight
    down = np.minimum(short[:, :, :-2], before[:, :, 2:]).sum(axis=(1, 2)) / weight
    return np.stack(
        [
            (now > 1.0).mean(axis=(1, 2)),
            (late > 0.7).mean(axis=1),
            (late > 1.2).mean(axis=1),
            whole.sum(axis=1) / (weight / half),
            steady,
            steadier,
            np.maximum(up, down) - steady,
            late.std(axis=1),
            now.std(axis=2).mean(axis=1),
            np.log(weight),
        ],
        axis=1,
    )
