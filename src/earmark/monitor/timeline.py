"""What a long source holds, from its start to its end: detections, gaps, repeats, outages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from earmark.ports import Detection, GapKind
from earmark.types import Clip, Span

HappeningKind = Literal["open", "update", "close", "gap", "outage"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that no track of the library explains, and what sounds there.

    ``group`` is the id of the repeat that it, or a part of it, belongs to.
    """

    kind: GapKind
    span: Span
    group: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        shape: dict[str, Any] = {"kind": self.kind, **_span(self.span)}
        return shape if self.group is None else {**shape, "group": self.group}


@dataclass(frozen=True, slots=True)
class Play:
    """One time that unknown music was played: in this source, there."""

    source: str
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """Unknown music that was played several times: a jingle that nobody registered."""

    id: str
    plays: tuple[Play, ...]

    @property
    def duration_s(self) -> float:
        """The length of the longest play."""
        return max(play.span.duration_s for play in self.plays)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        plays = [{"source": play.source, **_span(play.span)} for play in self.plays]
        return {"id": self.id, "duration_s": round(self.duration_s, 3), "plays": plays}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a `Monitor` has found out, ``at_s`` seconds into what it was fed.

    ``open``, ``update`` and ``close`` carry the detection as it is known now, ``close`` a clip of
    the source besides (``clip.start_s`` places it), where there is one; ``gap`` a gap that is
    over; ``outage`` a span in which nothing came.
    """

    kind: HappeningKind
    at_s: float
    detection: Detection | None = None
    clip: Clip | None = None
    gap: Gap | None = None
    outage: Span | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that was found in one source, in the order of time."""

    input: str
    duration_s: float
    detections: tuple[Detection, ...] = ()
    gaps: tuple[Gap, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    outages: tuple[Span, ...] = ()
    warnings: tuple[str, ...] = ()
    timing_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def played_s(self) -> float:
        """Seconds in which at least one known recording sounds."""
        spans = [p.query for d in self.detections if not d.second for p in d.pieces]
        return sum(span.duration_s for span in united(spans))

    def with_repeats(self, repeats: tuple[Repeat, ...]) -> Timeline:
        """Return the same timeline with those repeats of which this source plays one."""
        own = tuple(r for r in repeats if any(play.source == self.input for play in r.plays))
        gaps = tuple(replace(gap, group=self._group(gap, own)) for gap in self.gaps)
        return replace(self, repeats=own, gaps=gaps)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "input": self.input,
            "duration_s": round(self.duration_s, 3),
            "played_s": round(self.played_s, 3),
            "detections": [detection.as_dict() for detection in self.detections],
            "gaps": [gap.as_dict() for gap in self.gaps],
            "repeats": [repeat.as_dict() for repeat in self.repeats],
            "outages": [_span(span) for span in self.outages],
            "warnings": list(self.warnings),
            "timing_ms": {name: round(ms, 1) for name, ms in self.timing_ms.items()},
        }

    def _group(self, gap: Gap, repeats: tuple[Repeat, ...]) -> str | None:
        for repeat in repeats:
            for play in repeat.plays:
                if play.source == self.input and overlap_s(play.span, gap.span) > 0.0:
                    return repeat.id
        return None


def overlap_s(one: Span, other: Span) -> float:
    """Return how many seconds two spans share.

    >>> overlap_s(Span(0.0, 3.0), Span(2.0, 5.0)), overlap_s(Span(0.0, 1.0), Span(2.0, 5.0))
    (1.0, 0.0)
    """
    return max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))


def united(spans: list[Span]) -> list[Span]:
    """Return spans that do not overlap and cover the same time, in order.

    >>> united([Span(4.0, 5.0), Span(0.0, 2.0), Span(1.0, 3.0)])
    [Span(start_s=0.0, end_s=3.0), Span(start_s=4.0, end_s=5.0)]
    """
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        if found and span.start_s <= found[-1].end_s:
            found[-1] = Span(found[-1].start_s, max(found[-1].end_s, span.end_s))
        else:
            found.append(span)
    return found


def holes(spans: list[Span], within: Span) -> list[Span]:
    """Return what the spans leave of ``within``.

    >>> holes([Span(1.0, 2.0)], Span(0.0, 3.0))
    [Span(start_s=0.0, end_s=1.0), Span(start_s=2.0, end_s=3.0)]
    """
    left, at = list[Span](), within.start_s
    for span in united(spans):
        if span.start_s > at:
            left.append(Span(at, min(span.start_s, within.end_s)))
        at = max(at, span.end_s)
        if at >= within.end_s:
            break
    if at < within.end_s:
        left.append(Span(at, within.end_s))
    return [span for span in left if span.duration_s > 0.0]


def _span(span: Span) -> dict[str, float]:
    return {"start_s": round(span.start_s, 3), "end_s": round(span.end_s, 3)}
