"""The desk's side of what is kept and for how long: evidence, what is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from earmark.errors import UsageError
from earmark.monitor.pruning import prune
from earmark.monitor.retention import Pruned, Retention
from earmark.monitor.scanbook import Scanbook
from earmark.ports import MonitorStore

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.library import Library
    from earmark.monitor.evidence import EvidenceRoom


class Keeping(Scanbook):
    """Evidence, and how long all of it is kept.

    Attributes
    ----------
    room : EvidenceRoom
        Where clips are kept.
    retention : Retention
        What `prune` gives up where nothing else is said.
    """

    def __init__(
        self,
        store: MonitorStore,
        clock: Callable[[], float],
        *,
        room: EvidenceRoom,
        retention: Retention,
        library: Library | None,
        public_only: bool,
    ) -> None:
        super().__init__(store, clock, library=library, public_only=public_only)
        self.room = room
        self.retention = retention

    def evidence(self, entry_id: str) -> Path:
        """Return the file of a detection's clip, its checksum verified.

        Raises
        ------
        DetectionNotFoundError, NoMediaError
            There is no such detection, or no clip of it (any more).
        DamagedIndexError
            The file is not what was kept.
        """
        return self.room.find(self.store.entry(entry_id))

    def forget(self, entry_id: str) -> None:
        """Forget a detection, its decisions and what they rejected.

        Its clip stays until something is pruned: others may be made of the same.

        Raises
        ------
        DetectionNotFoundError
            There is no such detection.
        """
        self.store.delete_entry(entry_id)
        self.store.delete_rejection(entry_id)

    def prune(self, retention: Retention | None = None, *, dry_run: bool = False) -> Pruned:
        """Forget detections and delete clips that are older than a retention allows.

        What goes on stays, and what a person confirmed unless ``retention.confirmed``; what was
        rejected does not come again even where its detection is forgotten. Clips that nothing
        names any more are deleted too, if they are older than ten minutes.

        Parameters
        ----------
        retention
            None: that of the settings.
        dry_run
            Only count what would go.

        Raises
        ------
        UsageError
            It keeps everything for ever.
        StoreError
            What is kept cannot be read or written.
        """
        asked = self.retention if retention is None else retention
        if not asked.bounded:
            message = (
                "everything is kept for ever: say how old what goes may be, or set "
                "monitor_keep_days, evidence_keep_days or evidence_max_gb"
            )
            raise UsageError(message)
        return prune(self.store, self.room, asked, self.clock(), dry_run=dry_run)
