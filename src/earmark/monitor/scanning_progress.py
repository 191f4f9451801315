"""How far scans are, told while they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is: seconds heard, of how many (None: nobody knows), and tracks found.

    Where several sources are scanned the seconds are those of all, and ``done`` counts sources
    of ``total``.
    """

    source: str
    heard_s: float
    duration_s: float | None
    found: int
    wall_s: float
    done: int = 0
    total: int = 1

    @property
    def x_real_time(self) -> float:
        """Seconds heard in a second."""
        return self.heard_s / self.wall_s if self.wall_s > 0.0 else 0.0


ScanCallback = Callable[[ScanProgress], None]
