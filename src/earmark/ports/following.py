"""What an engine may be besides: it follows a source without end, and says what it plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from earmark.types import Samples, Span


@dataclass(frozen=True, slots=True)
class Run:
    """A number that plays along one straight line, as far as it is known by now.

    ``key`` stays the same while it grows; once ``closed`` it is told no more. Spans are seconds of
    what was fed and of the reference; ``alike`` are numbers that hold the same there.
    """

    key: int
    number: int
    query: Span
    reference: Span
    time_ratio: float
    pitch_shift_semitones: float
    confidence: float
    score: float
    alike: tuple[int, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """The spectrum of the next stretch, each frame told once, in order: for other listeners.

    ``log_spectrum`` and ``salience`` are float32 of shape (frames, bins): natural log magnitude
    (floor at -80 dBFS), and the same less its surroundings. Frame i is centred on second
    ``start_s + i * frame_s`` plus half a window of 64 ms.
    """

    start_s: float
    frame_s: float
    log_spectrum: npt.NDArray[np.float32]
    salience: npt.NDArray[np.float32]


class Follower(Protocol):
    """Hears one source from its start; not shared between threads."""

    def feed(self, samples: Samples) -> list[Run]:
        """Take the next mono samples at the engine's rate; return runs that are new or changed."""

    def finish(self) -> list[Run]:
        """Take the source as ended (or broken off): look a last time, close every run.

        More may be fed after that: time goes on, nothing is carried over.
        """

    def sheets(self) -> list[Sheet]:
        """Return the spectra made since the last call."""

    @property
    def settled_s(self) -> float:
        """Up to here nothing new will be found to start, but for runs that are open."""


@runtime_checkable
class Following(Protocol):
    """What an `Engine` may be besides."""

    def follower(self, *, effort: float = 1.0) -> Follower:
        """Start to follow a source; ``effort`` scales how often the costly tries are made."""
