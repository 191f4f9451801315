"""A vector store in a plain dictionary: nothing durable, nothing fast, obviously right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.embedded import checked, none_found, numbers_of, queries_of


class MemoryVectorStore:
    """A `VectorStore` that ends with the process; vectors stay float32."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._items: dict[int, Embedded] = {}

    def known(self) -> Numbers:
        """Return the sorted numbers that are held."""
        return np.array(sorted(self._items), np.int64)

    def add(self, items: Iterable[Embedded]) -> None:
        """Make vectors searchable at once; numbers that are known are left as they are."""
        for item in items:
            self._items.setdefault(int(item.number), checked(item, self._dimension))

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once."""
        for number in numbers:
            self._items.pop(int(number), None)

    def flush(self) -> None:
        """Do nothing: there is no disk."""

    def reload(self) -> None:
        """Do nothing: there is no other process."""

    def drop(self) -> None:
        """Forget everything."""
        self._items.clear()

    def search(self, queries: Float32, k: int, among: Numbers | None = None) -> Neighbours:
        """Return the ``k`` windows nearest to each query."""
        rows = queries_of(queries, k, self._dimension)
        wanted = None if among is None else set(numbers_of(among).tolist())
        items = [
            item for item in list(self._items.values()) if wanted is None or item.number in wanted
        ]
        found = none_found(len(rows), k)
        if not items:
            return found
        numbers = np.concatenate([np.full(len(item.vectors), item.number) for item in items])
        starts = np.concatenate([item.start_s for item in items])
        lengths = np.concatenate([item.length_s for item in items])
        # In 64 bits, rounded once: equal vectors have equal similarities wherever they lie.
        vectors = np.concatenate([item.vectors for item in items]).astype(np.float64)
        for i, query in enumerate(rows):
            similarity = (vectors @ query.astype(np.float64)).astype(np.float32)
            best = np.lexsort((starts, numbers, -similarity))[:k]
            found.number[i, : len(best)] = numbers[best]
            found.start_s[i, : len(best)] = starts[best]
            found.length_s[i, : len(best)] = lengths[best]
            found.similarity[i, : len(best)] = similarity[best]
        return found

    def embedded(self, number: int) -> Embedded:
        """Return what is held of a number; raises `KeyError`."""
        return self._items[int(number)]

    def payloads(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the bytes given with each number; raises `KeyError`."""
        return [self._items[int(number)].payload for number in numbers]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes``, ``segments``, ``vectors``, ``pending``."""
        vectors = sum(len(item.vectors) for item in self._items.values())
        return {"bytes": 0, "segments": 0, "vectors": vectors, "pending": len(self._items)}

    def verify(self) -> list[str]:
        """Return no fault: memory does not rot."""
        return []
