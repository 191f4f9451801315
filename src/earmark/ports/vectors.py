"""Derived: windows of tracks as vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from earmark.ports.arrays import Float32, Numbers


@dataclass(frozen=True, slots=True)
class Embedded:
    """What is indexed for one number: a vector for each window, and bytes to verify against.

    ``vectors`` is (n, dimension) of unit length; ``start_s`` and ``length_s`` are (n,) and tell
    which part of the track each one stands for, to 10 ms. n may be 0.
    """

    number: int
    vectors: Float32
    start_s: Float32
    length_s: Float32
    payload: bytes


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The windows nearest to each query: arrays (q, k), best first in each row.

    ``similarity`` is the inner product of query and window. Of equal ones the lower number comes
    first, then the earlier start, then the earlier row of `Embedded`. Where there are fewer than
    k, ``number`` is -1, ``similarity`` is -inf and the times are 0.
    """

    number: Numbers
    start_s: Float32
    length_s: Float32
    similarity: Float32


class VectorStore(Protocol):
    """Windows of tracks as unit vectors, searched exactly. Derived, rebuilt at will.

    Any thread may search while one other thread changes the store.
    """

    def known(self) -> Numbers:
        """Return the sorted numbers that are held, those without vectors too."""

    def add(self, items: Iterable[Embedded]) -> None:
        """Make vectors searchable at once (in memory until `flush`).

        A number always stands for the same vectors: one that is known is left as it is.

        Raises
        ------
        ValueError
            Shapes do not fit, a vector is not of unit length, or a time is negative or beyond
            what 32 bits of 10 ms can tell.
        """

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, known yet or not; their space is freed at a merge."""

    def flush(self) -> None:
        """Write pending vectors durably, merging what is small or mostly dead."""

    def reload(self) -> None:
        """Look for what another process has written; pending additions stay searchable."""

    def drop(self) -> None:
        """Forget everything, on disk too."""

    def search(self, queries: Float32, k: int, among: Numbers | None = None) -> Neighbours:
        """Return the ``k`` windows nearest to each row of ``queries`` (q, dimension).

        ``among`` restricts the search to those numbers, known or not, in any order.

        Raises
        ------
        ValueError
            The queries are not finite or of another dimension, or ``k`` is negative.
        """

    def embedded(self, number: int) -> Embedded:
        """Return what is held of a number, as exactly as it is kept; raises `KeyError`."""

    def payloads(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the bytes given with each number, in that order; raises `KeyError`."""

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` on disk, ``segments``, ``vectors``, ``pending`` numbers."""

    def verify(self) -> list[str]:
        """Read everything on disk; return one sentence per fault found; empty when sound."""
