"""The record of a scan at the desk: known again by what it hears, kept as far as it has come."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.audio.fetch import is_url, shown
from earmark.errors import EarmarkError, ScanNotFoundError
from earmark.monitor.options import MonitorOptions
from earmark.monitor.timeline import Happening, overlap_s
from earmark.ports import Detection, Entry, Scan, ScanState, Wanted

if TYPE_CHECKING:
    from earmark.audio.stream import Source
    from earmark.monitor.desk import Desk

EVERY_S = 60.0
"""How often, by the clock on the wall, a checkpoint is kept."""
_PAGE = 500


def scan_key(source: Source, options: MonitorOptions, address: str) -> str:
    """Return what tells whether the same thing is scanned once more in the same way.

    A file is known by its path, size and time of change, bytes by their content, a URL by itself;
    a file object is never known again.
    """
    told: list[object] = [asdict(options), address]
    if isinstance(source, bytes):
        told.append(hashlib.sha256(source).hexdigest())
    elif isinstance(source, str) and is_url(source):
        told.append(source)
    elif isinstance(source, str | os.PathLike):
        path = os.path.realpath(source)
        try:
            state = Path(path).stat()
        except OSError:  # told when it is opened
            told.append(path)
        else:
            told += [path, state.st_size, state.st_mtime_ns]
    else:
        told.append(uuid.uuid4().hex)
    return hashlib.sha256(json.dumps(told).encode("utf-8", "backslashreplace")).hexdigest()


def source_text(source: Source, name: str) -> str:
    """Return what the log calls a source: an absolute path, a URL without secrets, or its name."""
    if isinstance(source, str) and is_url(source):
        return shown(source)
    if isinstance(source, str | os.PathLike):
        return str(Path(source).absolute()).encode("utf-8", "backslashreplace").decode("utf-8")
    return name


class Book:
    """One scan's record, and the log of what it detects.

    Parameters
    ----------
    revision
        That of the library: what was found with another one is not taken over.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        desk: Desk,
        key: str,
        *,
        source: str,
        station: str,
        began_at: float | None,
        revision: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._desk = desk
        self._revision = revision
        self._kept_at = time.monotonic()
        before = desk.store.scan_of(key)
        now = clock()
        if before is None:
            began_at = now if began_at is None else began_at
            before = Scan(uuid.uuid4().hex, key, source, station, began_at, now, state="failed")
        told_alike = before.station == station and began_at in (None, before.began_at)
        known = before.checkpoint or {}
        self._same = told_alike and known.get("revision") == revision
        self.before = before
        zero_at = before.began_at if began_at is None else began_at
        # One that was over is asked for anew: its end is told anew.
        asked_at = before.created_at if before.state == "running" else now
        self.scan = replace(
            before, source=source, station=station, began_at=zero_at, created_at=asked_at
        )
        self._old: list[Entry] = []

    @property
    def finished(self) -> Mapping[str, Any] | None:
        """The timeline of the same scan where it is done."""
        return self.before.timeline if self._same and self.before.state == "done" else None

    @property
    def checkpoint(self) -> Mapping[str, Any] | None:
        """Where the same scan was cut off."""
        known = self.before.checkpoint
        if not self._same or self.before.state == "done" or known is None:
            return None
        return known if "settled_s" in known else None

    def begin(self, kept: list[Detection], checkpoint: Mapping[str, Any] | None) -> None:
        """Start: what an earlier run has logged, but for ``kept``, is to be found again."""
        ids = {detection.id for detection in kept}
        self._old = [entry for entry in self._entries() if entry.id not in ids]
        done_s = 0.0 if checkpoint is None else self.before.done_s
        self.keep("running", checkpoint, done_s, self.before.duration_s)

    def log(self, happening: Happening) -> Detection | None:
        """Log a detection that is over and return it; None where it is not to be told.

        Where an earlier run has logged the same play of the same track, it keeps that id, and with
        it what people have decided of it.
        """
        found = happening.detection
        assert found is not None  # noqa: S101 - what closes is a detection
        found = replace(found, id=self._taken_over(found))
        entry = self._desk.log(
            replace(happening, detection=found),
            source=self.scan.source,
            station=self.scan.station,
            origin=f"scan:{self.scan.id}",
            zero_at=self.scan.began_at,
        )
        return None if entry is None or entry.ruling == "reject" else found

    @property
    def due(self) -> bool:
        """Whether a checkpoint should be kept now."""
        return time.monotonic() - self._kept_at >= EVERY_S

    def keep(
        self,
        state: ScanState,
        checkpoint: Mapping[str, Any] | None,
        done_s: float,
        duration_s: float | None,
    ) -> None:
        """Keep how far the scan has come; one that was stopped, unless another has done it."""
        if state == "stopped" and self._done_elsewhere():
            return
        told = {**(checkpoint or {}), "revision": self._revision}
        self.scan = replace(
            self.scan,
            state=state,
            checkpoint=told,
            done_s=done_s,
            duration_s=duration_s,
            timeline=None,
            error=None,
        )
        self._desk.keep_run(self.scan)
        self._kept_at = time.monotonic()

    def done(self, timeline: Mapping[str, Any], duration_s: float) -> None:
        """Keep the whole; what an earlier run has logged and this one did not find is forgotten.

        What a person has decided on stays.
        """
        for entry in self._old:
            if not entry.decisions:
                self._desk.store.delete_entry(entry.id)
        self.scan = replace(
            self.scan,
            state="done",
            checkpoint={"revision": self._revision},
            done_s=duration_s,
            duration_s=duration_s,
            timeline=timeline,
            error=None,
        )
        self._desk.keep_run(self.scan)

    def failed(self, error: EarmarkError) -> None:
        """Keep why it could not be done; where it can go on from stays."""
        told = {"code": error.code, "message": error.message}
        self.scan = replace(self.scan, state="failed", error=told)
        self._desk.keep_run(self.scan)

    def _done_elsewhere(self) -> bool:
        """Return whether the scan is done, while this run had lost it and did not know."""
        with suppress(ScanNotFoundError):
            return self._desk.store.scan(self.scan.id).state == "done"
        return False

    def _taken_over(self, found: Detection) -> str:
        where = found.longest.query
        shared = [
            (overlap_s(entry.detection.longest.query, where), at)
            for at, entry in enumerate(self._old)
            if entry.detection.track.id == found.track.id
        ]
        most, at = max(shared, default=(0.0, -1))
        return self._old.pop(at).id if most > 0.0 else found.id

    def _entries(self) -> Iterator[Entry]:
        wanted, before = Wanted(origin=f"scan:{self.scan.id}"), None
        while page := self._desk.store.entries(wanted, before=before, limit=_PAGE):
            yield from page
            before = page[-1].id
