"""The desk of a service: what it keeps is told at once to those who watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.monitor.desk import Desk
from earmark.ports import Entry
from earmark.service.tasks.newsroom import Newsroom

if TYPE_CHECKING:
    from earmark.monitor.timeline import Happening


class ToldDesk(Desk):
    """A `Desk` with readers."""

    news: Newsroom | None = None
    # A run that was stopped or has failed may go on: its job says how the scan ended.
    told_of_runs = ("done",)

    def log(
        self, happening: Happening, *, source: str, station: str, origin: str, zero_at: float
    ) -> Entry | None:
        """Keep what a monitor found, and tell it; see `Desk.log`."""
        entry = super().log(
            happening, source=source, station=station, origin=origin, zero_at=zero_at
        )
        if entry is None or self.news is None:
            return entry
        if happening.kind in ("open", "update", "close"):
            self.news.entry(entry, happening.kind)
        return entry

    def decide(self, entry_id: str, ruling: str, by: str, note: str = "") -> Entry:
        """Write down what a person decided, and tell it; see `Desk.decide`."""
        entry = super().decide(entry_id, ruling, by, note)
        if self.news is not None:
            self.news.entry(entry, "decided")
        return entry
