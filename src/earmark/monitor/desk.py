"""The desk: detections are logged by rules, keep their evidence, are decided on and told."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, get_args

from earmark.audio.fetch import shown
from earmark.errors import DetectionNotFoundError, StoreError, UsageError
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.held import Held
from earmark.monitor.keeping import Keeping
from earmark.monitor.rejections import is_rejected, rejection_of
from earmark.monitor.retention import Retention
from earmark.monitor.rules import checked_note, rule_for
from earmark.ports import (
    Decision,
    Detection,
    Entry,
    EvidenceFile,
    Grouping,
    MonitorStore,
    Ruling,
    Total,
    Wanted,
)

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.config import Settings
    from earmark.library import Library
    from earmark.monitor.timeline import Happening
    from earmark.types import Clip

log = logging.getLogger("earmark.monitor")

RULINGS: tuple[Ruling, ...] = get_args(Ruling)
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
UPDATE_EVERY_S = 10.0
"""An open detection is written down at most so often."""
MOST_NAME_CHARACTERS = 100
_PAGE = 100


class Desk(Keeping):
    """Keeps what monitoring finds; any number of threads and processes may stand at one.

    Parameters
    ----------
    store
        Where it is kept.
    evidence
        Where clips are kept.
    library
        What detections were made with; None where nothing is logged here.
    clock
        Seconds since 1970.
    public_only
        Whether webhooks on this machine and in private networks are refused.
    retention
        What `prune` gives up; None: nothing.
    """

    def __init__(
        self,
        store: MonitorStore,
        evidence: EvidenceRoom,
        *,
        library: Library | None,
        clock: Callable[[], float] = time.time,
        public_only: bool = False,
        retention: Retention | None = None,
    ) -> None:
        super().__init__(
            store,
            clock,
            room=evidence,
            retention=retention or Retention(),
            library=library,
            public_only=public_only,
        )
        self._held = Held(UPDATE_EVERY_S)

    @classmethod
    def open(
        cls,
        library: Library,
        settings: Settings | None = None,
        evidence_folder: str | None = None,
    ) -> Desk:
        """Open a library's desk; use it in a ``with`` block, within that of the library.

        Parameters
        ----------
        settings
            None: those that the library was opened with.
        evidence_folder
            None: ``monitor/evidence`` in the library's folder, ``earmark-evidence`` in the working
            folder where the library is in Redis.

        Raises
        ------
        LibraryVersionError, DamagedIndexError, StoreUnavailableError, DiskFullError
            What is kept cannot be used.
        """
        from earmark.bootstrap import open_monitor

        settings = settings or library.settings
        place: str | Path = library.settings.library if library.shared else library.folder
        if library.shared:
            room = EvidenceRoom(evidence_folder or "earmark-evidence", library.address)
        elif evidence_folder is not None:
            room = EvidenceRoom(evidence_folder, os.fspath(library.folder.absolute()))
        else:
            room = EvidenceRoom(library.folder / "monitor" / "evidence")
        return cls(
            open_monitor(place, settings),
            room,
            library=library,
            public_only=settings.fetch_public_only,
            retention=Retention.of(settings),
        )

    def close(self) -> None:
        """Release files and connections; the library stays open."""
        self.store.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def log(
        self, happening: Happening, *, source: str, station: str, origin: str, zero_at: float
    ) -> Entry | None:
        """Keep what a monitor found out of a detection, and tell it; logging it again is harmless.

        Parameters
        ----------
        source, station, origin
            See `Entry`; a user name and password in the source are left out.
        zero_at
            When second 0 of the source was, in seconds since 1970.

        Returns
        -------
        Entry or None
            None where a person has rejected the pair before, and for what is no detection. An
            update within `UPDATE_EVERY_S` of the last one is returned and not written.

        Raises
        ------
        StoreError, DiskFullError
            It cannot be kept. A clip that cannot be kept is left out, and the log says so.
        """
        detection = happening.detection
        if detection is None or happening.kind not in ("open", "update", "close"):
            return None
        closes = happening.kind == "close"
        detection, now = replace(detection, open=not closes), self.clock()
        if happening.kind == "update" and (held := self._held.lately(detection.id, now)):
            return held.with_detection(detection, zero_at)
        known = self._known(detection.id)
        if known is None and self._rejected(station, detection):
            self._held.put(detection.id, None, now)
            return None
        rule = rule_for(self.store.rules(), detection)
        entry = Entry(
            detection,
            shown(source),
            station,
            origin,
            began_at=zero_at + detection.start_s,
            action="review" if rule is None else rule.action,
            rule_id=None if rule is None else rule.id,
            evidence=None if known is None else known.evidence,
            decisions=() if known is None else known.decisions,
            logged_at=now if known is None else known.logged_at,
        )
        if closes:
            return self._close(self._with_evidence(entry, happening.clip))
        self.store.put_entry(entry)
        self._held.put(entry.id, entry, now)
        # One that opens twice could not be told the first time; what was told is known by its text.
        was = None if known is None or happening.kind == "open" else known.action
        if was != entry.action:  # it is new, or a rule has become its
            self._tell(entry, "detection.opened", was)
        return entry

    def close_left(self, origin: str) -> int:
        """Close what a watch or a scan that was killed has left open; return how many."""
        closed = 0
        while left := self.store.entries(Wanted(origin=origin, open=True), limit=_PAGE):
            for entry in left:
                self._close(replace(entry, detection=replace(entry.detection, open=False)))
            closed += len(left)
        return closed

    def entries(
        self, wanted: Wanted | None = None, before: str | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return entries, latest first, beyond the entry ``before``."""
        return self.store.entries(wanted or Wanted(), before=before, limit=limit)

    def entry(self, entry_id: str) -> Entry:
        """Return one; raises `DetectionNotFoundError`."""
        return self.store.entry(entry_id)

    def decide(self, entry_id: str, ruling: str, by: str, note: str = "") -> Entry:
        """Write down what a person decided of a detection; the last decision stands.

        What is rejected is not logged again at that station (`rejections.is_rejected`), until it
        is confirmed or called unsure.

        Raises
        ------
        DetectionNotFoundError
            There is no such detection.
        UsageError
            No such ruling, nobody's name, or a note that is too long.
        """
        known = next((one for one in RULINGS if one == ruling), None)
        if known is None:
            message = f"a decision is {', '.join(RULINGS[:-1])} or {RULINGS[-1]}, got {ruling!r}"
            raise UsageError(message)
        by = by.strip()
        if not 0 < len(by) <= MOST_NAME_CHARACTERS or not by.isprintable():
            message = (
                f"who decides has a name of 1 to {MOST_NAME_CHARACTERS} characters, not {by!r}"
            )
            raise UsageError(message)
        decision = Decision(known, by, self.clock(), checked_note(note))
        entry = self.store.entry(entry_id)
        # The pair first: the trail never says what has not been done.
        if known == "reject":
            self.store.put_rejection(rejection_of(entry))
        else:
            self.store.delete_rejection(entry_id)
        entry = self.store.decide(entry_id, decision)
        self._held.drop(entry_id)  # where it goes on, the next update tells of the decision too
        self._tell(entry, "detection.decided")
        return entry

    def totals(
        self, wanted: Wanted | None = None, by: str = "track", limit: int = 100
    ) -> list[Total]:
        """Return sums over entries; raises `UsageError` where they cannot be summed up so."""
        known = next((one for one in GROUPINGS if one == by), None)
        if known is None:
            message = f"detections are summed up by {', '.join(GROUPINGS)}, not by {by!r}"
            raise UsageError(message)
        return self.store.totals(wanted or Wanted(), known, limit)

    def _known(self, entry_id: str) -> Entry | None:
        try:
            return self.store.entry(entry_id)
        except DetectionNotFoundError:
            return None

    def _rejected(self, station: str, detection: Detection) -> bool:
        return is_rejected(detection, self.store.rejections(station, detection.track.id))

    def _close(self, entry: Entry) -> Entry:
        # Told first: one killed in between leaves it open, and `close_left` tells it again.
        self._tell(entry, "detection.closed")
        self.store.put_entry(entry)
        if entry.ruling == "reject":
            self.store.put_rejection(rejection_of(entry))  # it has grown since
        self._held.drop(entry.id)
        return entry

    def _tell(self, entry: Entry, event: str, was: str | None = None) -> None:
        body = {"detection": entry.as_dict()}
        self.tell(event, body, action=entry.action, was=was, once=True)

    def _with_evidence(self, entry: Entry, clip: Clip | None) -> Entry:
        if clip is None or not len(clip.samples):
            return entry
        evidence: EvidenceFile | None = None
        try:
            evidence = self.room.keep(entry.detection, clip, self.library)
        except StoreError as error:
            log.warning("detection %s is kept without its clip: %s", entry.id, error.message)
        return entry if evidence is None else replace(entry, evidence=evidence)
