"""Where along a line the music begins and ends, to a few hundredths of a second."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.recording.line import GOES_ON, Block, goes_on

BIAS = 0.3
_CHANCE = 0.1  # share of peaks that coincide by themselves
_BLOCKS = 3  # blocks at an end among which its edge is looked for


def start_frame(blocks: list[Block]) -> float:
    """Return the frame at which the line begins.

    Coincidences less a bias are summed from each peak on, through the first blocks; the greatest
    sum marks the first peak that is the line's.
    """
    frames, hits = _peaks(blocks[:_BLOCKS])
    if not len(frames):
        return float(blocks[0].first)
    sums = np.cumsum((hits - _bias(blocks))[::-1])[::-1]
    return float(frames[int(np.argmax(sums))])


def end_frame(blocks: list[Block]) -> float:
    """Return the frame after the last peak that is the line's."""
    frames, hits = _peaks(blocks[-_BLOCKS:])
    if not len(frames):
        return float(blocks[-1].first)
    sums = np.cumsum(hits - _bias(blocks))
    return float(frames[int(np.argmax(sums))] + 1)


def _peaks(blocks: list[Block]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    frames = np.concatenate([block.frames for block in blocks])
    hits = np.concatenate([block.hits for block in blocks])
    order = np.argsort(frames, kind="stable")
    return frames[order], hits[order]


def _bias(blocks: list[Block]) -> float:
    """Return the share above which peaks speak for the line: low, because music fades."""
    good = [block.share for block in blocks if goes_on(block)]
    return min(BIAS, (_CHANCE + (float(np.median(good)) if good else GOES_ON)) / 2.0)
