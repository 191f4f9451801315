"""A posting store in a plain dictionary: nothing durable, nothing fast, obviously right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from earmark.ports import GAP_FRAMES, Hashes, Hits, Numbers, Payload, Posted
from earmark.stores.posted import checked


class MemoryPostingStore:
    """A `PostingStore` that ends with the process."""

    def __init__(self, hash_bits: int = 22) -> None:
        self._hash_bits = hash_bits
        self._items: dict[int, Posted] = {}

    def known(self) -> Numbers:
        """Return the sorted numbers that `lookup` can find."""
        return np.array(sorted(self._items), np.int64)

    def add(self, items: Iterable[Posted]) -> None:
        """Make postings searchable at once; numbers that are known are left as they are."""
        for item in items:
            self._items.setdefault(item.number, checked(item, self._hash_bits))

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

    def counts(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        """Return how many postings each hash has."""
        return np.bincount(self.lookup(hashes).query_index, minlength=len(hashes)).astype(np.uint32)

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every posting of every hash."""
        query, position = [], []
        for start, item in self._starts():
            for i, wanted in enumerate(hashes):
                for frame in item.frames[item.hashes == wanted].tolist():
                    query.append(i)
                    position.append(start + frame)
        return Hits(np.array(query, np.uint32), np.array(position, np.int64))

    def locate(
        self, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (numbers, frames) of time line positions."""
        numbers = np.full(len(positions), -1, np.int64)
        frames = np.zeros(len(positions), np.int64)
        for i, position in enumerate(positions):
            for start, item in self._starts():
                if -GAP_FRAMES // 2 <= position - start < item.span_frames:
                    numbers[i], frames[i] = item.number, position - start
        return numbers, frames

    def payload(self, number: int) -> Payload:
        """Return the bytes given with a number; raises `KeyError`."""
        return self._items[number].payload

    def payloads(self, numbers: Sequence[int]) -> list[Payload]:
        """Return the payload of each number; raises `KeyError`."""
        return [self.payload(number) for number in numbers]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes``, ``segments``, ``postings``, ``pending``."""
        postings = sum(len(item.hashes) for item in self._items.values())
        return {"bytes": 0, "segments": 0, "postings": postings, "pending": len(self._items)}

    def verify(self) -> list[str]:
        """Return no fault: memory does not rot."""
        return []

    def _starts(self) -> Iterator[tuple[int, Posted]]:
        start = GAP_FRAMES
        for item in self._items.values():
            yield start, item
            start += item.span_frames + GAP_FRAMES
