"""A run: some tracks' postings, packed and immutable, in memory or mapped from a segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from earmark.kernels.postings import (
    DEAD_MOVE,
    MAX_BITS,
    MAX_SOURCES,
    TRACK_FRAMES,
    Block,
    encode,
    merge,
)
from earmark.ports import GAP_FRAMES, Numbers, Posted
from earmark.stores.tiers import Flags, Payloads

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """A run's tracks, end to end on its own time line; all arrays are int64 of one length."""

    numbers: Numbers
    starts: Ints
    spans: Ints
    counts: Ints

    @classmethod
    def laid(cls, numbers: Numbers, spans: Ints, counts: Ints) -> Table:
        """Return the table with the first track at frame 0 and `GAP_FRAMES` between tracks."""
        starts = np.cumsum(spans + GAP_FRAMES) - (spans + GAP_FRAMES)
        return cls(numbers, starts, spans, counts)

    @property
    def frames(self) -> int:
        """Length of the time line."""
        return int(self.starts[-1] + self.spans[-1]) if len(self.starts) else 0

    @cached_property
    def index(self) -> dict[int, int]:
        """Where each number lies in the table."""
        return {number: i for i, number in enumerate(self.numbers.tolist())}

    def stretched(self, values: Ints, fill: int) -> Ints:
        """Return each track's value for each `TRACK_FRAMES` of the time line, ``fill`` between."""
        stretches = np.full(self.frames // TRACK_FRAMES + 1, fill, np.int64)
        some = self.spans > 0
        first = self.starts[some] // TRACK_FRAMES
        many = (self.starts[some] + self.spans[some] - 1) // TRACK_FRAMES - first + 1
        inside = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        stretches[np.repeat(first, many) + inside] = np.repeat(values[some], many)
        return stretches


@dataclass(frozen=True, slots=True)
class Run:
    """Immutable postings of some tracks."""

    table: Table
    block: Block
    payloads: Payloads

    @property
    def numbers(self) -> Numbers:
        """The number of each track."""
        return self.table.numbers


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run and which of its tracks can still be found; ``name`` is its segment file, if any."""

    run: Run
    alive: Flags
    stretches: npt.NDArray[np.uint8] | None
    name: str | None = None

    @classmethod
    def of(cls, run: Run, alive: Flags | None = None, name: str | None = None) -> LiveRun:
        """Return the run with the tracks of ``alive`` (None: all)."""
        if alive is None or alive.all():
            return cls(run, np.ones(len(run.table.numbers), np.bool_), None, name)
        stretches = run.table.stretched(alive.astype(np.int64), 0).astype(np.uint8)
        return cls(run, alive, stretches, name)

    def without(self, numbers: Sequence[int]) -> LiveRun:
        """Return it with some numbers hidden; itself where none of them lived here."""
        index = self.run.table.index
        gone = [index[number] for number in numbers if number in index]
        if not self.alive[gone].any():
            return self
        alive = self.alive.copy()
        alive[gone] = False
        return self.of(self.run, alive, self.name)

    @property
    def numbers(self) -> Numbers:
        """The numbers that can be found."""
        return self.run.table.numbers[self.alive]

    @property
    def size(self) -> int:
        """How many postings can be found."""
        return int(self.run.table.counts[self.alive].sum())

    @property
    def whole(self) -> int:
        """How many postings lie in it, dead ones too."""
        return self.run.block.shape.postings

    def renamed(self, name: str | None) -> LiveRun:
        """Return it as if it lay in another file, or in none."""
        return replace(self, name=name)

    @property
    def frames(self) -> int:
        """A bound of the time line that the live tracks need."""
        return int((self.run.table.spans[self.alive] + GAP_FRAMES).sum())


def gathered(posted: Sequence[Posted], hash_bits: int) -> Run:
    """Return the run of tracks that came in one by one."""
    table = Table.laid(
        np.array([item.number for item in posted], np.int64),
        np.array([item.span_frames for item in posted], np.int64),
        np.array([len(item.hashes) for item in posted], np.int64),
    )
    hashes = np.concatenate([item.hashes for item in posted])
    frames = np.concatenate([item.frames for item in posted])
    positions = frames + np.repeat(table.starts, table.counts).astype(np.uint32)
    payloads = [item.payload for item in posted]
    return Run(table, encode(hashes, positions, table.frames, hash_bits), payloads)


def merged(runs: Sequence[LiveRun]) -> Run:
    """Return one run of all live tracks, in the order they lie; the sources stay as they are."""
    if len(runs) > MAX_SOURCES:
        head = LiveRun.of(merged(runs[:MAX_SOURCES]))
        return merged([head, *runs[MAX_SOURCES:]])
    tables = [live.run.table for live in runs]
    table = Table.laid(
        np.concatenate([live.numbers for live in runs]),
        np.concatenate([live.run.table.spans[live.alive] for live in runs]),
        np.concatenate([live.run.table.counts[live.alive] for live in runs]),
    )
    moves, before = [], 0
    for live, old in zip(runs, tables, strict=True):
        after = before + int(live.alive.sum())
        move = np.full(len(old.numbers), DEAD_MOVE, np.int64)
        move[live.alive] = table.starts[before:after] - old.starts[live.alive]
        moves.append(old.stretched(move, DEAD_MOVE))
        before = after
    blocks = [live.run.block for live in runs]
    block = merge(blocks, moves, int(table.counts.sum()), table.frames)
    payloads = [
        live.run.payloads[index] for live in runs for index in np.flatnonzero(live.alive).tolist()
    ]
    return Run(table, block, payloads)


def fits(runs: Sequence[LiveRun]) -> bool:
    """Whether one code can hold them all."""
    frames, postings = sum(run.frames for run in runs), sum(run.size for run in runs)
    # The code's smallest bucket count is one; half of what fits leaves it room for the best one.
    return frames < 2**32 and postings < MAX_BITS // 2
