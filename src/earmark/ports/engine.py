"""The searching half of an engine, what it may be besides, and the room it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from earmark.ports.analysis import Analysis
from earmark.ports.arrays import Numbers
from earmark.ports.postings import PostingStore
from earmark.ports.vectors import VectorStore
from earmark.types import Clip, Finding, Kind

F = TypeVar("F")


class Engine(Protocol[F]):
    """One question asked of a library; holds its derived index, never the truth.

    Any thread may search while one other thread changes it.
    """

    @property
    def kind(self) -> Kind:
        """The kind of its matches."""

    @property
    def analysis(self) -> Analysis[F]:
        """The pure half."""

    def known(self) -> Numbers:
        """Return the sorted numbers that a search can find now."""

    def add(self, items: Iterable[tuple[int, F]]) -> None:
        """Make features searchable at once, in memory; `flush` makes the index durable."""

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers from every later search."""

    def flush(self) -> None:
        """Write what is in memory only; the caller holds the writer's lock."""

    def reload(self) -> None:
        """Look for what another process has written since."""

    def drop(self) -> None:
        """Forget the whole derived index, on disk too (first half of a rebuild)."""

    def search(self, clip: Clip, limit: int) -> list[Finding]:
        """Return findings, best first, one per number.

        Raises
        ------
        AudioTooShortError
            The clip is shorter than the engine can judge.
        """

    def stats(self) -> Mapping[str, int]:
        """Return sizes and counts: ``bytes``, ``segments`` and what the engine counts in."""

    def verify(self) -> list[str]:
        """Read the whole derived index; return one sentence per fault (`earmark doctor`)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Which tracks to compare a sound with, and how.

    ``among`` keeps those numbers, ``label`` those with a moment of that label; ``whole`` compares
    files as wholes instead of moments.
    """

    among: Numbers | None = None
    label: str | None = None
    whole: bool = False


@runtime_checkable
class Comparing(Protocol):
    """What an `Engine` may be besides: it ranks everything by likeness, not only what matches."""

    def search_among(self, clip: Clip, limit: int, compared: Compared) -> list[Finding]:
        """Return the tracks most like a clip; raises what `Engine.search` does, and `UsageError`.

        `UsageError` means that there is no such label.
        """

    def similar(
        self, number: int, at_s: float | None, limit: int, compared: Compared
    ) -> list[Finding]:
        """Return the tracks most like a known number, itself left out.

        Parameters
        ----------
        at_s
            Compare this moment of it only.

        Raises
        ------
        UsageError
            Nothing sounds there, or there is no such label.
        KeyError
            The index does not know the number.
        """


@runtime_checkable
class Outgrowing(Protocol):
    """What an `Engine` may be besides: its index is fitted to the library, and can be too small."""

    def outgrown(self) -> bool:
        """Whether building the index anew would make it better."""

    def gathering(self) -> bool:
        """Whether what it is fitted to is still coming in: flushing now would fit it to less."""


@runtime_checkable
class Choosing(Protocol):
    """What an `Engine` may be besides: it was opened for a choice that the library remembers."""

    @property
    def choices(self) -> Mapping[str, str]:
        """Return the choices in force by name; `IndexRoom.choice` tells them when it opens."""


class IndexRoom(Protocol):
    """The place of one engine's derived index: hands out stores without naming their classes."""

    def postings(self, hash_bits: int, digest: str) -> PostingStore:
        """Return the engine's posting store for hashes of ``hash_bits`` bits.

        Raises
        ------
        LibraryParametersError
            The index on disk was built under another parameter digest.
        DamagedIndexError
            A checksum does not hold.
        """

    def note(self, name: str) -> bytes | None:
        """Return what `keep` stored under ``name`` beside the index, or None."""

    def keep(self, name: str, data: bytes | None) -> None:
        """Store bytes beside the index, durably and at once; None takes them away.

        They are part of the derived index and go with it.
        """

    @property
    def shared(self) -> bool:
        """Whether several machines write here at once: what is added must be everybody's then.

        An engine must not let additions wait in memory where this is True.
        """

    def agree(self, name: str, data: bytes) -> bytes:
        """Store bytes beside the index unless another writer has; return what is stored now."""

    def choice(self, name: str) -> str | None:
        """Return what the library recorded of this engine's choices, e.g. its ``model``."""

    def wish(self, name: str) -> str | None:
        """Return what the settings ask for where the library has no choice recorded."""

    def vectors(self, dimension: int, digest: str, name: str = "vectors") -> VectorStore:
        """Return one of the engine's vector stores, for vectors of ``dimension`` components.

        Parameters
        ----------
        name
            Tells several vector stores of one engine apart: letters, digits and ``-``.

        Raises
        ------
        LibraryParametersError
            The index on disk was built under another parameter digest or dimension.
        DamagedIndexError
            A checksum does not hold.
        """


class EnginePlugin(Protocol):
    """What an entry point of the group ``earmark.engines`` names: a function that opens an engine.

    It must raise whatever its stores raise, and must not touch the track store.
    """

    def __call__(self, room: IndexRoom) -> Engine[Any]:
        """Return the engine with its derived index opened in ``room``."""
