"""One track followed along its line through chunk after chunk, in both directions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from earmark.recording.chance import elsewhere
from earmark.recording.propose import Alignments
from earmark.recording.stream import Chunk
from earmark.recording.verify import Scored, Trace, Verifier

GOES_ON = 0.35
"""Share of the reference's peaks in a chunk that are peaks of the source, from which a line goes
on. Measured: 0.95 for a right line (0.6 in one chunk of a hundred), 0.1 for a wrong one (0.3)."""
MISSES = 3
"""Chunks that may speak against a line before it has ended."""
LEAST_PEAKS = 12
"""Reference peaks that a chunk must hold to be judged at all."""
FAINT = 0.12
"""Share below which a block holds no fade that is worth a look."""
AROUND = 2
"""Blocks kept before and after those that speak for a line: it may fade through them."""
_REACH = 3  # frames of jitter while following
_BENDS = (-0.002, 0.0, 0.002)
_BETTER = 1.03  # a bend must explain this much more
BENT_FRAMES = 8.0
"""Frames (0.13 s) that a block may lie off the straight line of its run."""
_CARRIED = 2  # newest blocks, which the line after a bend begins with
_STEEP = 0.004
_MARGIN = 0.1  # of share, by which a line must agree better than another of its track
_FITTED = 6  # chunks that the line is fitted through


@dataclass(slots=True)
class Block:
    """What a line found in one chunk.

    ``frames`` are those of the reference's peaks, since the start of the source; ``hits`` is 1.0
    where one coincides with a peak of the source, else 0.0.
    """

    first: int
    frames: npt.NDArray[np.int64]
    hits: npt.NDArray[np.float64]
    middle: float
    reference: float  # frame of the reference at ``middle``
    chance: float | None = None
    """The share that coincides elsewhere in the track, measured where it may be a fade."""
    share: float = field(init=False)
    """Share of the reference's peaks that coincide; asked for in every chunk to come."""

    def __post_init__(self) -> None:
        self.share = float(self.hits.mean()) if len(self.hits) else 0.0


@dataclass(slots=True)
class Line:
    """Reference frame = ``reference + (frame - middle) * time``, followed in blocks."""

    number: int
    time: float
    pitch: float
    middle: float
    reference: float
    confidence: float
    score: float
    alike: tuple[int, ...] = ()
    blocks: list[Block] = field(default_factory=list)
    misses: int = 0
    begin: float | None = None
    """The frame at which it begins, where it goes on from another line."""

    def at(self, frame: float) -> float:
        """Return the reference frame at a frame of the source."""
        return self.reference + (frame - self.middle) * self.time

    def look(self, chunk: Chunk, verifier: Verifier) -> Block:
        """Return what the line finds in a chunk, its offset and speed fitted to it."""
        rows = len(_BENDS)
        half = len(chunk) / 2.0
        time = self.time * (1.0 + np.array(_BENDS))
        offsets = self.at(chunk.first + half) - half * time
        found = verifier.score(
            Alignments(
                np.full(rows, self.number, np.int64),
                offsets,
                time,
                np.full(rows, self.pitch),
                np.zeros(rows),
            ),
            _REACH,
        )
        best = self._best(found)
        trace = verifier.trace(found.at, best)
        reference = float(found.at.offsets[best] + half * found.at.time[best])
        block = Block(
            chunk.first,
            trace.query_frames + chunk.first,
            chunk.marks[trace.query_frames, trace.query_bins].astype(np.float64),
            chunk.first + half,
            reference,
        )
        if goes_on(block) is False and block.share >= FAINT:
            block.chance = elsewhere(found.at.rows(np.array([best])), chunk, verifier)
        return block

    def placed(self, block: Block, frames: int) -> Alignments:
        """Return where the line lies in a chunk of so many frames, by what was found in it."""
        return Alignments(
            np.array([self.number]),
            np.array([block.reference - frames / 2.0 * self.time]),
            np.array([self.time]),
            np.array([self.pitch]),
            np.zeros(1),
        )

    def trace(self, chunk: Chunk, verifier: Verifier) -> Trace:
        """Return the peaks that the line explains in a chunk."""
        offset = self.at(chunk.first)
        at = Alignments(
            np.array([self.number]),
            np.array([offset]),
            np.array([self.time]),
            np.array([self.pitch]),
            np.zeros(1),
        )
        return verifier.trace(at, 0)

    def put(self, block: Block, *, before: bool = False) -> None:
        """Take a block as part of the line and fit the line to the blocks at that end."""
        if before:
            self.blocks.insert(0, block)
        else:
            self.blocks.append(block)
        own = self.blocks[:_FITTED] if before else self.blocks[-_FITTED:]
        good = [b for b in own if goes_on(b)]
        if not good:
            return
        middle = np.array([b.middle for b in good])
        reference = np.array([b.reference for b in good])
        weight = np.array([b.hits.sum() for b in good])
        x, y = np.average(middle, weights=weight), np.average(reference, weights=weight)
        if len(good) >= 3:
            spread = float((weight * (middle - x) ** 2).sum())
            self.time = float((weight * (middle - x) * (reference - y)).sum()) / spread
        self.middle, self.reference = float(x), float(y)

    @property
    def first(self) -> int:
        """The first frame of its blocks."""
        return self.blocks[0].first

    def straight(self) -> tuple[float, float, float]:
        """Return (frame, reference frame, reference frames a frame) of the best straight line.

        Through all blocks that speak for it, by least squares.
        """
        good = [block for block in self.blocks if goes_on(block)]
        if len(good) < 2:
            return self.middle, self.reference, self.time
        middle = np.array([block.middle for block in good])
        reference = np.array([block.reference for block in good])
        weight = np.array([block.hits.sum() for block in good])
        x, y = np.average(middle, weights=weight), np.average(reference, weights=weight)
        spread = float((weight * (middle - x) ** 2).sum())
        slope = float((weight * (middle - x) * (reference - y)).sum()) / spread
        if len(good) == 2 and abs(slope / self.time - 1.0) > _STEEP:
            slope = self.time  # two blocks that are off by a frame or two are no bend
        return float(x), float(y), slope

    def bends(self) -> bool:
        """Return whether no straight line goes through its blocks any more."""
        good = [block for block in self.blocks if goes_on(block)]
        if len(good) < 2 * _CARRIED:
            return False
        x, y, slope = self.straight()
        return any(abs(b.reference - y - (b.middle - x) * slope) > BENT_FRAMES for b in good)

    def carried(self) -> Line:
        """Return the line that goes on where this one bends, and end this one there."""
        new = Line(
            self.number,
            self.time,
            self.pitch,
            self.middle,
            self.reference,
            self.confidence,
            self.score,
            self.alike,
            self.blocks[-_CARRIED:],
            self.misses,
            float(self.blocks[-_CARRIED].first),
        )
        del self.blocks[-_CARRIED:]
        return new

    def beats(self, other: Line) -> bool:
        """Return whether it agrees better than another line of the same track in the last blocks.

        Its very last may be of a chunk that the other has not seen better either.
        """
        theirs = {block.first: block.share for block in other.blocks}
        newest = self.blocks[-2:]
        return any(
            goes_on(block) and block.share > theirs.get(block.first, 0.0) + _MARGIN
            for block in newest
        )

    def take_over(self, other: Line) -> bool:
        """Share the blocks with another line of the same track: each keeps what it knows better.

        The border block stays with both, whose edges are looked for in it. Returns whether
        anything is left to the other.
        """
        theirs = {block.first: block.share for block in other.blocks}
        # Where both agree as well, the one that goes on is right: music repeats itself exactly.
        own = [block.share > theirs.get(block.first, 0.0) - _MARGIN for block in self.blocks]
        lost = [index for index, won in enumerate(own) if not won]
        if lost:  # what lies before the last block that the other knows better is the other's
            del self.blocks[: lost[-1]]
        border = self.blocks[min(1 if lost else 0, len(self.blocks) - 1)].first
        kept = [block for block in other.blocks if block.first <= border]
        if not any(goes_on(block) for block in kept if block.first < border):
            return False
        other.blocks[:] = kept
        return True

    def sounding(self) -> list[Block]:
        """Return its blocks from two before the first that speaks for it to two after the last."""
        good = [i for i, block in enumerate(self.blocks) if goes_on(block)]
        if not good:
            return self.blocks
        return self.blocks[max(0, good[0] - AROUND) : good[-1] + 1 + AROUND]

    def _best(self, found: Scored) -> int:
        middle = len(_BENDS) // 2
        best = int(np.argmax(found.score))
        return best if found.score[best] > _BETTER * found.score[middle] else middle


def goes_on(block: Block) -> bool | None:
    """Return whether a block speaks for its line; None where it holds too little to say."""
    if len(block.hits) < LEAST_PEAKS:
        return None
    return block.share >= GOES_ON
