"""Detections as JSON: what was played, where it was kept, and what was decided of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ConfigDict, Field

from earmark.audio.fetch import shown
from earmark.ports import Action, Entry, Grouping, Ruling
from earmark.service.answering.schemas import MatchTrack, SegmentShape, Shape, SpanShape
from earmark.types import Kind

TRACK: dict[str, Any] = {
    "id": "3f1c9a6b2d8e",
    "title": "Prelude",
    "artist": "A. Player",
    "source": "/srv/music/prelude.flac",
    "duration_s": 214.36,
    "tags": ["piano"],
}
_QUERY, _REFERENCE = {"start_s": 61.2, "end_s": 92.4}, {"start_s": 10.0, "end_s": 41.2}
DETECTION: dict[str, Any] = {
    "id": "6f2d1c0e9b8a47d6a5c4b3a291807f6e",
    "kind": "recording",
    "track": TRACK,
    "start_s": 61.2,
    "end_s": 92.4,
    "played_s": 31.2,
    "confidence": 0.99,
    "score": 44.1,
    "time_ratio": 1.0,
    "pitch_shift_semitones": 0.0,
    "segments": [{"query": _QUERY, "reference": _REFERENCE}],
    "pieces": [
        {
            "query": _QUERY,
            "reference": _REFERENCE,
            "time_ratio": 1.0,
            "pitch_shift_semitones": 0.0,
            "confidence": 0.99,
        }
    ],
    "open": False,
    "second_opinion": False,
    "duplicates": [],
}
ENTRY: dict[str, Any] = {
    **DETECTION,
    "source": "https://radio.example.org/live",
    "station": "Radio Example",
    "origin": "stream:5d4c3b2a19087f6e",
    "began_at": 1795435261.2,
    "action": "review",
    "rule_id": None,
    "ruling": "confirm",
    "evidence": {
        "path": "2026-11-23/6f2d1c0e9b8a47d6a5c4b3a291807f6e.flac",
        "sha256": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
        "bytes": 301_222,
        "start_s": 61.2,
        "duration_s": 15.0,
        "rate_hz": 16_000,
        "reference": {"start_s": 10.0, "end_s": 25.0},
        "engine": "recording 1f0c9a6b",
        "version": "1.0",
        "library": "812",
        "figures": {"score": 44.1},
        "pruned_at": None,
    },
    "decisions": [{"ruling": "confirm", "by": "ann", "at": 1795435400.0, "note": ""}],
}


class PieceShape(SegmentShape):
    """One straight stretch of a detection, at one speed and pitch."""

    time_ratio: float
    pitch_shift_semitones: float
    confidence: float


class DetectionTrack(MatchTrack):
    """The track that was played, as it was when it was detected."""

    tags: list[str]


class DetectionShape(Shape):
    """One track that a long source plays; seconds are those of the source.

    `time_ratio` and `pitch_shift_semitones` are those of the longest piece; `second_opinion` marks
    a tune or a likeness where no recording explains what sounds.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [DETECTION]})

    id: str
    kind: Kind
    track: DetectionTrack
    start_s: float
    end_s: float
    played_s: float = Field(description="Seconds in which it sounds; holes do not count")
    confidence: float
    score: float
    time_ratio: float
    pitch_shift_semitones: float
    segments: list[SegmentShape] = Field(description="Longest first")
    pieces: list[PieceShape] = Field(description="In the order of the source")
    open: bool = Field(description="Whether it goes on")
    second_opinion: bool
    duplicates: list[str] = Field(description="Ids of other tracks that hold the same")


class EvidenceShape(Shape):
    """The clip that is kept of a detection, and what made it."""

    path: str
    sha256: str
    bytes: int
    start_s: float = Field(description="Where the clip begins in the source")
    duration_s: float
    rate_hz: int
    reference: SpanShape = Field(description="What of the track it was aligned with")
    engine: str
    version: str
    library: str
    figures: dict[str, float | int]
    pruned_at: float | None = Field(description="When its file was given up; null: it is there")


class DecisionShape(Shape):
    """What somebody decided, `at` in seconds since 1970."""

    ruling: Ruling
    by: str
    at: float
    note: str


class EntryShape(DetectionShape):
    """A detection as it is kept; `began_at` is its beginning in seconds since 1970.

    `origin` is `stream:ID` or `scan:ID`; `decisions` is the whole trail, the last one stands.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [ENTRY]})

    source: str
    station: str
    origin: str
    began_at: float
    action: Action
    rule_id: str | None
    ruling: Ruling | None
    evidence: EvidenceShape | None
    decisions: list[DecisionShape]


class EntryPage(Shape):
    """Some detections, latest first; pass `next` as `before` to go on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"detections": [ENTRY], "next": None}]}
    )

    detections: list[EntryShape]
    next: str | None


class PrunedShape(Shape):
    """What was given up, or would be; `clips` are those of detections that stay.

    `files` and `bytes` are what is deleted, also clips that no detection names any more.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "detections": 312,
                    "clips": 0,
                    "files": 309,
                    "bytes": 92_404_112,
                    "dry_run": False,
                }
            ]
        }
    )

    detections: int
    clips: int
    files: int
    bytes: int
    dry_run: bool


class TotalShape(Shape):
    """One bar of a plot; `key` is a track's id, a day (`2026-11-23`), a station ..."""

    key: str
    label: str
    count: int
    played_s: float


class TotalList(Shape):
    """Sums: days and hours (UTC) in order of time, others longest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "by": "day",
                    "totals": [
                        {
                            "key": "2026-11-23",
                            "label": "2026-11-23",
                            "count": 412,
                            "played_s": 70211.4,
                        }
                    ],
                }
            ]
        }
    )

    by: Grouping
    totals: list[TotalShape]


def entry_shape(entry: Entry) -> dict[str, Any]:
    """Return an entry's JSON; a source's user name and password are not told."""
    return replace(entry, source=shown(entry.source)).as_dict()
