"""What the core needs from outside: Protocols and the plain records that cross them, nothing else.

An engine answers one question (which recording? which tune? what sounds alike?). A track store
holds the truth. Posting and vector stores are derived from it and may be thrown away and built
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from earmark.types import Clip, Finding, Kind, Samples, Track

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint32]
Frames = npt.NDArray[np.uint32]
Payload = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


# --- engines -----------------------------------------------------------------------------------


class Analyser(Protocol[F_co]):
    """Turns audio into features, block by block, in memory that does not grow with the audio."""

    def feed(self, samples: Samples) -> None:
        """Take the next samples, float32 mono at the analysis' rate, any length, none too."""

    def finish(self) -> F_co:
        """Return the features of all that was fed; the analyser is used up.

        Fed nothing but empty blocks, it returns the features of hearing nothing: what tracks get
        that another engine has read from a score.
        """


class Analysis(Protocol[F]):
    """The pure, picklable half of an engine: what worker processes run."""

    @property
    def name(self) -> str:
        """The engine's name, the key of its features in the track store."""

    @property
    def rate_hz(self) -> int:
        """The sample rate it listens at."""

    @property
    def digest(self) -> str:
        """Short hash of every parameter that changes features; stored beside them."""

    def analyser(self) -> Analyser[F]:
        """Start a new analysis."""

    def pack(self, features: F) -> bytes:
        """Return features as bytes for the track store; equal features give equal bytes."""

    def unpack(self, data: bytes) -> F:
        """Return the features that `pack` wrote."""


@dataclass(frozen=True, slots=True)
class ReadScore(Generic[F]):
    """What an analysis read from a file that is not audio; ``part`` is what it chose there."""

    features: F
    duration_s: float
    title: str = ""
    artist: str = ""
    part: str = ""


@runtime_checkable
class ScoreReader(Protocol[F]):
    """What an `Analysis` may be besides: it has features for files that are not audio.

    Such a file becomes a track of its own (`Library.add`), or its features are attached to those
    of a recording, and then win (`Library.attach`).
    """

    @property
    def suffixes(self) -> frozenset[str]:
        """Endings of the files it reads, lower case with their dot; none that is audio's."""

    @property
    def books(self) -> frozenset[str]:
        """Those endings whose files may hold several pieces, each a track of its own."""

    def pieces(self, data: bytes, name: str) -> Sequence[str]:
        """Return what a book's pieces are called (digits), in order; empty for a single piece.

        Never raises: what cannot be read is told by `read`.
        """

    def read(self, data: bytes, name: str, part: str | None = None) -> ReadScore[F]:
        """Return the features of a file's bytes.

        Parameters
        ----------
        name
            What errors call it; its ending tells the format.
        part
            Which voice of it, or which piece of a book; None chooses.

        Raises
        ------
        InputError
            The bytes are not what the ending says, or hold nothing to find.
        UsageError
            There is no such part, or a package is missing that the format needs.
        """

    def attach(self, features: F, read: F) -> F:
        """Return a recording's features with those that were ``read`` attached."""

    def detach(self, features: F) -> F:
        """Return features without what was attached."""

    def keep(self, old: F, new: F) -> F:
        """Return ``new`` features, heard again, with what was attached to the ``old`` ones.

        ``old`` may have been made with other parameters.
        """


class ScoreAnalysis(Analysis[F], ScoreReader[F], Protocol[F]):
    """An analysis that reads scores besides."""


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

    def vectors(self, dimension: int, digest: str) -> VectorStore:
        """Return the engine's vector store for vectors of ``dimension`` components.

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


# --- the truth ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """One engine's packed features and the parameters they were made with."""

    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewTrack:
    """All that is written for one track, in one transaction.

    ``audio_id`` identifies the audio by its features: tracks with the same ``audio_id`` share one
    number and are indexed once. ``size_bytes`` and ``modified_ns`` let a later run skip a file
    that has not changed. ``track_id`` replaces that track, or creates it under the caller's id.
    """

    source: str
    content_id: str
    audio_id: str
    duration_s: float
    features: Mapping[str, StoredFeatures]
    size_bytes: int = -1
    modified_ns: int = -1
    title: str = ""
    artist: str = ""
    album: str = ""
    tags: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    cover: bytes | None = None
    track_id: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the store remembers of a file, to tell whether it changed."""

    track_id: str
    source: str
    content_id: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class TrackChanges:
    """Fields to overwrite; None leaves a field as it is."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    tags: tuple[str, ...] | None = None
    extra: Mapping[str, str] | None = None
    source: str | None = None
    size_bytes: int | None = None
    modified_ns: int | None = None


class TrackStore(Protocol):
    """The one truth: tracks, their metadata and every engine's features."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold the library's single writer's lock (re-entrant within a thread).

        Raises
        ------
        LibraryLockedError
            Another process kept it longer than the configured wait.
        """

    def put(self, tracks: Sequence[NewTrack]) -> list[Track]:
        """Insert or replace, all in one durable transaction; on return nothing can be lost."""

    def update(self, track_id: str, changes: TrackChanges) -> Track:
        """Overwrite metadata of one track; raises `TrackNotFoundError`."""

    def delete(self, track_ids: Sequence[str]) -> None:
        """Delete all or none in one durable transaction; raises `TrackNotFoundError`.

        Audio that no track refers to any more goes with the last of them.
        """

    def get(self, track_id: str) -> Track:
        """Return one track; raises `TrackNotFoundError`."""

    def by_number(self, numbers: Sequence[int]) -> dict[int, list[Track]]:
        """Return the tracks of each number, first added first; unknown numbers are absent."""

    def source_state(self, source: str) -> SourceState | None:
        """Return what is remembered of a source, or None."""

    def by_content(self, content_id: str) -> list[SourceState]:
        """Return every track of a content id, first added first."""

    def page(self, after: str | None, limit: int, text: str | None = None) -> list[Track]:
        """Return tracks in the order they were added, after the track id ``after``.

        ``text`` keeps tracks whose title, artist, album, tags or source contain it, ignoring case.
        """

    def cover(self, track_id: str) -> bytes | None:
        """Return the cover picture's bytes, or None."""

    def count(self) -> int:
        """Return the number of tracks."""

    def numbers(self, engine: str) -> Numbers:
        """Return the sorted numbers that hold features of ``engine``."""

    def features(self, engine: str, numbers: Sequence[int]) -> Iterator[tuple[int, StoredFeatures]]:
        """Yield the features of those numbers that have them, ascending."""

    def replace_features(self, engine: str, items: Mapping[int, StoredFeatures]) -> None:
        """Overwrite one engine's features of existing numbers (a rebuild from sources)."""

    def revision(self) -> int:
        """Return a value that changes whenever any process has changed the store."""

    def totals(self) -> Mapping[str, float]:
        """Return ``tracks``, ``audios``, ``audio_s`` (indexed once each) and ``bytes``."""

    def check(self) -> list[str]:
        """Return one sentence per fault found in the truth; empty when sound."""

    def close(self) -> None:
        """Release files and connections."""


# --- derived: landmark postings ----------------------------------------------------------------


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
        """Return how many postings each hash has (dead ones may be counted)."""

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every live posting of every hash."""

    def locate(
        self, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (numbers, frames) of time line positions.

        A position up to half a gap before a track's first frame belongs to it, with a negative
        frame; number -1 marks a position that belongs to no live track. Positions are those of
        the calling thread's last `lookup`, and hold until that thread changes the store.
        """

    def payload(self, number: int) -> Payload:
        """Return the bytes given with a number, not copied if possible; raises `KeyError`."""

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` on disk, ``segments``, ``postings``, ``pending`` numbers."""

    def verify(self) -> list[str]:
        """Read everything on disk; return one sentence per fault found; empty when sound."""


# --- derived: vectors --------------------------------------------------------------------------


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
