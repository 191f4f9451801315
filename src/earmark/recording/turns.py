"""When a follower looks, and how hard: where a line fades, and where nothing is known to play."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from earmark.recording.landmarks import Warp
from earmark.recording.line import Line, goes_on
from earmark.recording.stream import Chunk
from earmark.recording.window import hypotheses

FADES = 0.8
"""A line fades where its share falls below this part of what is usual for it."""
_USUAL = 6  # blocks that tell what is usual
_ALL = 0.85  # share of peaks from which nothing else is expected beside a line
_IDLE = 2  # chunks in a row that are not looked up then
_EARLY = 3  # unexplained chunks from one try of the likely speeds to the next
_DEEP_FIRST = 2  # unexplained chunks after which all hypotheses are tried first
_DEEP_LATEST = 10  # and the most between two tries
_LIKELY = (0.01, -0.01, 0.02, -0.02, 0.03, -0.03, 0.04, -0.04)


class Turns:
    """Decides chunk by chunk what is tried, so that the cost is bounded by the length.

    Parameters
    ----------
    effort
        How often bent speeds are tried where nothing is known; 1.0 is the default.
    """

    def __init__(self, effort: float) -> None:
        self._effort = max(effort, 1e-3)
        self._idle = 0  # newest chunks that were not looked up
        self._explained = False  # whether a line goes on in the newest chunks
        self._covered = False  # and through all of them
        self._dim = 0  # chunks that nothing explains as well as before
        self._dark = 0  # chunks that nothing explains, since the last deep try
        self._wait, self._turn = _DEEP_FIRST, 0

    def silence(self) -> None:
        """Take it that nothing sounds: what comes next begins."""
        self._dim, self._dark = 0, 0
        self._wait, self._turn = _DEEP_FIRST, 0

    def heard(self, lines: Collection[Line], chunks: Sequence[Chunk]) -> bool:
        """Take the lines as they are after the newest chunk; return whether to look it up."""
        on = [line for line in lines if line.misses == 0]
        held = [any(line.first <= chunk.first for line in on) for chunk in chunks]
        self._explained, self._covered = any(held), all(held)
        self._dark = 0 if self._explained else self._dark + 1
        self._dim = 0 if self._explained and not fading(on) else self._dim + 1
        rests = self._idle < _IDLE and _clear(on, len(chunks))
        self._idle = self._idle + 1 if rests else 0
        return not rests

    @property
    def covered(self) -> bool:
        """Whether a line goes on through all of the newest chunks: a shorter look is enough."""
        return self._covered

    def looked(self, *, told: bool) -> None:
        """Take it that the plain look was done, and whether it told anything."""
        if told or self._explained:
            self._wait, self._turn = _DEEP_FIRST, 0

    @property
    def deep(self) -> bool:
        """Whether it is time to try all hypotheses: rarer and rarer, where nothing is known."""
        return not self._explained and self._dark >= self._wait / self._effort

    @property
    def early(self) -> bool:
        """Whether it is time to try the likely speeds.

        At once where a line fades and after 1, 2, 4 and so on chunks of that, and where nothing
        is known.
        """
        if self._explained:
            return self._dim > 0 and self._dim & (self._dim - 1) == 0
        return (self._dim - 1) % max(1, round(_EARLY / self._effort)) == 0

    def next_deep(self) -> tuple[Warp, ...]:
        """Return the hypotheses of a deep try, which is done then."""
        tried = hypotheses(self._turn)
        self._dark = 0
        self._wait = min(_DEEP_LATEST, self._wait + 2 * (self._turn % 2))
        self._turn += 1
        return tried


def likely() -> tuple[Warp, ...]:
    """Return the speeds that are tried first: most that is played at another is bent so little."""
    return tuple(Warp(1.0 + step, 1.0 + step) for step in _LIKELY)


def fading(lines: Iterable[Line]) -> bool:
    """Return whether every line is heard worse than is usual for it; False if there is none."""
    shares = [(line.blocks[-1].share, _usual(line)) for line in lines]
    return bool(shares) and all(share < FADES * usual for share, usual in shares)


def _usual(line: Line) -> float:
    """Return the median share of a line's blocks before the newest; 0.0 if it has none."""
    shares = [block.share for block in line.blocks[-_USUAL - 1 : -1] if goes_on(block)]
    return float(np.median(shares)) if shares else 0.0


def _clear(lines: Iterable[Line], chunks: int) -> bool:
    """Return whether one line explains so much that nothing else can play beside it."""
    return any(
        len(line.blocks) >= chunks and min(b.share for b in line.blocks[-chunks:]) >= _ALL
        for line in lines
    )
