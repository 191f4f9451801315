"""A posting store that counts what is read through it, and the room that hands it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from earmark.ports import (
    Hashes,
    Hits,
    IndexRoom,
    Numbers,
    Payload,
    Posted,
    PostingStore,
    VectorStore,
)


@dataclass(slots=True)
class Reads:
    """What was asked of a posting store: look-ups, hashes and the postings they returned."""

    lookups: int = 0
    hashes: int = 0
    postings: int = 0

    def clear(self) -> None:
        """Start again at zero."""
        self.lookups = self.hashes = self.postings = 0


@dataclass(frozen=True, slots=True)
class CountingPostings:
    """A `PostingStore` that passes everything on to ``store`` and counts into ``reads``."""

    store: PostingStore
    reads: Reads

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every live posting of every hash, and count them."""
        hits = self.store.lookup(hashes)
        self.reads.lookups += 1
        self.reads.hashes += len(hashes)
        self.reads.postings += len(hits.position)
        return hits

    def known(self) -> Numbers:
        """Return the sorted numbers that `lookup` can find."""
        return self.store.known()

    def add(self, items: Iterable[Posted]) -> None:
        """Make postings searchable at once."""
        self.store.add(items)

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once."""
        self.store.remove(numbers)

    def flush(self) -> None:
        """Write pending postings durably."""
        self.store.flush()

    def reload(self) -> None:
        """Look for what another process has written."""
        self.store.reload()

    def drop(self) -> None:
        """Forget everything, on disk too."""
        self.store.drop()

    def counts(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        """Return how many postings each hash has; reads none of them."""
        return self.store.counts(hashes)

    def locate(
        self, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (numbers, frames) of time line positions."""
        return self.store.locate(positions)

    def payload(self, number: int) -> Payload:
        """Return the bytes given with a number."""
        return self.store.payload(number)

    def payloads(self, numbers: Sequence[int]) -> list[Payload]:
        """Return the bytes given with each number."""
        return self.store.payloads(numbers)

    def stats(self) -> Mapping[str, int]:
        """Return the store's sizes and counts."""
        return self.store.stats()

    def verify(self) -> list[str]:
        """Read everything on disk; return one sentence per fault found."""
        return self.store.verify()


@dataclass(frozen=True, slots=True)
class CountingRoom:
    """An `IndexRoom` whose stores count their reads, all into one tally."""

    room: IndexRoom
    reads: Reads = field(default_factory=Reads)

    def note(self, name: str) -> bytes | None:
        """Return what the room keeps under ``name``."""
        return self.room.note(name)

    def keep(self, name: str, data: bytes | None) -> None:
        """Store bytes in the room."""
        self.room.keep(name, data)

    @property
    def shared(self) -> bool:
        """Whether several machines write to the room."""
        return self.room.shared

    def agree(self, name: str, data: bytes) -> bytes:
        """Store bytes in the room unless another has."""
        return self.room.agree(name, data)

    def choice(self, name: str) -> str | None:
        """Return the room's choice."""
        return self.room.choice(name)

    def wish(self, name: str) -> str | None:
        """Return the room's wish."""
        return self.room.wish(name)

    def postings(self, hash_bits: int, digest: str) -> PostingStore:
        """Return the engine's posting store; raises what the room behind raises."""
        return CountingPostings(self.room.postings(hash_bits, digest), self.reads)

    def vectors(self, dimension: int, digest: str, name: str = "vectors") -> VectorStore:
        """Return the room's vector store: an exact search reads all of it, nothing to count."""
        return self.room.vectors(dimension, digest, name)
