"""The shapes of JSON that the documentation shows, with examples that tests send and compare."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from earmark.types import Kind, Outcome

Words = Annotated[str, StringConstraints(max_length=1000)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ExtraKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
ExtraValue = Annotated[str, StringConstraints(max_length=10_000)]
Extra = Annotated[dict[ExtraKey, ExtraValue], Field(max_length=100)]
Url = Annotated[
    str, StringConstraints(pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s]+$", max_length=4000)
]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
TRACK_ID = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"

_TRACK: dict[str, Any] = {
    "id": "3f1c9a6b2d8e",
    "source": "/srv/earmark/media/9c/9c1b0e6f5a7d4c3b8a2f1e0d9c8b7a65/prelude.flac",
    "content_id": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
    "duration_s": 214.36,
    "title": "Prelude",
    "artist": "A. Player",
    "album": "First Takes",
    "tags": ["piano"],
    "extra": {"isrc": "QZES52012345"},
    "added_at": "2026-01-31T12:00:00+00:00",
    "uploaded": True,
}
_MATCH: dict[str, Any] = {
    "kind": "recording",
    "track": {
        "id": "3f1c9a6b2d8e",
        "title": "Prelude",
        "artist": "A. Player",
        "source": _TRACK["source"],
        "duration_s": 214.36,
    },
    "confidence": 0.97,
    "score": 41.2,
    "segments": [
        {
            "query": {"start_s": 0.0, "end_s": 9.28},
            "reference": {"start_s": 41.02, "end_s": 50.3},
        }
    ],
    "time_ratio": 1.0,
    "pitch_shift_semitones": 0.0,
    "duplicates": [],
    "evidence": {"landmarks": 182},
}
_ANSWER: dict[str, Any] = {
    "input": "clip.wav",
    "outcome": "match",
    "reason": None,
    "query": {"duration_s": 9.28, "level_dbfs": -23.1, "clipped": False},
    "matches": [_MATCH],
    "considered": [
        {"mode": "recording", "note": "1 match"},
        {"mode": "melody", "skipped": "already certain"},
    ],
    "timing_ms": {"decode": 31.0, "analyse": 88.0, "search": 6.0},
}


class Shape(BaseModel):
    """JSON that goes out."""


class TrackShape(Shape):
    """A track of the library; `uploaded` says whether the service keeps its file itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TRACK]})

    id: str
    source: str = Field(description="The path or URI as it was added")
    content_id: str = Field(description="The sha256 of the file's bytes")
    duration_s: float
    title: str
    artist: str
    album: str
    tags: list[str]
    extra: dict[str, str]
    added_at: str = Field(description="ISO 8601, UTC")
    uploaded: bool


class TrackPage(Shape):
    """Some tracks in the order they were added; pass `next` as `after` to go on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tracks": [_TRACK], "next": None, "total": 1}]}
    )

    tracks: list[TrackShape]
    next: str | None
    total: int = Field(description="How many there are in all")


class SpanShape(Shape):
    """A stretch of time, `start_s <= t < end_s`."""

    start_s: float
    end_s: float


class SegmentShape(Shape):
    """A part of the query and the part of the reference that it is."""

    query: SpanShape
    reference: SpanShape


class MatchTrack(Shape):
    """What an answer tells of a track."""

    id: str
    title: str
    artist: str
    source: str
    duration_s: float


class LandmarkShape(Shape):
    """One matched peak."""

    query_s: float
    reference_s: float
    frequency_hz: float


class ContoursShape(Shape):
    """Two lines of pitch on the query's time: MIDI note numbers, null where nothing sounds."""

    times_s: list[float]
    sung_semitones: list[float | None]
    tune_semitones: list[float | None]


class DrawingShape(Shape):
    """What a match has for drawing."""

    contours: ContoursShape | None
    landmarks: list[LandmarkShape]


class MatchShape(Shape):
    """A track that the query holds; reference time = reference.start_s + (query time -
    query.start_s) * time_ratio.
    """  # noqa: D205 - the formula is one sentence

    model_config = ConfigDict(json_schema_extra={"examples": [_MATCH]})

    kind: Kind
    track: MatchTrack
    confidence: float
    score: float
    segments: list[SegmentShape] = Field(description="Longest first")
    time_ratio: float
    pitch_shift_semitones: float
    duplicates: list[str]
    evidence: dict[str, Any]
    drawing: DrawingShape | None = Field(None, description="Only with `drawing=true`")


class QueryShape(Shape):
    """What was heard."""

    duration_s: float
    level_dbfs: float
    clipped: bool
    voiced_s: float | None = None


class ConsideredShape(Shape):
    """An engine that was, or was not, asked - and why."""

    mode: Kind
    skipped: str | None = None
    note: str | None = None


class AnswerShape(Shape):
    """The answer to a question; "no match" is one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    input: str
    outcome: Outcome
    reason: str | None
    query: QueryShape | None
    matches: list[MatchShape] = Field(description="Best first, one a track")
    considered: list[ConsideredShape]
    timing_ms: dict[str, float]
    code: str | None = None
    warnings: list[str] | None = None


class WaveformShape(Shape):
    """Lowest and highest sample of equal stretches, in [-1, 1]."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "duration_s": 214.36,
                    "start_s": 0.0,
                    "end_s": 214.36,
                    "peaks": [[-0.312, 0.298], [-0.514, 0.487]],
                }
            ]
        }
    )

    duration_s: float
    start_s: float
    end_s: float
    peaks: list[Pair]


class Asked(BaseModel):
    """JSON that comes in; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


class UrlQuestion(Asked):
    """A sound at an http(s) address."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "https://example.org/clip.wav"}]}
    )

    url: Url


class Changes(Asked):
    """What to change of a track; what is left out or null stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "Prelude", "tags": ["piano", "live"]}]},
    )

    title: Words | None = None
    artist: Words | None = None
    album: Words | None = None
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    extra: Extra | None = None


class NewTrackUrl(Changes):
    """A track whose sound lies at an http(s) address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://example.org/prelude.flac", "title": "Prelude"}]
        },
    )

    url: Url
