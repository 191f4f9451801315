"""Climbs from a rough alignment to the best speed and pitch nearby."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.recording.landmarks import warps
from earmark.recording.propose import Alignments
from earmark.recording.verify import Scored, Verifier
from earmark.timing import lap

LEAST_POLISHED = 110
"""Frames; in a shorter query noise bends more than speed does."""
_STEPS = (0.004, 0.0015)  # of time and pitch; the look-up leaves errors of about half a percent
_GRID = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)], float)
_MIDDLE = len(_GRID) // 2
_CLIMB = 8
_PLAIN = 0.9  # a bent alignment must beat a plain one by this much: in a second they differ little
_BEND = 0.007
_DRIFT = 0.007  # a plain alignment that climbing bends further than this was not plain
_PINS = (0.0, 0.5, 1.0)  # which part of the query stays where it was when an alignment is bent
_PIN_REACH = 6  # frames around it


def ranked(pool: Scored) -> Scored:
    """Return the pool best first; a bent alignment counts a little less than a plain one."""
    bent = np.maximum(np.abs(pool.at.time - 1.0), np.abs(pool.at.pitch - 1.0)) > _BEND
    return pool.rows(np.argsort(-pool.score * np.where(bent, _PLAIN, 1.0), kind="stable"))


def tuned(verifier: Verifier, best: Scored) -> Scored:
    """Take one step of each size towards better time and pitch, every row on its own."""
    for step in _STEPS:
        best = _stepped(verifier, best, step)
    return best


def polished(verifier: Verifier, best: Scored) -> Scored:
    """Return one accepted alignment (one row) with its exact speed and pitch."""
    if verifier.frames < LEAST_POLISHED:
        return best
    with lap("verify"):
        return _climbed(verifier, _straightened(verifier, best))


def drifts(verifier: Verifier, best: Scored) -> bool:
    """Tell whether a plain alignment (one row) is but the slope of a bent one's summit."""
    if verifier.frames < LEAST_POLISHED:
        return False
    with lap("verify"):
        at = _climbed(verifier, best).at
    return bool(max(abs(at.time[0] - 1.0), abs(at.pitch[0] - 1.0)) > _DRIFT)


def _climbed(verifier: Verifier, best: Scored) -> Scored:
    for step in _STEPS:
        for _ in range(_CLIMB):
            higher = _stepped(verifier, best, step)
            if (higher.score <= best.score).all():
                break
            best = higher
    return best


def _straightened(verifier: Verifier, best: Scored) -> Scored:
    """Try every warp on an alignment found without: music that repeats hides a bend."""
    hypotheses = [(warp.time, warp.pitch, pin) for warp in warps() for pin in _PINS]
    time, pitch, pin = np.ascontiguousarray(np.array(hypotheses).T)
    offsets = best.at.offsets[0] + (best.at.time[0] - time) * pin * verifier.frames
    bent = verifier.score(
        _variants(best, np.zeros(len(pin), np.int64), offsets, time, pitch), _PIN_REACH
    )
    return ranked(Scored.joined([best, bent])).rows(np.array([0]))


def _stepped(verifier: Verifier, best: Scored, step: float) -> Scored:
    rows = np.tile(np.arange(len(best.at)), len(_GRID))
    factor = 1.0 + step * np.repeat(_GRID, len(best.at), axis=0)
    time = best.at.time[rows] * factor[:, 0]
    # The middle of the query stays aligned.
    offsets = best.at.offsets[rows] + (best.at.time[rows] - time) * verifier.frames / 2
    scored = verifier.score(
        _variants(best, rows, offsets, time, best.at.pitch[rows] * factor[:, 1]), 1
    )
    table = scored.score.reshape(len(_GRID), -1)
    table[_MIDDLE] += 1e-6  # ties stay as they are
    return scored.rows(np.argmax(table, axis=0) * len(best.at) + np.arange(len(best.at)))


def _variants(
    best: Scored,
    rows: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.float64],
    time: npt.NDArray[np.float64],
    pitch: npt.NDArray[np.float64],
) -> Alignments:
    return Alignments(best.at.numbers[rows], offsets, time, pitch, best.at.votes[rows])
