"""What a store in front of Milvus shows: what Milvus holds, less what is hidden, and additions."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.stores.milvus_index import Seen
from earmark.stores.milvus_schema import Held


class MilvusView:
    """The numbers of one store; asks Milvus nothing, and may be used by several threads.

    Attributes
    ----------
    opened
        Whether Milvus was asked yet.
    seen
        What it held then.
    visible
        What of that is not hidden.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._guard = threading.RLock()
        self.opened: bool
        self.seen: Seen
        self.visible: Held
        self._hidden: set[int]
        self._pending: _Pending
        self.forget()

    def forget(self) -> None:
        """Be as new."""
        with self._guard:
            self.opened = False
            self.seen = Seen()
            self.visible = Held.none()
            self._hidden = set()
            self._pending = _Pending(self._dimension)

    def hold(self, seen: Seen, written: Sequence[Embedded] = ()) -> None:
        """Let ``seen`` be what Milvus holds, since ``written`` has gone there."""
        with self._guard:
            if self.opened and seen is self.seen:
                return
            self._hidden.difference_update(item.number for item in written)
            self.seen = seen
            self.visible = seen.held.without(self._hidden)
            pending = self._pending.known()
            self._pending.remove(pending[self.visible.has(pending)].tolist())
            self.opened = True

    def known(self) -> Numbers:
        """Return the sorted numbers that are shown."""
        with self._guard:
            return np.union1d(self.visible.numbers, self._pending.known())

    def add(self, new: Embedded) -> None:
        """Show a number from memory, unless it is shown already."""
        with self._guard:
            if not self.visible.has(np.array([new.number]))[0]:
                self._pending.add([new])

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers, also where another process adds them later."""
        with self._guard:
            self._hidden.update(int(number) for number in numbers)
            self._pending.remove(numbers)
            self.visible = self.visible.without(self._hidden)

    def changes(self) -> tuple[list[int], list[Embedded]]:
        """Return the numbers that Milvus should no longer hold, and what it should."""
        with self._guard:
            items = [self._pending.embedded(n) for n in self._pending.known().tolist()]
            return [n for n in self.seen.held.numbers.tolist() if n in self._hidden], items

    def search(
        self, rows: Float32, k: int, among: Numbers | None
    ) -> tuple[Held, str, Neighbours | None]:
        """Return what to search in Milvus, its kind of index, and what memory finds, if any."""
        with self._guard:
            near = self._pending.search(rows, k, among) if len(self._pending) else None
            return self.visible, self.seen.kind, near

    def embedded(self, number: int) -> Embedded | Held:
        """Return a number from memory, else what to read in Milvus: nothing if not shown."""
        with self._guard:
            if number in self._pending:
                return self._pending.embedded(number)
            return self.visible.only(np.array([int(number)]))

    def payloads(self, numbers: Sequence[int]) -> tuple[dict[int, bytes], list[int]]:
        """Return the payloads in memory, and the numbers to read in Milvus; raises `KeyError`."""
        found: dict[int, bytes] = {}
        with self._guard:
            for number in numbers:
                if number in self._pending:
                    found[number] = self._pending.payloads([number])[0]
            rest = sorted(set(numbers) - found.keys())
            missing = [n for n in rest if not self.visible.has(np.array([n]))[0]]
        if missing:
            raise KeyError(missing[0])
        return found, rest

    def counts(self) -> tuple[Held, Mapping[str, int]]:
        """Return what is visible in Milvus, and the statistics of memory."""
        with self._guard:
            return self.visible, self._pending.stats()


class _Pending(MemoryVectorStore):
    """Additions that are not in Milvus yet."""

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, number: int) -> bool:
        return int(number) in self._items
