"""How long what monitoring finds is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from earmark.errors import UsageError

if TYPE_CHECKING:
    from earmark.config import Settings

DAY_S = 86_400.0
GB_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Retention:
    """What may grow how old; None keeps for ever. A day is 24 hours.

    Attributes
    ----------
    keep_days
        Closed detections older than that are forgotten, with their clips. What they rejected is
        remembered.
    evidence_days
        Clips older than that are given up; their detections stay.
    evidence_max_gb
        Clips beyond so many gigabytes (of 10^9 bytes) are given up, the oldest first.
    confirmed
        Whether what a person confirmed goes too; else it stays, with its clip.
    """

    keep_days: float | None = None
    evidence_days: float | None = None
    evidence_max_gb: float | None = None
    confirmed: bool = False

    def __post_init__(self) -> None:
        for name in ("keep_days", "evidence_days", "evidence_max_gb"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and 0.0 <= value < 1e6):
                message = f"{name} is a number from 0 to 1000000, got {value}; leave it out to keep"
                raise UsageError(message)

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """Return what the settings say; there 0 keeps for ever."""
        return cls(
            settings.monitor_keep_days or None,
            settings.evidence_keep_days or None,
            settings.evidence_max_gb or None,
        )

    def asked(self, days: float | None, *, evidence_only: bool, confirmed: bool) -> Retention:
        """Return what somebody asks for; where no age is said, what usually is.

        Parameters
        ----------
        evidence_only
            Clips only: no detection is forgotten.
        """
        if days is None:
            keep_days = None if evidence_only else self.keep_days
            return replace(self, keep_days=keep_days, confirmed=confirmed)
        if evidence_only:
            return Retention(evidence_days=days, confirmed=confirmed)
        return Retention(keep_days=days, confirmed=confirmed)

    @property
    def bounded(self) -> bool:
        """Whether anything is ever given up."""
        return any(
            one is not None for one in (self.keep_days, self.evidence_days, self.evidence_max_gb)
        )


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was given up, or with ``dry_run`` would be.

    ``clips`` are those of detections that stay; ``files`` and ``bytes`` are what is deleted in the
    evidence folder, also what nothing names any more.
    """

    detections: int = 0
    clips: int = 0
    files: int = 0
    bytes: int = 0
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "detections": self.detections,
            "clips": self.clips,
            "files": self.files,
            "bytes": self.bytes,
            "dry_run": self.dry_run,
        }
