"""Pairs that a person rejected do not come again."""

from __future__ import annotations

from collections.abc import Iterable

from earmark.monitor.timeline import overlap_s
from earmark.ports import Detection, Entry, Rejection
from earmark.types import Span

LEAST_SHARED = 0.5
"""So much of the shorter stretch of the reference must be the same for a pair to be the same."""


def rejection_of(entry: Entry) -> Rejection:
    """Return what is kept of an entry that was rejected."""
    detection = entry.detection
    return Rejection(entry.station, detection.track.id, detection.longest.reference, detection.id)


def is_rejected(detection: Detection, rejections: Iterable[Rejection]) -> bool:
    """Return whether a detection is one that was rejected before.

    Parameters
    ----------
    rejections
        Those of its station and its track. One that was kept for this very detection does not
        count: a person looks at it, and what becomes of it is told.
    """
    reference = detection.longest.reference
    return any(
        same(reference, rejection.reference)
        for rejection in rejections
        if rejection.detection_id != detection.id
    )


def same(one: Span, other: Span) -> bool:
    """Return whether two stretches of a reference share at least half of the shorter one.

    >>> same(Span(0.0, 10.0), Span(5.0, 100.0)), same(Span(0.0, 10.0), Span(6.0, 100.0))
    (True, False)
    """
    shorter_s = min(one.duration_s, other.duration_s)
    return overlap_s(one, other) >= LEAST_SHARED * shorter_s > 0.0
