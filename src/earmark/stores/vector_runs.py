"""A run: some tracks' vectors in 8 bits, immutable, in memory or mapped from a segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from earmark.kernels.vectors import Int64, Nearest, Rows, Scales, quantised, restored, row_bytes
from earmark.ports import Embedded, Numbers, Payload
from earmark.stores.embedded import Ticks, seconds_of, ticks_of
from earmark.stores.tiers import Flags, Payloads


@dataclass(frozen=True, slots=True)
class Windows:
    """One row a window, of many tracks end to end: vectors (n, row bytes), the rest (n,)."""

    rows: Rows
    scales: Scales
    starts: Ticks
    lengths: Ticks

    def taken(self, keep: Flags | slice) -> Windows:
        """Return some of the windows."""
        return Windows(self.rows[keep], self.scales[keep], self.starts[keep], self.lengths[keep])


@dataclass(frozen=True)
class VectorRun:
    """Immutable vectors of some tracks.

    Track i owns ``windows`` from ``ends[i - 1]`` to ``ends[i]``; ``blocks[i]`` are its rows as
    bytes and ``payloads[i]`` what came with it, both checked.
    """

    numbers: Numbers
    ends: Int64
    windows: Windows
    blocks: Payloads
    payloads: Payloads

    @cached_property
    def index(self) -> dict[int, int]:
        """Where each number lies."""
        return {number: i for i, number in enumerate(self.numbers.tolist())}

    @cached_property
    def begins(self) -> Int64:
        """Each track's first window."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])

    def embedded(self, index: int, dimension: int) -> Embedded:
        """Return the ``index``-th track."""
        mine = self.windows.taken(slice(int(self.begins[index]), int(self.ends[index])))
        rows = self.blocks[index].view(np.int8).reshape(-1, row_bytes(dimension))
        return Embedded(
            int(self.numbers[index]),
            restored(rows, mine.scales, dimension),
            seconds_of(mine.starts),
            seconds_of(mine.lengths),
            self.payloads[index].tobytes(),
        )


@dataclass(frozen=True)
class LiveVectors:
    """A run and which of its tracks can still be found; ``name`` is its segment file, if any."""

    run: VectorRun
    alive: Flags
    name: str | None = None

    @classmethod
    def of(cls, run: VectorRun, alive: Flags | None = None, name: str | None = None) -> LiveVectors:
        """Return the run with the tracks of ``alive`` (None: all)."""
        return cls(run, np.ones(len(run.numbers), np.bool_) if alive is None else alive, name)

    def without(self, numbers: Sequence[int]) -> LiveVectors:
        """Return it with some numbers hidden; itself where none of them lived here."""
        gone = [self.run.index[number] for number in numbers if number in self.run.index]
        if not self.alive[gone].any():
            return self
        alive = self.alive.copy()
        alive[gone] = False
        return replace(self, alive=alive)

    def renamed(self, name: str | None) -> LiveVectors:
        """Return it as if it lay in another file, or in none."""
        return replace(self, name=name)

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers that can be found."""
        return self.run.numbers[self.alive]

    @cached_property
    def stretches(self) -> tuple[Int64, Int64, Numbers]:
        """First window, end and number of each live track."""
        return self.run.begins[self.alive], self.run.ends[self.alive], self.numbers

    @cached_property
    def size(self) -> int:
        """How many windows can be found."""
        begin, end, _ = self.stretches
        return int((end - begin).sum())

    @property
    def whole(self) -> int:
        """How many windows lie in it, dead ones too."""
        return len(self.run.windows.rows)

    def among(self, numbers: Numbers | None) -> tuple[Int64, Int64, Numbers]:
        """Return the stretches of those numbers (None: all)."""
        if numbers is None:
            return self.stretches
        kept = np.isin(self.numbers, numbers)
        begin, end, number = (column[kept] for column in self.stretches)
        return begin, end, number

    def offer(self, nearest: Nearest, stretches: tuple[Int64, Int64, Numbers]) -> None:
        """Let a search look at some stretches."""
        windows = self.run.windows
        nearest.offer(windows.rows, windows.scales, windows.starts, windows.lengths, *stretches)

    def live_tracks(self) -> Iterator[tuple[Payload, Payload]]:
        """Yield rows as bytes and payload of each live track, checked."""
        for index in np.flatnonzero(self.alive).tolist():
            yield self.run.blocks[index], self.run.payloads[index]

    def counts(self) -> Int64:
        """Return how many windows each live track has."""
        begin, end, _ = self.stretches
        return end - begin

    def kept(self) -> Flags | slice:
        """Return which windows belong to live tracks."""
        if self.alive.all():
            return slice(None)
        return np.repeat(self.alive, self.run.ends - self.run.begins)


def gathered(items: Sequence[Embedded], dimension: int) -> VectorRun:
    """Return the run of tracks that came in one by one."""
    vectors = np.concatenate([item.vectors for item in items])
    windows = Windows(
        *quantised(vectors.reshape(-1, dimension)),
        ticks_of(np.concatenate([item.start_s for item in items])),
        ticks_of(np.concatenate([item.length_s for item in items])),
    )
    numbers = np.array([item.number for item in items], np.int64)
    counts = np.array([len(item.vectors) for item in items], np.int64)
    payloads = [np.frombuffer(item.payload, np.uint8) for item in items]
    return _laid(numbers, counts, windows, payloads)


def merged(runs: Sequence[LiveVectors]) -> VectorRun:
    """Return one run of all live tracks in memory, in the order they lie."""
    some = [live.run.windows.taken(live.kept()) for live in runs]
    windows = Windows(
        np.concatenate([w.rows for w in some]),
        np.concatenate([w.scales for w in some]),
        np.concatenate([w.starts for w in some]),
        np.concatenate([w.lengths for w in some]),
    )
    numbers = np.concatenate([live.numbers for live in runs])
    counts = np.concatenate([live.counts() for live in runs])
    payloads = [payload for live in runs for _, payload in live.live_tracks()]
    return _laid(numbers, counts, windows, payloads)


def _laid(numbers: Numbers, counts: Int64, windows: Windows, payloads: Payloads) -> VectorRun:
    ends = np.cumsum(counts)
    blocks = np.split(windows.rows, ends[:-1])
    flat = [block.reshape(-1).view(np.uint8) for block in blocks]
    return VectorRun(numbers, ends, windows, flat, payloads)
