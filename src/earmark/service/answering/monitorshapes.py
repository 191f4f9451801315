"""Scans, streams, rules and webhooks as JSON that goes out; times are seconds since 1970."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from earmark.ports import Action, DeliveryState, GapKind, StreamState
from earmark.service.answering.detectionshapes import DETECTION, DetectionShape
from earmark.service.answering.schemas import Shape, SpanShape

ShownScan = Literal["queued", "running", "done", "failed", "stopped"]
_TIMELINE: dict[str, Any] = {
    "input": "friday.mp3",
    "duration_s": 7200.0,
    "played_s": 6120.4,
    "detections": [DETECTION],
    "gaps": [{"kind": "speech", "start_s": 0.0, "end_s": 61.2}],
    "repeats": [],
    "outages": [],
    "warnings": [],
    "timing_ms": {"decode": 4100.0, "search": 9800.0},
}
_STREAM: dict[str, Any] = {
    "id": "5d4c3b2a19087f6e",
    "name": "Radio Example",
    "url": "https://radio.example.org/live",
    "wanted": True,
    "created_at": 1795435200.0,
    "options": {"least_s": 3.0},
    "state": "live",
    "state_at": 1795435201.4,
    "heard_s": 3601.0,
    "reconnects": 0,
    "error": "",
}


class GapShape(SpanShape):
    """A stretch that no track explains; `group` is the repeat that it belongs to."""

    kind: GapKind
    group: str | None = None


class PlayShape(SpanShape):
    """One time that unknown music was played."""

    source: str


class RepeatShape(Shape):
    """Unknown music that was played several times."""

    id: str
    duration_s: float
    plays: list[PlayShape]


class TimelineShape(Shape):
    """All that was found in one source, in the order of time."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TIMELINE]})

    input: str
    duration_s: float
    played_s: float = Field(description="Seconds in which at least one known recording sounds")
    detections: list[DetectionShape]
    gaps: list[GapShape]
    repeats: list[RepeatShape]
    outages: list[SpanShape]
    warnings: list[str]
    timing_ms: dict[str, float]


class ScanProgress(Shape):
    """How far a scan is, in seconds of its source; `left_s` is how long it will still take."""

    done_s: float
    duration_s: float | None
    left_s: float | None


class ScanTrouble(Shape):
    """Why a scan failed."""

    code: str
    message: str


class ScanShape(Shape):
    """A long file that was, or is being, listened to; `timeline` is there once it is done.

    In lists `timeline` is always null.
    """

    id: str
    source: str
    station: str
    began_at: float
    created_at: float
    state: ShownScan
    progress: ScanProgress
    error: ScanTrouble | None
    timeline: TimelineShape | None


class ScanPage(Shape):
    """Some scans, newest first; pass `next` as `before` to go on."""

    scans: list[ScanShape]
    next: str | None


class StreamShape(Shape):
    """A source that is watched; its URL is told without user name and password."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STREAM]})

    id: str
    name: str
    url: str
    wanted: bool = Field(description="Whether it is to run")
    created_at: float
    options: dict[str, Any]
    state: StreamState
    state_at: float
    heard_s: float
    reconnects: int
    error: str


class StreamList(Shape):
    """Every stream, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"streams": [_STREAM]}]})

    streams: list[StreamShape]


class OutageShape(Shape):
    """A time in which nothing came that could be heard; `until` is null while it lasts."""

    id: str
    stream_id: str
    since: float
    until: float | None
    reason: str


class OutageList(Shape):
    """Outages of a stream, newest first."""

    outages: list[OutageShape]


class RuleShape(Shape):
    """What is to happen with detections of a track or a tag (neither: of any track)."""

    id: str
    action: Action
    track_id: str | None
    tag: str | None
    least_s: float
    least_confidence: float
    note: str
    created_at: float


class RuleList(Shape):
    """Every rule, oldest first."""

    rules: list[RuleShape]


class WebhookShape(Shape):
    """An address that is told of events, without its secret."""

    id: str
    url: str
    events: list[str] = Field(description="None: all")
    actions: list[Action] = Field(description="None: all")
    active: bool
    note: str
    created_at: float


class MadeWebhook(WebhookShape):
    """A new webhook; `secret` is shown this once."""

    secret: str


class WebhookList(Shape):
    """Every webhook, oldest first."""

    webhooks: list[WebhookShape]


class DeliveryShape(Shape):
    """One event on its way to one webhook; `body` is what it is told."""

    id: str
    webhook_id: str
    event: str
    state: DeliveryState
    attempts: int
    status: int = Field(description="What the address answered last; 0: nothing")
    error: str
    created_at: float
    next_at: float | None = Field(description="When it is tried next; null: never")
    body: dict[str, Any]


class DeliveryPage(Shape):
    """Some deliveries, newest first; pass `next` as `before` to go on."""

    deliveries: list[DeliveryShape]
    next: str | None
