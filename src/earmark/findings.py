"""Findings of neighbouring blocks of one long query become one finding per track."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from earmark.types import Finding, Segment, Span

SAME_ALIGNMENT_S = 0.25
"""Two segments whose reference lies this close to one straight line are one performance."""
TOUCHING_S = 3.0
"""Segments on one line this far apart in the query are one: verification leaves short holes."""


def merged(before: Iterable[Finding], after: Iterable[Finding]) -> list[Finding]:
    """Return one finding per number: segments of both, figures of the more certain one."""
    found = {finding.number: finding for finding in before}
    for new in after:
        old = found.get(new.number)
        if old is None:
            found[new.number] = new
            continue
        best, other = (old, new) if old.confidence >= new.confidence else (new, old)
        segments = joined((*old.segments, *new.segments), best.time_ratio)
        marks = tuple(dict.fromkeys((*old.evidence.landmarks, *new.evidence.landmarks)))
        alike = tuple(dict.fromkeys((*best.alike, *other.alike)))
        found[new.number] = replace(
            best,
            score=max(best.score, other.score),
            segments=segments,
            evidence=replace(best.evidence, landmarks=marks),
            alike=alike,
        )
    return list(found.values())


def joined(segments: Sequence[Segment], time_ratio: float) -> tuple[Segment, ...]:
    """Return segments with those that continue one another made one, longest first.

    >>> first = Segment(Span(0.0, 10.0), Span(50.0, 60.0))
    >>> second = Segment(Span(8.0, 20.0), Span(58.0, 70.0))
    >>> joined([first, second], 1.0)[0].query
    Span(start_s=0.0, end_s=20.0)
    """
    lines: list[Segment] = []
    for segment in sorted(segments, key=lambda s: s.query.start_s):
        for index, line in enumerate(lines):
            if _continues(line, segment, time_ratio):
                lines[index] = _spanning(line, segment)
                break
        else:
            lines.append(segment)
    return tuple(sorted(lines, key=lambda s: -s.query.duration_s))


def _continues(line: Segment, segment: Segment, time_ratio: float) -> bool:
    if segment.query.start_s > line.query.end_s + TOUCHING_S:
        return False
    expected = line.reference.start_s + (segment.query.start_s - line.query.start_s) * time_ratio
    return abs(segment.reference.start_s - expected) <= SAME_ALIGNMENT_S


def _spanning(one: Segment, other: Segment) -> Segment:
    return Segment(_hull(one.query, other.query), _hull(one.reference, other.reference))


def _hull(one: Span, other: Span) -> Span:
    return Span(min(one.start_s, other.start_s), max(one.end_s, other.end_s))
