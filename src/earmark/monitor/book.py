"""What a watch writes down: entries, outages, how the stream goes; later where it cannot now."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from earmark.audio.fetch import shown
from earmark.errors import StoreError, StreamNotFoundError
from earmark.monitor.pending import Item, Logged, Pending, Told
from earmark.ports import Entry, Outage, Stream

if TYPE_CHECKING:
    from earmark.monitor.desk import Desk
    from earmark.monitor.timeline import Happening

log = logging.getLogger("earmark.monitor")

TELL_EVERY_S = 5.0
TRY_AGAIN_S = 5.0
LEAST_ABSENCE_S = 1.0
"""A watch that is begun anew at once, with other options, was not away."""
NOT_RUNNING = "the watch was not running"
_RUNNING = ("connecting", "live", "down")


class Book:
    """One stream's pages of the desk; without a desk nothing is written.

    A store that cannot be written to holds nobody up: what is to be written is kept
    (`Pending`) and tried again every few seconds.
    """

    def __init__(self, desk: Desk | None, stream: Stream) -> None:
        self._desk = desk
        self._origin = f"stream:{stream.id}"
        self._source = shown(stream.url)
        self._station = stream.name
        self._pending = Pending()
        self._try_at = 0.0
        self._told_at = float("-inf")

    def take_up(self, stream: Stream, now: float) -> tuple[Stream, Outage | None]:
        """Close what an earlier watch left open; return how it went then, and its absence.

        Raises
        ------
        StoreError
            The store cannot be used at all.
        """
        desk = self._desk
        if desk is None:
            return stream, None
        try:
            known = desk.store.stream(stream.id)
        except StreamNotFoundError:
            desk.store.put_stream(stream)
            known = stream
        desk.close_left(self._origin)
        heard_at = min(known.state_at, now)
        for outage in desk.store.outages(stream.id):
            if outage.until is None:
                desk.store.put_outage(replace(outage, until=max(outage.since, heard_at)))
        stopped = known.state == "stopped" and known.wanted
        if heard_at <= 0.0 or now - heard_at < LEAST_ABSENCE_S:
            return known, None
        if not (known.state in _RUNNING or stopped):
            return known, None
        absence = Outage(uuid.uuid4().hex, stream.id, heard_at, now, NOT_RUNNING)
        desk.store.put_outage(absence)
        return known, absence

    def log(self, happening: Happening, zero_at: float, now: float) -> tuple[bool, Entry | None]:
        """Write down a detection; return whether to tell of it, and its entry if it has one."""
        if self._desk is None:
            return True, None
        item = Logged(happening, zero_at)
        if len(self._pending) and not self._catch_up(now):
            if happening.kind != "update":
                self._pending.put(item)
            return True, None
        try:
            entry = self._log(item)
        except StoreError as error:
            self._later(item, now, error)
            return True, None
        return entry is not None, entry

    def outage(self, outage: Outage, now: float) -> None:
        """Write down an outage, or its end."""
        self._write(outage, now)

    def tell(self, event: str, body: Mapping[str, Any], now: float) -> None:
        """Tell webhooks."""
        self._write(Told(event, body), now)

    def stream(self, stream: Stream, now: float, *, at_once: bool = False) -> None:
        """Write down how the stream goes, every few seconds."""
        lately = 0.0 <= now - self._told_at < TELL_EVERY_S  # a clock may be set back
        if self._desk is None or (lately and not at_once):
            return
        self._catch_up(now)
        self._told_at = now
        try:
            self._desk.store.tell_stream(stream)
        except StoreError as error:
            log.warning("%s: how it goes cannot be written down: %s", stream.name, error.message)

    def close(self, now: float) -> None:
        """Try a last time to write down what is pending."""
        self._try_at = 0.0
        if not self._catch_up(now):
            log.error("%s: %d notes could not be written", self._station, len(self._pending))

    def _write(self, item: Outage | Told, now: float) -> None:
        if self._desk is None:
            return
        self._pending.put(item)
        self._catch_up(now)

    def _catch_up(self, now: float) -> bool:
        """Write what is pending, if it is time to try; return whether all is written."""
        if not len(self._pending):
            return True
        if self._try_at - TRY_AGAIN_S <= now < self._try_at:  # a clock may be set back
            return False
        try:
            self._pending.write(self._one)
        except StoreError as error:
            self._try_at = now + TRY_AGAIN_S
            log.warning("%s: cannot be written down now: %s", self._station, error.message)
            return False
        return True

    def _later(self, item: Logged, now: float, error: StoreError) -> None:
        self._try_at = now + TRY_AGAIN_S
        log.warning("%s: cannot be written down now: %s", self._station, error.message)
        if item.happening.kind != "update":
            self._pending.put(item)

    def _log(self, item: Logged) -> Entry | None:
        assert self._desk is not None  # noqa: S101 - for mypy: without a desk nothing is written
        return self._desk.log(
            item.happening,
            source=self._source,
            station=self._station,
            origin=self._origin,
            zero_at=item.zero_at,
        )

    def _one(self, item: Item) -> None:
        assert self._desk is not None  # noqa: S101 - as above
        if isinstance(item, Logged):
            self._log(item)
        elif isinstance(item, Outage):
            self._desk.store.put_outage(item)
        else:
            self._desk.tell(item.event, item.body)
