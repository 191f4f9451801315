"""Whether a shared vector index is sound: every row read, and nothing more there than should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from earmark.ports import Embedded, Numbers
from earmark.stores.milvus_client import Milvus
from earmark.stores.milvus_schema import MOST_FOUND, Held
from earmark.stores.redis_roster import NUMBER_LIMIT, RosterView
from earmark.stores.shared_vector_records import Record, Records
from earmark.stores.shared_vector_windows import SharedWindows

_CHUNK = 1024
"""Numbers that are read at a time."""
_REMEDY = "run `earmark doctor --repair`"


class SharedFaults:
    """The examiner of one index; a roster is asked for again where others may have changed it."""

    def __init__(self, milvus: Milvus, windows: SharedWindows, records: Records) -> None:
        self._milvus, self._windows, self._records = milvus, windows, records

    def sentences(self, look: Callable[[], RosterView]) -> list[str]:
        """Return one sentence per fault found."""
        where = self._windows.where(look().epoch)
        wrong, extra = len(self.damaged(look)), len(self.orphans(look))
        faults = []
        if wrong:
            faults.append(f"{wrong} tracks of {where} are missing or damaged; {_REMEDY}")
        if extra:
            faults.append(f"{where} holds rows of {extra} tracks too many; {_REMEDY}")
        return faults

    def damaged(self, look: Callable[[], RosterView]) -> list[int]:
        """Return the sorted numbers of which something is missing or wrong."""
        view = look()
        known = view.known()
        there = self._there(view.epoch) if view.total else False
        wrong: list[int] = []
        for at in range(0, len(known), _CHUNK):
            wrong += self._wrong(view.epoch, known[at : at + _CHUNK].tolist(), there=there)
        return self._still(look(), view, np.array(wrong, np.int64), held=True)

    def orphans(self, look: Callable[[], RosterView]) -> list[int]:
        """Return the sorted numbers of which something is there, and which are not held."""
        view = look()
        found = [numbers[~view.has(numbers)] for numbers in self._records.numbers(view.epoch)]
        # Those of a fresh index that was begun and never enrolled in have no total.
        if self._windows.exists(view.epoch):
            self._windows.open(view.epoch, make=False)
            name = self._windows.name(view.epoch)
            if self._milvus.count(name, strong=True) > view.total:
                for numbers in self._numbers(name, 0, NUMBER_LIMIT):
                    found.append(numbers[~view.has(numbers)])
        everyone = np.unique(np.concatenate([np.zeros(0, np.int64), *found]))
        return self._still(look(), view, everyone, held=False)

    def _there(self, epoch: int) -> bool:
        if not self._windows.exists(epoch):
            return False
        self._windows.open(epoch, make=False)
        self._windows.settle(epoch)
        return True

    def _wrong(self, epoch: int, numbers: list[int], *, there: bool) -> list[int]:
        kept = self._records.read(epoch, numbers)
        held = Held.of([(number, record.windows) for number, record in kept.items()])
        none = np.zeros(0, np.float32)
        whole = {
            number
            for number, record in kept.items()
            if not record.windows
            and _same(Embedded(number, none, none, none, record.payload), record)
        }
        filled = Held(held.numbers[held.windows > 0], held.windows[held.windows > 0])
        if there and len(filled.numbers):
            for item in self._windows.rows(epoch).read(filled):
                record = kept[item.number]
                one = Embedded(
                    item.number, item.vectors, item.start_s, item.length_s, record.payload
                )
                if _same(one, record):
                    whole.add(item.number)
        return [number for number in numbers if number not in whole]

    def _numbers(self, name: str, low: int, high: int) -> Iterator[Numbers]:
        """Yield the numbers from ``low`` to below ``high`` that have rows, some at a time."""
        which = f"number >= {low} and number < {high}"
        count = self._milvus.count(name, which)
        if count > MOST_FOUND and high - low > 1:
            middle = (low + high) // 2
            yield from self._numbers(name, low, middle)
            yield from self._numbers(name, middle, high)
        elif count:
            rows = self._milvus.query(name, which, ["number"], MOST_FOUND)
            yield np.unique(np.array([row["number"] for row in rows], np.int64))

    def _still(
        self, now: RosterView, then: RosterView, numbers: Numbers, *, held: bool
    ) -> list[int]:
        """Return which of ``numbers`` are still held, or still not."""
        if now.epoch != then.epoch:
            return []
        return [int(number) for number in np.unique(numbers[now.has(numbers) == held])]


def _same(item: Embedded, record: Record) -> bool:
    return Record.of(item) == record
