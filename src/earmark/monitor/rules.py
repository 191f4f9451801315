"""What is to happen with a detection: the most specific rule says."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from typing import Any, get_args

from earmark.errors import UsageError
from earmark.ports import Action, Detection, Rule

ACTIONS: tuple[Action, ...] = get_args(Action)
_STRICT: tuple[Action, ...] = ("allow", "review", "block")  # ascending
MOST_NOTE_CHARACTERS = 1000


def rule_for(rules: Sequence[Rule], detection: Detection) -> Rule | None:
    """Return the rule that says what happens with a detection, or None (then: ``review``).

    A rule for its track goes before one for a tag of its track, that before a general one; among
    equals ``block`` goes before ``review`` and that before ``allow``, then the older one before
    the younger. A detection that sounds for less than ``least_s``, or is less certain than
    ``least_confidence``, is not a rule's: the next one is asked.
    """
    own = [rule for rule in rules if is_of(rule, detection)]
    order: Callable[[Rule], tuple[int, int]] = lambda rule: (  # noqa: E731 - a key, used once
        specificity(rule),
        _STRICT.index(rule.action),
    )
    return max(own, key=order) if own else None


def is_of(rule: Rule, detection: Detection) -> bool:
    """Return whether a rule is about a detection."""
    track = detection.track
    if rule.track_id is not None and rule.track_id != track.id:
        return False
    if rule.tag is not None and rule.tag not in track.tags:
        return False
    return detection.played_s >= rule.least_s and detection.confidence >= rule.least_confidence


def specificity(rule: Rule) -> int:
    """Return 2 for a rule of a track, 1 of a tag, 0 for a general one."""
    if rule.track_id is not None:
        return 2
    return 0 if rule.tag is None else 1


def made_rule(
    action: str,
    *,
    track_id: str | None = None,
    tag: str | None = None,
    least_s: float = 0.0,
    least_confidence: float = 0.0,
    note: str = "",
    now: float,
) -> Rule:
    """Return a new rule.

    Raises
    ------
    UsageError
        No such action, a track and a tag at once, an empty name, or a bound that makes no sense.
    """
    known = next((one for one in ACTIONS if one == action), None)
    if known is None:
        message = f"a rule's action is {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, got {action!r}"
        raise UsageError(message)
    if track_id is not None and tag is not None:
        message = f"a rule is of a track ({track_id!r}) or of a tag ({tag!r}), not of both"
        raise UsageError(message)
    for name, value in (("track", track_id), ("tag", tag)):
        if value is not None and not value.strip():
            message = f"a rule's {name} is empty; leave it out for a rule of every track"
            raise UsageError(message)
    if not (math.isfinite(least_s) and least_s >= 0.0):
        message = f"a rule's least_s is 0 or more seconds, got {least_s}"
        raise UsageError(message)
    if not 0.0 <= least_confidence <= 1.0:
        message = f"a rule's least_confidence is between 0 and 1, got {least_confidence}"
        raise UsageError(message)
    return Rule(
        id=uuid.uuid4().hex[:12],
        action=known,
        track_id=track_id,
        tag=tag,
        least_s=least_s,
        least_confidence=least_confidence,
        note=checked_note(note),
        created_at=now,
    )


def checked_note(note: str) -> str:
    """Return a note without blanks around it; raises `UsageError` where it is too long."""
    note = note.strip()
    if len(note) > MOST_NOTE_CHARACTERS:
        message = f"a note has at most {MOST_NOTE_CHARACTERS} characters, got {len(note)}"
        raise UsageError(message)
    return note


def rule_shape(rule: Rule) -> dict[str, Any]:
    """Return the JSON shape of a rule."""
    return {
        "id": rule.id,
        "action": rule.action,
        "track_id": rule.track_id,
        "tag": rule.tag,
        "least_s": rule.least_s,
        "least_confidence": rule.least_confidence,
        "note": rule.note,
        "created_at": rule.created_at,
    }
