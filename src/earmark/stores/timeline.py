"""Runs laid end to end: one consistent view that any thread may search while others write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from earmark.ports import GAP_FRAMES, Hashes, Hits, Numbers, Payload
from earmark.stores.runs import Ints, LiveRun
from earmark.stores.tiers import Flags


class Timeline:
    """An immutable snapshot of an index."""

    def __init__(self, runs: Sequence[LiveRun]) -> None:
        self.runs = tuple(runs)
        lengths = [live.run.table.frames + GAP_FRAMES for live in self.runs]
        # The first gap keeps positions of a track's lead-in from becoming negative.
        self._bases = np.cumsum([GAP_FRAMES, *lengths]).astype(np.int64)

    def counts(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        """Return the postings of each hash, dead ones included."""
        total = np.zeros(len(hashes), np.uint32)
        for live in self.runs:
            total += live.run.block.counts(hashes)
        return total

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every live posting of every hash."""
        found = [
            live.run.block.lookup(hashes, int(base), live.stretches)
            for live, base in zip(self.runs, self._bases, strict=False)
        ]
        if len(found) == 1:
            return Hits(*found[0])
        empty = (np.empty(0, np.uint32), np.empty(0, np.int64))
        query, position = zip(*found, strict=True) if found else ([empty[0]], [empty[1]])
        return Hits(np.concatenate(query), np.concatenate(position))

    def locate(self, positions: Ints, removed: Numbers) -> tuple[Ints, Ints]:
        """Return (numbers, frames) of positions; -1 where no track lies or it is in ``removed``."""
        numbers, starts, spans, alive = self._tracks
        if not len(numbers):
            return np.full(len(positions), -1, np.int64), np.zeros(len(positions), np.int64)
        index = np.searchsorted(starts, positions + GAP_FRAMES // 2, side="right") - 1
        index = np.maximum(index, 0)
        frames = positions - starts[index]
        inside = (frames >= -(GAP_FRAMES // 2)) & (frames < spans[index]) & alive[index]
        if len(removed):
            inside &= ~np.isin(numbers, removed)[index]
        return np.where(inside, numbers[index], -1), frames

    def payload(self, number: int) -> Payload:
        """Return the bytes of a live number; raises `KeyError`."""
        for live in reversed(self.runs):
            index = live.run.table.index.get(number)
            if index is not None and live.alive[index]:
                return live.run.payloads[index]
        raise KeyError(number)

    @cached_property
    def _tracks(self) -> tuple[Numbers, Ints, Ints, Flags]:
        tables = [live.run.table for live in self.runs]
        if not tables:
            none = np.empty(0, np.int64)
            return none, none, none, np.empty(0, np.bool_)
        placed = zip(tables, self._bases, strict=False)
        return (
            np.concatenate([table.numbers for table in tables]),
            np.concatenate([table.starts + base for table, base in placed]),
            np.concatenate([table.spans for table in tables]),
            np.concatenate([live.alive for live in self.runs]),
        )
