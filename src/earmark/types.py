"""The nouns of earmark: frozen, typed, seconds as floats with an ``_s`` in the name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from earmark.recording.plot import Figure

Samples = npt.NDArray[np.float32]
Kind = Literal["recording", "melody", "sound"]
Mode = Literal["auto", "recording", "melody", "sound"]
Outcome = Literal["match", "no_match", "error"]


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud a stretch of audio is, measured before any resampling to mono is undone.

    ``level_dbfs`` is the RMS level, ``peak_dbfs`` the highest sample, both relative to full scale;
    ``clipped_fraction`` in [0, 1] counts samples that sit in a flat run at the peak.
    """

    level_dbfs: float
    peak_dbfs: float
    clipped_fraction: float
    nonfinite_samples: int = 0

    @property
    def silent(self) -> bool:
        """Nothing above -80 dBFS: less than the last bits of 16-bit audio."""
        return self.peak_dbfs < -80.0

    @property
    def clipped(self) -> bool:
        """More than one sample in a thousand is cut off."""
        return self.clipped_fraction > 1e-3


@dataclass(frozen=True, slots=True)
class Clip:
    """Mono audio in memory: ``samples`` float32 of shape (n,), finite, at ``rate_hz``.

    ``start_s`` places the clip in the source it was cut from (blocks of a long file).
    """

    samples: Samples
    rate_hz: int
    start_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of itself; every field may be absent."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    date: str | None = None
    genre: str | None = None
    isrc: str | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One entry of a library, as a person knows it.

    ``source`` is the path or URI as it was added; ``content_id`` the sha256 of the file's bytes;
    ``number`` the store's key of the audio (never reused; tracks with the same audio share it).
    """

    id: str
    source: str
    content_id: str
    duration_s: float
    number: int
    title: str = ""
    artist: str = ""
    album: str = ""
    tags: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    added_at: str = ""

    @property
    def label(self) -> str:
        """``Artist - Title``, or the file's name where the tags are empty."""
        title = self.title or Path(self.source).stem
        return f"{self.artist} - {title}" if self.artist else title

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``list --json`` (the store's own ``number`` is left out)."""
        shape = asdict(self)
        del shape["number"]
        shape["tags"] = list(self.tags)
        shape["extra"] = dict(self.extra)
        return shape


@dataclass(frozen=True, slots=True)
class Within:
    """Which tracks a question is about, and what of them.

    ``tags`` must all be there; ``folder`` is one above the source, as it was added; lengths are
    seconds; ``label`` is one that some moment must have, by its name or a part of it, and
    ``whole`` compares files as wholes instead of moments: both are for sounds only.
    """

    tags: tuple[str, ...] = ()
    folder: str | None = None
    shortest_s: float = 0.0
    longest_s: float | None = None
    label: str | None = None
    whole: bool = False

    @property
    def of_tracks(self) -> bool:
        """Whether it leaves out any track by what is known of tracks."""
        lengths = self.shortest_s > 0.0 or self.longest_s is not None
        return bool(self.tags) or self.folder is not None or lengths


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, ``start_s <= t < end_s``."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def shifted(self, by_s: float) -> Span:
        """Return the same stretch ``by_s`` later."""
        return Span(self.start_s + by_s, self.end_s + by_s)


@dataclass(frozen=True, slots=True)
class Segment:
    """An aligned pair of stretches: this part of the query is that part of the reference."""

    query: Span
    reference: Span


@dataclass(frozen=True, slots=True)
class Landmark:
    """One matched spectral peak, to draw: where it lies in the query and in the reference."""

    query_s: float
    reference_s: float
    frequency_hz: float


@dataclass(frozen=True, slots=True, eq=False)
class Contours:
    """Two lines of pitch to draw over one another: float32 arrays of shape (n,).

    ``times_s`` are seconds in the query; the pitches are MIDI note numbers, NaN where nothing
    sounds. ``tune_semitones`` is the reference laid on the query's time, in its own key.
    """

    times_s: npt.NDArray[np.float32]
    sung_semitones: npt.NDArray[np.float32]
    tune_semitones: npt.NDArray[np.float32]

    def shifted(self, by_s: float) -> Contours:
        """Return the same lines ``by_s`` later."""
        return replace(self, times_s=self.times_s + np.float32(by_s))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an engine believes a match: figures for machines, landmarks or contours to draw.

    ``labels`` say what the matched stretch sounds like (``{"Dog": 0.93}``), likeliest first.
    """

    figures: Mapping[str, float | int]
    landmarks: Sequence[Landmark] = ()
    contours: Contours | None = None
    labels: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the named figures and the labels; what is for drawing stays out of JSON."""
        shape: dict[str, Any] = {name: _rounded(value) for name, value in self.figures.items()}
        if self.labels:
            shape["labels"] = {name: _rounded(value) for name, value in self.labels.items()}
        return shape


@dataclass(frozen=True, slots=True)
class Finding:
    """An engine's answer before the library has put a name to the track's number.

    Reference time = ``reference.start_s + (query time - query.start_s) * time_ratio``;
    ``pitch_shift_semitones`` is how far the query sounds above the reference. ``alike`` are numbers
    of other tracks that hold the same, best first: they are told as this match's duplicates.
    """

    kind: Kind
    number: int
    confidence: float
    score: float
    segments: tuple[Segment, ...]
    time_ratio: float
    pitch_shift_semitones: float
    evidence: Evidence
    alike: tuple[int, ...] = ()

    def shifted(self, by_s: float) -> Finding:
        """Return the finding with its query ranges ``by_s`` later (blocks of a long query)."""
        moved = tuple(Segment(s.query.shifted(by_s), s.reference) for s in self.segments)
        marks = tuple(replace(m, query_s=m.query_s + by_s) for m in self.evidence.landmarks)
        lines = self.evidence.contours
        evidence = replace(
            self.evidence, landmarks=marks, contours=lines.shifted(by_s) if lines else None
        )
        return replace(self, segments=moved, evidence=evidence)


@dataclass(frozen=True, slots=True)
class Match:
    """One track that the query holds, with every aligned range, longest first.

    ``duplicates`` are the ids of other tracks with the same audio, then of those that the engine
    holds for the same (the same tune).
    """

    kind: Kind
    track: Track
    confidence: float
    score: float
    segments: tuple[Segment, ...]
    time_ratio: float
    pitch_shift_semitones: float
    evidence: Evidence
    duplicates: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape fixed by the public interface."""
        track = self.track
        return {
            "kind": self.kind,
            "track": {
                "id": track.id,
                "title": track.title,
                "artist": track.artist,
                "source": track.source,
                "duration_s": _rounded(track.duration_s),
            },
            "confidence": _rounded(self.confidence),
            "score": _rounded(self.score),
            "segments": [
                {name: {k: _rounded(v) for k, v in asdict(span).items()} for name, span in pair}
                for pair in (
                    (("query", s.query), ("reference", s.reference)) for s in self.segments
                )
            ],
            "time_ratio": _rounded(self.time_ratio, 5),
            "pitch_shift_semitones": _rounded(self.pitch_shift_semitones, 3),
            "duplicates": list(self.duplicates),
            "evidence": self.evidence.as_dict(),
        }

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the matched landmarks, or the two lines of pitch; needs the ``plot`` extra.

        Parameters
        ----------
        path
            Where to write a picture; None returns the figure for a notebook.
        """
        if self.evidence.contours is not None:
            from earmark.melody.plot import plot_contours

            return plot_contours(self, path)
        from earmark.recording.plot import plot_match

        return plot_match(self, path)

    def _repr_html_(self) -> str:
        """Return a table of one row, with a player, for notebooks."""
        from earmark.display import match_html

        return match_html(self)

    def __repr__(self) -> str:
        where = self.segments[0].reference.start_s if self.segments else math.nan
        return f"<Match {self.track.label!r} at {where:.2f} s, confidence {self.confidence:.2f}>"


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """What was heard: length, loudness, clipping, and (melody) how long a voice sounded."""

    duration_s: float
    level_dbfs: float
    clipped: bool
    voiced_s: float | None = None


@dataclass(frozen=True, slots=True)
class Considered:
    """One engine that was, or was not, asked - and why."""

    mode: Kind
    skipped: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to one query; "no match" is an answer."""

    input: str
    outcome: Outcome
    matches: tuple[Match, ...] = ()
    query: QueryFacts | None = None
    reason: str | None = None
    code: str | None = None
    considered: tuple[Considered, ...] = ()
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> Match | None:
        """The most certain match, or None."""
        return self.matches[0] if self.matches else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape shared by CLI, REST and Python."""
        query = None
        if self.query is not None:
            query = {k: _rounded(v) for k, v in asdict(self.query).items() if v is not None}
        shape: dict[str, Any] = {
            "input": self.input,
            "outcome": self.outcome,
            "reason": self.reason,
            "query": query,
            "matches": [match.as_dict() for match in self.matches],
            "considered": [
                {k: v for k, v in asdict(c).items() if v is not None} for c in self.considered
            ],
            "timing_ms": {name: round(ms, 1) for name, ms in self.timing_ms.items()},
        }
        if self.code is not None:
            shape["code"] = self.code
        if self.warnings:
            shape["warnings"] = list(self.warnings)
        return shape

    def _repr_html_(self) -> str:
        """Return a table of the matches, with players, for notebooks."""
        from earmark.display import answer_html

        return answer_html(self)

    def __repr__(self) -> str:
        if self.best is not None:
            more = f" (+{len(self.matches) - 1})" if len(self.matches) > 1 else ""
            return f"<Answer {self.input!r}: {self.best!r}{more}>"
        return (
            f"<Answer {self.input!r}: {self.outcome}{f' ({self.reason})' if self.reason else ''}>"
        )


def _rounded(value: Any, digits: int = 4) -> Any:  # noqa: ANN401 - passes non-floats through
    return round(float(value), digits) if isinstance(value, float | np.floating) else value
