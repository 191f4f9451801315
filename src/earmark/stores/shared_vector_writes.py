"""Changes of a shared vector index: everything of a number is written before it is enrolled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from earmark.ports import Embedded
from earmark.stores.embedded import checked
from earmark.stores.milvus_client import NotLoadedError
from earmark.stores.milvus_schema import Held, window_ids
from earmark.stores.redis_roster import NUMBER_LIMIT, MovedEpochError, Roster, RosterView
from earmark.stores.shared_vector_look import SharedLook
from earmark.stores.shared_vector_records import Records
from earmark.stores.shared_vector_windows import SharedWindows

NUMBERS, WINDOWS = 1024, 32_768
"""The most numbers, and windows, that are written before they are enrolled."""
Batch = Mapping[int, Embedded]


def batches(items: Iterable[Embedded], dimension: int) -> Iterator[Batch]:
    """Yield items by number, checked, some at a time; of equal numbers the first.

    Raises
    ------
    ValueError
        An item makes no sense, or its number is beyond what Redis or Milvus can tell.
    """
    batch: dict[int, Embedded] = {}
    windows = 0
    for item in items:
        new = checked(item, dimension)
        window_ids(new.number, len(new.vectors))
        if new.number >= NUMBER_LIMIT:
            message = f"number {new.number}: an index in Redis holds those below {NUMBER_LIMIT}"
            raise ValueError(message)
        windows += len(new.vectors)
        batch.setdefault(new.number, new)
        if len(batch) >= NUMBERS or windows >= WINDOWS:
            yield batch
            batch, windows = {}, 0
    if batch:
        yield batch


class SharedWrites:
    """The writer of one index; one thread of a process at a time, any number of processes."""

    def __init__(
        self,
        roster: Roster,
        records: Records,
        windows: SharedWindows,
        look: SharedLook,
    ) -> None:
        self._roster, self._records, self._windows, self._look = roster, records, windows, look

    def add(self, batch: Batch) -> None:
        """Write and enrol what is not known of a batch."""
        done = False
        while not done:
            view = self._look.view()
            known = view.has(np.fromiter(batch, np.int64))
            new = [item for item, old in zip(batch.values(), known, strict=True) if not old]
            done = not new or self._added(view.epoch, new)

    def _added(self, epoch: int, new: Sequence[Embedded]) -> bool:
        """Write and enrol; return False where another process has begun the index anew."""
        try:
            self._windows.patiently(partial(self._write, epoch, new))
            self._roster.enrol(epoch, {item.number: len(item.vectors) for item in new})
        except MovedEpochError:
            self._records.remove(epoch, [item.number for item in new])
            self._windows.sweep(self._look.view().epoch)
            return False
        return True

    def _write(self, epoch: int, new: Sequence[Embedded]) -> None:
        """Write numbers and wait until all of their windows are found; may be done twice."""
        held = self._check(epoch).total
        filled = any(len(item.vectors) for item in new)
        if filled:
            # Where windows are held and there is no collection, this is another Milvus, or one
            # that has lost all: beginning anew there would hide the loss from every search.
            self._windows.open(epoch, make=not held)
        self._records.put(epoch, new)  # first, so that whoever cleans up knows what to delete
        if filled:
            with self._windows.asked(epoch):
                self._windows.rows(epoch).put(new)
            self._windows.patiently(partial(self._settle, epoch))

    def _settle(self, epoch: int) -> None:
        self._check(epoch)
        self._windows.open(epoch, make=False)
        with self._windows.asked(epoch):
            self._windows.settle(epoch)

    def remove(self, numbers: Sequence[int]) -> None:
        """Strike numbers, then delete what there is of them."""
        view, kept = self._look.kept(numbers)
        counts = {number: kept[number].windows if number in kept else 0 for number in numbers}
        bare = [number for number in numbers if number not in kept]
        there = self._windows.exists(view.epoch) if bare or any(counts.values()) else False
        held = view.has(np.array(numbers, np.int64))
        if held.any():
            for number in set(bare) & set(np.array(numbers)[held].tolist()):
                # Its record was lost: its rows tell what it was enrolled with.
                counts[number] = self._windows.count(view.epoch, number) if there else 0
            self._roster.strike(view.epoch, counts)
        if there:
            rows = Held.of([(number, counts[number]) for number in kept])
            self._windows.patiently(partial(self._delete, view.epoch, rows, bare))
        self._records.remove(view.epoch, numbers)

    def _delete(self, epoch: int, held: Held, bare: Sequence[int]) -> None:
        """Delete the rows of what is recorded by their keys, and of the others by number."""
        if self._look.view().epoch == epoch:
            rows = self._windows.rows(epoch)
            rows.remove(held.numbers.tolist(), held)
            if bare:  # Milvus looks for them first, so they must be there to be found
                self._settle(epoch)
                rows.remove(bare, Held.none())

    def fit(self) -> None:
        """Give the windows the index that their number wants, unless another process is at it."""
        view, kind = self._look.kind()
        if not view.total or kind is None:
            return
        try:
            self._windows.fit(view.epoch, view.total, kind)
        except NotLoadedError:
            if self._look.view().epoch == view.epoch:
                raise

    def _check(self, epoch: int) -> RosterView:
        view = self._look.view()
        if view.epoch != epoch:
            raise MovedEpochError
        return view
