"""Whether what is heard after an outage is the play that the outage cut off."""

from __future__ import annotations

from earmark.ports import Run

MOST_AWAY_S = 120.0
"""A source that is away for longer ends what it played."""
BACK_S = 3.0
"""How far before the place where it broke off a play may go on in its track."""
AHEAD_S = 10.0
"""How far beyond the place that the time away allows: senders and networks delay."""


def waits_s(cut_off: Run, duration_s: float) -> float:
    """Return how long an outage may be that the play of a run outlasts.

    No longer than its track of ``duration_s`` would have gone on, and never longer than
    `MOST_AWAY_S`.
    """
    rest_s = (duration_s - cut_off.reference.end_s) / cut_off.time_ratio
    return min(MOST_AWAY_S, max(0.0, rest_s) + BACK_S)


def goes_on(cut_off: Run, run: Run) -> bool:
    """Return whether a run after an outage is the same play; both in seconds of the source.

    Its track is further on than where it broke off, by no more than the time between the two: a
    sender goes on meanwhile, or waits. What begins again from its start is another play.
    """
    ahead_s = run.reference.start_s - cut_off.reference.end_s
    away_s = run.query.start_s - cut_off.query.end_s
    return -BACK_S <= ahead_s <= max(0.0, away_s) * cut_off.time_ratio + AHEAD_S
