"""When to look at what was heard, whom to ask, and what is certain enough to say early.

Chosen by measurement on music: see ``docs/listen.md``.
"""

from __future__ import annotations

from earmark.types import Answer, Kind, Mode

LOOKS_S = (1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0, 12.0, 15.0)
"""Seconds of sound after which to look."""
LATER_S = 5.0
"""From one look to the next after those."""
MELODY_FROM_S = 6.0
"""A tune takes so long to be worth asking for."""

ALONE = 0.99
"""What one look must reach to be certain by itself: clean music does at once."""
ALONE_LOOKS = 2
"""How many looks may be certain by themselves: of many, one is fooled some day."""
AGREED = 0.9
"""What two looks in a row must both reach, with the same track first."""
BENT_FROM_S = 4.0
"""From here on two looks that agree may have bent speed, tempo or pitch to find the track."""


def next_look_s(heard_s: float) -> float:
    """Return when to look next after ``heard_s`` seconds of sound.

    >>> next_look_s(0.0), next_look_s(4.5), next_look_s(15.0), next_look_s(18.0)
    (1.5, 5.0, 20.0, 20.0)
    """
    for look_s in LOOKS_S:
        if look_s > heard_s:
            return look_s
    past = int((heard_s - LOOKS_S[-1]) / LATER_S) + 1
    return LOOKS_S[-1] + past * LATER_S


def asked_early(mode: Mode, heard_s: float) -> tuple[Kind, ...]:
    """Return whom an early look asks, one after another until one finds something.

    What only sounds alike is never certain, so nobody asks for it before the end.

    >>> asked_early("auto", 3.0), asked_early("auto", 7.0), asked_early("sound", 7.0)
    (('recording',), ('recording', 'melody'), ())
    """
    asked: list[Kind] = []
    if mode in ("auto", "recording"):
        asked.append("recording")
    if mode in ("auto", "melody") and heard_s >= MELODY_FROM_S:
        asked.append("melody")
    return tuple(asked)


def certain(answer: Answer, before: Answer | None, looks: int, sounded_s: float) -> bool:
    """Return whether an early answer may stand, without hearing more.

    Parameters
    ----------
    answer
        What this look found.
    before
        What the look before it found, where there was one.
    looks
        How many looks there were, this one too.
    sounded_s
        How much sound was looked at.
    """
    best = answer.best
    if best is None or best.kind == "sound":
        return False
    bent = bool(best.evidence.figures.get("tried_warps"))
    alone = best.kind == "recording" and not bent and looks <= ALONE_LOOKS
    if alone and best.confidence >= ALONE:
        return True
    earlier = before.best if before is not None else None
    if earlier is None or earlier.kind != best.kind or earlier.track.id != best.track.id:
        return False
    if bent and sounded_s < BENT_FROM_S:
        return False
    return min(best.confidence, earlier.confidence) >= AGREED
