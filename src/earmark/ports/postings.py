"""Derived: an inverted index of landmark postings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from earmark.ports.arrays import Frames, Hashes, Numbers, Payload


@dataclass(frozen=True, slots=True)
class Posted:
    """What is indexed for one number: parallel hashes and frames, and bytes to verify against."""

    number: int
    hashes: Hashes
    frames: Frames
    span_frames: int
    payload: Payload


@dataclass(frozen=True, slots=True)
class Hits:
    """Postings found: hit i says that ``hashes[query_index[i]]`` lies at ``position[i]``.

    Positions are int64 frames on one time line on which tracks lie end to end, at least
    `GAP_FRAMES` apart, so that ``position - query frame`` names an alignment of one track.
    """

    query_index: npt.NDArray[np.uint32]
    position: npt.NDArray[np.int64]


GAP_FRAMES = 4096


class PostingStore(Protocol):
    """An inverted index: landmark hash -> where it occurs. Derived, rebuilt at will."""

    def known(self) -> Numbers:
        """Return the sorted numbers that `lookup` can find."""

    def add(self, items: Iterable[Posted]) -> None:
        """Make postings searchable at once (in memory until `flush`).

        A number always stands for the same postings: one that is known is left as it is.
        """

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, known yet or not; their space is freed at a merge."""

    def flush(self) -> None:
        """Write pending postings durably, merging what is small or mostly dead."""

    def reload(self) -> None:
        """Look for what another process has written; pending additions stay searchable."""

    def drop(self) -> None:
        """Forget everything, on disk too."""

    def counts(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        """Return how many postings each hash has; dead ones may be counted.

        It is never fewer than there are, but where reading them all to count would cost much and
        the store keeps no counts: then about how many.
        """

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every live posting of every hash."""

    def locate(
        self, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (numbers, frames) of time line positions.

        A position up to half a gap before a track's first frame belongs to it, with a negative
        frame; number -1 marks a position that belongs to no live track. A store need not know
        where a track ends: a position behind the last frame may belong to the track. Positions are
        those of the calling thread's last `lookup`, and hold until that thread changes the store.
        """

    def payload(self, number: int) -> Payload:
        """Return the bytes given with a number, not copied if possible; raises `KeyError`."""

    def payloads(self, numbers: Sequence[int]) -> list[Payload]:
        """Return `payload` of each, in that order; a store far away fetches them together."""

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` on disk, ``segments``, ``postings``, ``pending`` numbers."""

    def verify(self) -> list[str]:
        """Read everything on disk; return one sentence per fault found; empty when sound."""
