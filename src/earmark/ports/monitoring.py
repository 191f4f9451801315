"""What monitoring keeps: detections with evidence and decisions, rules, streams, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from earmark.types import Kind, Segment, Span, Track

Action = Literal["allow", "review", "block"]
"""What is to happen with a detection; ``review`` waits for a person."""
Ruling = Literal["confirm", "reject", "unsure"]
GapKind = Literal["music", "speech", "silence", "other"]
StreamState = Literal["connecting", "live", "down", "ended", "stopped", "failed"]
ScanState = Literal["running", "done", "failed", "stopped"]
DeliveryState = Literal["pending", "delivered", "dead"]
Grouping = Literal["track", "artist", "day", "hour", "station", "action", "ruling"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One straight stretch: this much of the source is that of the reference, at one speed.

    Reference time = ``reference.start_s + (source time - query.start_s) * time_ratio``;
    ``pitch_shift_semitones`` is how far the source sounds above the reference.
    """

    query: Span
    reference: Span
    time_ratio: float
    pitch_shift_semitones: float
    confidence: float
    score: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "query": _span(self.query),
            "reference": _span(self.reference),
            "time_ratio": round(self.time_ratio, 5),
            "pitch_shift_semitones": round(self.pitch_shift_semitones, 3),
            "confidence": round(self.confidence, 4),
        }


@dataclass(frozen=True, slots=True)
class Detection:
    """One track that a long source plays, from its start to its end.

    ``pieces`` lie in the order of the source: a cut, a loop or a change of speed begins a new one.
    ``second`` marks a second opinion (a tune, a likeness) on what no recording explains.
    ``duplicates`` are the ids of other tracks that hold the same.
    """

    id: str
    kind: Kind
    track: Track
    confidence: float
    score: float
    pieces: tuple[Piece, ...]
    open: bool = False
    second: bool = False
    duplicates: tuple[str, ...] = ()

    @property
    def start_s(self) -> float:
        """Where it begins in the source."""
        return min(piece.query.start_s for piece in self.pieces)

    @property
    def end_s(self) -> float:
        """Where it ends in the source (so far, while it is open)."""
        return max(piece.query.end_s for piece in self.pieces)

    @property
    def played_s(self) -> float:
        """Seconds of the source in which it sounds; holes between pieces do not count."""
        total, until = 0.0, float("-inf")
        for query in sorted((piece.query for piece in self.pieces), key=lambda q: q.start_s):
            total += max(0.0, query.end_s - max(query.start_s, until))
            until = max(until, query.end_s)
        return total

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The aligned pairs, longest first."""
        pairs = (Segment(piece.query, piece.reference) for piece in self.pieces)
        return tuple(sorted(pairs, key=lambda pair: -pair.query.duration_s))

    @property
    def longest(self) -> Piece:
        """The longest piece: its speed and pitch speak for the whole."""
        return max(self.pieces, key=lambda piece: piece.query.duration_s)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: one line of ``scan --json``."""
        track, longest = self.track, self.longest
        return {
            "id": self.id,
            "kind": self.kind,
            "track": {
                "id": track.id,
                "title": track.title,
                "artist": track.artist,
                "source": track.source,
                "duration_s": round(track.duration_s, 4),
                "tags": list(track.tags),
            },
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "played_s": round(self.played_s, 3),
            "confidence": round(self.confidence, 4),
            "score": round(self.score, 4),
            "time_ratio": round(longest.time_ratio, 5),
            "pitch_shift_semitones": round(longest.pitch_shift_semitones, 3),
            "segments": [
                {"query": _span(pair.query), "reference": _span(pair.reference)}
                for pair in self.segments
            ],
            "pieces": [piece.as_dict() for piece in self.pieces],
            "open": self.open,
            "second_opinion": self.second,
            "duplicates": list(self.duplicates),
        }


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """The clip that a detection was made from, and what made it.

    ``path`` is relative to the evidence folder; ``sha256`` that of the file; ``start_s`` and
    ``duration_s`` place the clip in the source; ``reference`` is what it was aligned with.
    ``engine``, ``version`` and ``library`` say who found it: the engine and its parameter digest,
    earmark's version, and the library's revision. ``pruned_at`` is when the file was given up, in
    seconds since 1970; None where it is to be there.
    """

    path: str
    sha256: str
    bytes: int
    start_s: float
    duration_s: float
    rate_hz: int
    reference: Span
    engine: str
    version: str
    library: str
    figures: Mapping[str, float | int] = field(default_factory=dict)
    pruned_at: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided of a detection; ``at`` is seconds since 1970."""

    ruling: Ruling
    by: str
    at: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A detection as it is kept.

    ``station`` is what people call the source (a stream's name, a file's name); ``origin`` is
    ``stream:ID`` or ``scan:ID``; ``began_at`` when it begins on the clock, in seconds since 1970.
    ``decisions`` is the whole trail, oldest first: the last one stands. ``logged_at`` is when it
    was first written down (0: an older earmark did not say); what was on air years ago may have
    been scanned today.
    """

    detection: Detection
    source: str
    station: str
    origin: str
    began_at: float
    action: Action = "review"
    rule_id: str | None = None
    evidence: EvidenceFile | None = None
    decisions: tuple[Decision, ...] = ()
    logged_at: float = 0.0

    @property
    def aged_from(self) -> float:
        """From when on it grows old: when it was on air, or written down if that was later."""
        return max(self.began_at, self.logged_at)

    @property
    def id(self) -> str:
        """The detection's id."""
        return self.detection.id

    @property
    def ruling(self) -> Ruling | None:
        """What was decided last, or None."""
        return self.decisions[-1].ruling if self.decisions else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: the detection's, with what the log adds."""
        evidence = None if self.evidence is None else asdict(self.evidence)
        return {
            **self.detection.as_dict(),
            "source": self.source,
            "station": self.station,
            "origin": self.origin,
            "began_at": round(self.began_at, 3),
            "action": self.action,
            "rule_id": self.rule_id,
            "ruling": self.ruling,
            "evidence": evidence,
            "decisions": [asdict(decision) for decision in self.decisions],
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for; what is empty or None does not narrow.

    ``since`` and ``until`` bound ``began_at`` (seconds since 1970, half-open). ``ruling`` may be
    ``none``: undecided. ``tag`` is one that the track carried when it was detected.
    """

    station: str | None = None
    origin: str | None = None
    track_id: str | None = None
    tag: str | None = None
    action: Action | None = None
    ruling: Ruling | Literal["none"] | None = None
    open: bool | None = None
    since: float | None = None
    until: float | None = None
    least_confidence: float = 0.0
    least_s: float = 0.0
    text: str | None = None


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A clip that an entry names and that is to be there; ``aged_from`` is the entry's."""

    entry_id: str
    sha256: str
    bytes: int
    aged_from: float
    ruling: Ruling | None
    open: bool


@dataclass(frozen=True, slots=True)
class Total:
    """One bar of a dashboard: ``key`` is a track id, a day (``2026-11-23``), a station ..."""

    key: str
    label: str
    count: int
    played_s: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to happen with detections of a track or of a tag (neither: of any track).

    Detections shorter than ``least_s`` or less certain than ``least_confidence`` are not its.
    """

    id: str
    action: Action
    track_id: str | None = None
    tag: str | None = None
    least_s: float = 0.0
    least_confidence: float = 0.0
    note: str = ""
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """A pair that a person rejected: this stretch of this track is not what that station plays."""

    station: str
    track_id: str
    reference: Span
    detection_id: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A source that is watched; ``wanted`` says whether it is to run.

    ``options`` are those of `earmark.monitor`: ``also``, ``gap_s`` ... as JSON. ``state``,
    ``state_at``, ``heard_s``, ``reconnects`` and ``error`` say how it goes.
    """

    id: str
    name: str
    url: str
    wanted: bool = True
    created_at: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    state: StreamState = "stopped"
    state_at: float = 0.0
    heard_s: float = 0.0
    reconnects: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a stream sent nothing that could be heard; ``until`` is None while it lasts.

    Seconds since 1970.
    """

    id: str
    stream_id: str
    since: float
    until: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """A long file that was, or is being, listened to.

    ``key`` tells whether the same bytes were scanned under the same options; ``checkpoint`` is
    where an interrupted scan goes on, ``timeline`` the JSON of what was found (both JSON).
    """

    id: str
    key: str
    source: str
    station: str
    began_at: float
    created_at: float
    state: ScanState = "running"
    done_s: float = 0.0
    duration_s: float | None = None
    checkpoint: Mapping[str, Any] | None = None
    timeline: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events.

    ``events`` are names such as ``detection.opened`` (empty: all); ``actions`` keep detections of
    those actions only. ``secret`` signs every body (HMAC-SHA256).
    """

    id: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    events: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    active: bool = True
    note: str = ""
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook; ``body`` is the exact JSON text that is signed."""

    id: str
    webhook_id: str
    event: str
    body: str
    created_at: float
    state: DeliveryState = "pending"
    attempts: int = 0
    next_at: float = 0.0
    status: int = 0
    error: str = ""


def _span(span: Span) -> dict[str, float]:
    return {"start_s": round(span.start_s, 3), "end_s": round(span.end_s, 3)}
