"""What an engine found of two audios, and which kind of tie that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from earmark.types import Finding, Segment, Span

TwinKind = Literal["exact", "recording", "excerpt", "tune", "sound"]
KINDS: tuple[TwinKind, ...] = ("exact", "recording", "excerpt", "tune", "sound")

WHOLE = 0.8
"""Share of a track's length that must be aligned for it to lie in another one as a whole."""
LEAST_EXCERPT_S = 10.0
"""A shorter stretch of two tracks that go on differently is a loop or a sample, no excerpt."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Two audios that share something; ``segments`` pair stretches of ``one`` with ``other``.

    ``covered`` and ``other_covered`` are the shares of their lengths that are aligned.
    """

    one: int
    other: int
    kind: TwinKind
    confidence: float
    segments: tuple[Segment, ...]
    time_ratio: float = 1.0
    pitch_shift_semitones: float = 0.0
    covered: float = 1.0
    other_covered: float = 1.0

    def turned(self) -> Tie:
        """Return the same with both sides changed."""
        return Tie(
            self.other,
            self.one,
            self.kind,
            self.confidence,
            tuple(Segment(s.reference, s.query) for s in self.segments),
            1.0 / self.time_ratio,
            -self.pitch_shift_semitones,
            self.other_covered,
            self.covered,
        )

    def seen_from(self, number: int) -> Tie:
        """Return it with ``number`` as ``one``."""
        return self if number == self.one else self.turned()


def tie_of(one: int, finding: Finding, one_s: float, other_s: float) -> Tie | None:
    """Return the tie that a finding of another number is, or None where it is too little.

    Parameters
    ----------
    one_s, other_s
        The lengths of both audios.
    """
    segments = tuple(clipped(segment, one_s, other_s) for segment in finding.segments)
    covered = coverage([s.query for s in segments], one_s)
    other_covered = coverage([s.reference for s in segments], other_s)
    as_long = min(one_s * finding.time_ratio, other_s) / max(one_s * finding.time_ratio, other_s)
    kind: TwinKind
    if finding.kind == "melody":
        kind = "tune"
    elif finding.kind == "sound":
        kind = "sound"
    elif min(covered, other_covered, as_long) >= WHOLE:
        kind = "recording"
    elif max(covered, other_covered) >= WHOLE or _longest_s(segments) >= LEAST_EXCERPT_S:
        kind = "excerpt"
    else:
        return None
    return Tie(
        one,
        finding.number,
        kind,
        finding.confidence,
        segments,
        finding.time_ratio,
        finding.pitch_shift_semitones,
        covered,
        other_covered,
    )


def clipped(segment: Segment, one_s: float, other_s: float) -> Segment:
    """Return a segment that ends where its tracks do; features round a length up."""
    query, reference = segment.query, segment.reference
    ratio = reference.duration_s / query.duration_s if query.duration_s > 0 else 1.0
    over_s = max(0.0, query.end_s - one_s, (reference.end_s - other_s) / ratio)
    if over_s <= 0.0 or over_s >= query.duration_s:
        return segment
    return Segment(
        Span(query.start_s, query.end_s - over_s),
        Span(reference.start_s, reference.end_s - over_s * ratio),
    )


def coverage(spans: Iterable[Span], length_s: float) -> float:
    """Return the share of a length that spans cover, each moment counted once.

    >>> coverage([Span(0.0, 5.0), Span(3.0, 6.0)], 12.0)
    0.5
    """
    covered_s, until_s = 0.0, 0.0
    for span in sorted(spans, key=lambda s: s.start_s):
        covered_s += max(0.0, span.end_s - max(span.start_s, until_s))
        until_s = max(until_s, span.end_s)
    return min(1.0, covered_s / length_s) if length_s > 0 else 0.0


def _longest_s(segments: Sequence[Segment]) -> float:
    return max((s.query.duration_s for s in segments), default=0.0)
