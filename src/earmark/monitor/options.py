"""How a long source is listened to."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.errors import UsageError
from earmark.types import Kind

SECOND: tuple[Kind, ...] = ("melody", "sound")
"""Engines that may be asked for a second opinion."""
_EDGES_S = 0.1
"""A play is measured from its first peak to its last; peaks of one pitch are 0.1 s apart."""


@dataclass(frozen=True, slots=True)
class MonitorOptions:
    """What to look for, and what to leave out.

    Attributes
    ----------
    also
        Engines asked for a second opinion on what no recording explains: ``melody``, ``sound``.
    least_s
        Detections that sound for less are left out; see `enough`.
    least_confidence
        Detections less certain are left out.
    join_s
        Pieces of one track with a hole of at most this between them are one detection.
    gap_s
        Gaps shorter than this are not told.
    evidence_s
        The most seconds of the source that a detection keeps; 0 keeps none.
    repeats
        Whether unknown music that repeats is looked for.
    effort
        How often costly tries (bent speed, tempo, pitch) are made, 1.0 being the usual.
    """

    also: tuple[Kind, ...] = ()
    least_s: float = 2.0
    least_confidence: float = 0.0
    join_s: float = 6.0
    gap_s: float = 3.0
    evidence_s: float = 15.0
    repeats: bool = True
    effort: float = 1.0

    def enough(self, played_s: float) -> bool:
        """Tell whether that is `least_s`; 0.1 s less is, as edges are no sharper than peaks."""
        return played_s >= self.least_s - _EDGES_S

    def __post_init__(self) -> None:
        wrong = [kind for kind in self.also if kind not in SECOND]
        if wrong:
            message = f"second opinions come from melody and sound, not from {wrong[0]!r}"
            raise UsageError(message)
        for name in ("least_s", "join_s", "gap_s", "evidence_s", "effort"):
            value = getattr(self, name)
            if not 0.0 <= value < 1e6:
                message = f"{name} must be 0 or more, got {value}"
                raise UsageError(message)
        if not 0.0 <= self.least_confidence <= 1.0:
            message = f"least_confidence is between 0 and 1, got {self.least_confidence}"
            raise UsageError(message)
