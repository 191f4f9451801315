"""What answers are worth: right or wrong track, offset error, calibration; no audio here."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from earmark.types import Finding

OFFSET_TOLERANCE_S = 0.5
GRID_LENGTHS_S = (2.0, 3.0, 5.0, 10.0)
"""The lengths that ``accepted`` is the mean of; 1 s is told apart."""
TIMED_LENGTH_S = 10.0
"""The length that CPU times and reads are given for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query judged.

    Attributes
    ----------
    condition, length_s, positive
        What was asked; a query that is not positive has no right answer.
    answered
        Some track was named.
    right
        The track named first is the right one.
    extra
        Wrong tracks named behind a right one.
    confidence
        Of the track named first, 0 without an answer.
    offset_error_s
        Of the segment nearest to the truth; None without a right answer.
    warped
        Speed, tempo and pitch hypotheses were tried.
    cpu_ms
        Processor time of the search, all threads.
    reads
        Postings that the look-ups returned.
    """

    condition: str
    length_s: float
    positive: bool
    answered: bool
    right: bool
    extra: int
    confidence: float
    offset_error_s: float | None
    warped: bool
    cpu_ms: float
    reads: int

    @property
    def placed(self) -> bool:
        """The right track, and some segment of it within half a second of the truth."""
        error = self.offset_error_s
        return self.right and error is not None and error <= OFFSET_TOLERANCE_S


@dataclass(frozen=True, slots=True)
class Cell:
    """All outcomes of one condition and length: shares in [0, 1], and how many they are of."""

    condition: str
    length_s: float
    positive: bool
    count: int
    accepted: float
    placed: float
    wrong: float
    median_offset_error_ms: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence lies in [low, high): how many, how sure, how often right."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


def offset_error_s(finding: Finding, offset_s: float, time_ratio: float) -> float | None:
    """Return how far the nearest segment's start lies from where it should, in seconds.

    Parameters
    ----------
    finding
        A finding of the right track.
    offset_s
        Where in the reference the query begins.
    time_ratio
        Reference seconds that pass in a second of the query, in truth.
    """
    errors = [
        abs(segment.reference.start_s - offset_s - segment.query.start_s * time_ratio)
        for segment in finding.segments
    ]
    return min(errors, default=None)


def cells(outcomes: Iterable[Outcome]) -> tuple[Cell, ...]:
    """Return one cell for each condition and length, in the order they were met."""
    groups: dict[tuple[bool, str, float], list[Outcome]] = {}
    for outcome in outcomes:
        key = (not outcome.positive, outcome.condition, outcome.length_s)
        groups.setdefault(key, []).append(outcome)
    return tuple(
        Cell(
            condition=condition,
            length_s=length_s,
            positive=not negative,
            count=len(group),
            accepted=share(group, lambda one: one.right),
            placed=share(group, lambda one: one.placed),
            wrong=share(group, lambda one: one.answered and not one.right),
            median_offset_error_ms=median_offset_error_ms(group),
        )
        for (negative, condition, length_s), group in groups.items()
    )


def share(outcomes: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> float:
    """Return the part of the outcomes for which something holds; 0 of none."""
    return sum(map(holds, outcomes)) / len(outcomes) if outcomes else 0.0


def median_offset_error_ms(outcomes: Iterable[Outcome]) -> float | None:
    """Return the median over right answers, in milliseconds; None without any."""
    errors = [one.offset_error_s * 1000.0 for one in outcomes if one.offset_error_s is not None]
    return statistics.median(errors) if errors else None


def calibration(outcomes: Iterable[Outcome], bins: int = 10) -> tuple[Bin, ...]:
    """Sort the answers given into bins of equal width by confidence; empty bins are left out.

    An answer to a query that has none is a wrong one.
    """
    given = [outcome for outcome in outcomes if outcome.answered]
    groups: dict[int, list[Outcome]] = {}
    for outcome in given:
        groups.setdefault(min(bins - 1, int(outcome.confidence * bins)), []).append(outcome)
    return tuple(
        Bin(
            low=which / bins,
            high=(which + 1) / bins,
            count=len(group),
            confidence=statistics.fmean(one.confidence for one in group),
            right=share(group, lambda one: one.right),
        )
        for which, group in sorted(groups.items())
    )


def expected_calibration_error(table: Sequence[Bin]) -> float:
    """Return the mean gap between confidence and share right, bins weighted by their answers."""
    total = sum(row.count for row in table)
    return sum(row.count * abs(row.confidence - row.right) for row in table) / max(1, total)
