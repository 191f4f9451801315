"""The pure half of an engine: audio, or a score, becomes features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from earmark.types import Samples

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)


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


@runtime_checkable
class Preparing(Protocol):
    """What an `Analysis` may be besides: it needs something that may be missing on this machine."""

    def prepare(self) -> None:
        """Raise the error that every analysis would raise, e.g. `ModelUnavailableError`."""


class ScoreAnalysis(Analysis[F], ScoreReader[F], Protocol[F]):
    """An analysis that reads scores besides."""
