"""Where along a line the music begins and ends, to a few hundredths of a second."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.recording.line import GOES_ON, LEAST_PEAKS, Block, goes_on

BIAS = 0.3
_CHANCE = 0.1  # share of peaks that coincide by themselves
_BLOCKS = 4  # blocks at an end among which its edge is looked for
_FADE_NATS = 6.0
"""What peaks beyond an edge must tell together before it is moved through a fade to them."""
_LEAST_CHANCE = 0.06
_FAINT = 0.1  # share above chance that is looked for in a fade


def start_frame(blocks: list[Block]) -> float:
    """Return the frame at which the line begins.

    Coincidences less a bias are summed from each peak on, through the first blocks; the greatest
    sum marks the first peak that is the line's. Before it a fade may go on: fewer coincide, but
    more than by chance.
    """
    frames, hits = _peaks(blocks[:_BLOCKS])
    if not len(frames):
        return float(blocks[0].first)
    return -_outer(-frames[::-1], hits[::-1], blocks)


def end_frame(blocks: list[Block]) -> float:
    """Return the frame after the last peak that is the line's."""
    frames, hits = _peaks(blocks[-_BLOCKS:])
    if not len(frames):
        return float(blocks[-1].first)
    return _outer(frames, hits, blocks) + 1.0


def _outer(
    frames: npt.NDArray[np.int64], hits: npt.NDArray[np.float64], blocks: list[Block]
) -> float:
    """Return the last frame that is the line's, of peaks that go outwards."""
    chance = _chance(blocks)
    bias = max(_bias(blocks), min(chance + _FAINT, GOES_ON))
    edge = int(np.argmax(np.cumsum(hits - bias)))
    faint = 2.0 * chance + _FAINT
    hit, none = np.log(faint / chance), np.log((1.0 - faint) / (1.0 - chance))
    told = np.cumsum(np.where(hits[edge + 1 :] > 0.0, hit, none))
    if len(told) and told.max() >= _FADE_NATS:
        edge += 1 + int(np.argmax(told))
    return float(frames[edge])


def _peaks(blocks: list[Block]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    frames = np.concatenate([block.frames for block in blocks])
    hits = np.concatenate([block.hits for block in blocks])
    order = np.argsort(frames, kind="stable")
    return frames[order], hits[order]


def _bias(blocks: list[Block]) -> float:
    """Return the share above which peaks speak for the line: low, because music fades."""
    good = [block.share for block in blocks if goes_on(block)]
    return min(BIAS, (_CHANCE + (float(np.median(good)) if good else GOES_ON)) / 2.0)


def _chance(blocks: list[Block]) -> float:
    """Return how many peaks coincide by themselves in the blocks around that are not the line's.

    Where it was not measured, as many as coincide in the least of them.
    """
    measured = [block.chance for block in blocks if block.chance is not None]
    beyond = [b.share for b in blocks if len(b.hits) >= LEAST_PEAKS and not goes_on(b)]
    return max(_LEAST_CHANCE, max(measured) if measured else min(beyond, default=_CHANCE))
