"""The shapes of comparisons and of searches for duplicates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from earmark.service.answering.schemas import MatchTrack, SegmentShape, Shape, SpanShape

Sound = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
TwinWord = Literal["exact", "recording", "excerpt", "tune", "sound"]

_SIDE: dict[str, Any] = {
    "name": "Prelude",
    "duration_s": 214.36,
    "track_id": "3f1c9a6b2d8e",
    "codec": "flac",
    "rate_hz": 44100,
    "channels": 2,
    "bytes_per_s": 98112.4,
    "level_dbfs": -18.2,
    "peak_dbfs": -0.4,
    "highest_hz": 20012.3,
}
_COMPARISON: dict[str, Any] = {
    "a": _SIDE,
    "b": {**_SIDE, "name": "clip.mp3", "track_id": None, "codec": "mp3", "duration_s": 211.36},
    "relation": "recording",
    "confidence": 1.0,
    "verdict": "the same recording, B is 3.0 s shorter at the start",
    "segments": [
        {
            "query": {"start_s": 3.0, "end_s": 214.36},
            "reference": {"start_s": 0.0, "end_s": 211.36},
        }
    ],
    "time_ratio": 1.0,
    "speed_ppm": 0.0,
    "pitch_shift_semitones": 0.0,
    "drift_ms": 0.4,
    "gain_db": -9.4,
    "moments": [
        {"at_s": 8.0, "b_s": 5.0, "time_ratio": 1.0, "off_ms": 0.3, "gain_db": -9.4},
    ],
    "only_a": [{"start_s": 0.0, "end_s": 3.0}],
    "only_b": [],
    "tune": 0.92,
    "sound": 0.98,
    "figures": {"aligned_count": 4800, "share": 0.88},
    "warnings": [],
}


class CompareQuestion(BaseModel):
    """Two sounds: each the id of a track, or an http(s) address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"a": "3f1c9a6b2d8e", "b": "https://example.org/clip.mp3"}]
        },
    )

    a: Sound
    b: Sound


class SideShape(Shape):
    """One of the sounds; null is what only its audio could tell."""

    name: str
    duration_s: float
    track_id: str | None
    codec: str | None
    rate_hz: int | None
    channels: int | None
    bytes_per_s: float | None
    level_dbfs: float | None
    peak_dbfs: float | None
    highest_hz: float | None = Field(description="How high its spectrum reaches")


class MomentShape(Shape):
    """The alignment around a second of A."""

    at_s: float
    b_s: float
    time_ratio: float = Field(description="Seconds of B for one of A there")
    off_ms: float = Field(description="How far B lies behind the straight line")
    gain_db: float | None = Field(description="How much louder B is there")


class ComparisonShape(Shape):
    """How B lies on A, and what differs; in `segments` the query is A, the reference B."""

    model_config = ConfigDict(json_schema_extra={"examples": [_COMPARISON]})

    a: SideShape
    b: SideShape
    relation: Literal["exact", "recording", "excerpt", "tune", "sound", "different"]
    confidence: float
    verdict: str
    segments: list[SegmentShape] = Field(description="Longest first")
    time_ratio: float
    speed_ppm: float = Field(description="How much faster B runs")
    pitch_shift_semitones: float = Field(description="How far B sounds above A")
    drift_ms: float | None
    gain_db: float | None = Field(description="How much louder B is")
    moments: list[MomentShape]
    only_a: list[SpanShape]
    only_b: list[SpanShape]
    tune: float | None = Field(description="Similarity of the tunes")
    sound: float | None = Field(description="Similarity of the sounds")
    figures: dict[str, Any]
    warnings: list[str]


class DedupeQuestion(BaseModel):
    """Which duplicates to look for; all kinds where none is named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"kinds": ["exact", "recording"]}]},
    )

    kinds: Annotated[list[TwinWord], Field(min_length=1, max_length=5)] | None = None
    least_confidence: float = Field(default=0.9, ge=0.0, le=1.0, strict=True)


class MemberShape(Shape):
    """A track of a group; its `segments` lead to the one to keep."""

    track: MatchTrack
    size_bytes: int | None
    confidence: float
    segments: list[SegmentShape]
    time_ratio: float
    pitch_shift_semitones: float
    covered: float = Field(description="The share of its own length that the segments hold")


class GroupShape(Shape):
    """Tracks that are one another, the one to keep first."""

    kind: TwinWord
    confidence: float
    keep: str
    remove: list[str] = Field(description="Tracks that the kept one makes needless")
    saved_bytes: int | None
    members: list[MemberShape]


class DuplicatesShape(Shape):
    """What a search for duplicates came to; lists hold the first thousand groups."""

    groups: list[GroupShape]
    kinds: dict[str, int]
    tracks: int
    audios: int
    saved_bytes: int
    unknown_sizes: int
    skipped: dict[str, str]
    wall_s: float
