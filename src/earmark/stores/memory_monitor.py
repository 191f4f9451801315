"""Monitoring kept in memory: the plain meaning of the port, to hold the durable ones against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from earmark.errors import EarmarkError
from earmark.ports import (
    Decision,
    Delivery,
    DeliveryState,
    Entry,
    Grouping,
    Outage,
    Rejection,
    Rule,
    Scan,
    Stream,
    Total,
    Wanted,
    Webhook,
)
from earmark.stores.memory_monitor_aging import MemoryMonitorAging
from earmark.stores.monitor_briefs import brief_of, fits, plainly, summed
from earmark.stores.monitor_missing import (
    no_delivery,
    no_entry,
    no_rule,
    no_scan,
    no_stream,
    no_webhook,
)
from earmark.stores.rows import plain

T = TypeVar("T")


class MemoryMonitorStore(MemoryMonitorAging):
    """A `MonitorStore` that ends with the process; dicts keep the order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self._rejections: dict[str, Rejection] = {}
        self._rules: dict[str, Rule] = {}
        self._streams: dict[str, Stream] = {}
        self._outages: dict[str, Outage] = {}
        self._scans: dict[str, Scan] = {}
        self._webhooks: dict[str, Webhook] = {}
        self._deliveries: dict[str, Delivery] = {}

    # --- the log --------------------------------------------------------------------------

    def put_entry(self, entry: Entry) -> None:
        """Keep an entry; decisions that are kept already stay."""
        with self._lock:
            kept = self._entries.get(entry.id)
            stay = entry.decisions if kept is None else kept.decisions or entry.decisions
            self._entries[entry.id] = replace(entry, decisions=tuple(stay))

    def entry(self, entry_id: str) -> Entry:
        """Return one; raises `DetectionNotFoundError`."""
        return self._one(self._entries, entry_id, no_entry)

    def entries(
        self, wanted: Wanted, *, before: str | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return entries, latest ``began_at`` first (then by id), beyond the entry ``before``."""
        with self._lock:
            found = self._latest(wanted)
            if before is not None:
                place = _place(self.entry(before))
                found = [entry for entry in found if _place(entry) < place]
            return found[:limit]

    def decide(self, entry_id: str, decision: Decision) -> Entry:
        """Append to the trail and return the entry; raises `DetectionNotFoundError`."""
        with self._lock:
            kept = self.entry(entry_id)
            told = replace(kept, decisions=(*kept.decisions, decision))
            self._entries[entry_id] = told
            return told

    def delete_entry(self, entry_id: str) -> None:
        """Forget one; raises `DetectionNotFoundError`."""
        self._forget(self._entries, entry_id, no_entry)

    def totals(self, wanted: Wanted, by: Grouping, limit: int = 100) -> list[Total]:
        """Return sums over entries: the latest days and hours in order, others longest first."""
        with self._lock:
            return summed(map(brief_of, self._latest(wanted)), by, limit)

    def _latest(self, wanted: Wanted) -> list[Entry]:
        asked = plainly(wanted)
        found = (entry for entry in self._entries.values() if fits(brief_of(entry), asked))
        return sorted(found, key=_place, reverse=True)

    # --- what was rejected, and rules -----------------------------------------------------

    def put_rejection(self, rejection: Rejection) -> None:
        """Keep a rejected pair; one for each detection."""
        self._put(self._rejections, rejection.detection_id, rejection)

    def rejections(self, station: str, track_id: str) -> list[Rejection]:
        """Return the rejected pairs of one station and track, oldest first."""
        with self._lock:
            pair = (plain(station), plain(track_id))
            kept = self._rejections.values()
            return [one for one in kept if (plain(one.station), plain(one.track_id)) == pair]

    def delete_rejection(self, detection_id: str) -> None:
        """Forget the pair of a detection that is not rejected any more; nothing without one."""
        with self._lock:
            self._rejections.pop(detection_id, None)

    def put_rule(self, rule: Rule) -> None:
        """Keep a rule."""
        self._put(self._rules, rule.id, rule)

    def rules(self) -> list[Rule]:
        """Return every rule, oldest first."""
        return self._all(self._rules)

    def delete_rule(self, rule_id: str) -> None:
        """Forget one; raises `RuleNotFoundError`."""
        self._forget(self._rules, rule_id, no_rule)

    # --- streams and scans ----------------------------------------------------------------

    def put_stream(self, stream: Stream) -> None:
        """Keep a stream: what was asked for and how it goes."""
        self._put(self._streams, stream.id, stream)

    def tell_stream(self, stream: Stream) -> None:
        """Overwrite how a stream goes; what was asked for stays, and a forgotten one forgotten."""
        with self._lock:
            if (kept := self._streams.get(stream.id)) is not None:
                self._streams[stream.id] = replace(
                    kept,
                    state=stream.state,
                    state_at=stream.state_at,
                    heard_s=stream.heard_s,
                    reconnects=stream.reconnects,
                    error=stream.error,
                )

    def stream(self, stream_id: str) -> Stream:
        """Return one; raises `StreamNotFoundError`."""
        return self._one(self._streams, stream_id, no_stream)

    def streams(self) -> list[Stream]:
        """Return every stream, oldest first."""
        return self._all(self._streams)

    def delete_stream(self, stream_id: str) -> None:
        """Forget one and its outages, not its entries; raises `StreamNotFoundError`."""
        with self._lock:
            self._forget(self._streams, stream_id, no_stream)
            for outage in self._all(self._outages):
                if outage.stream_id == stream_id:
                    del self._outages[outage.id]

    def put_outage(self, outage: Outage) -> None:
        """Keep an outage, or its end."""
        self._put(self._outages, outage.id, outage)

    def outages(self, stream_id: str, limit: int = 100) -> list[Outage]:
        """Return a stream's outages, newest first."""
        found = [one for one in reversed(self._all(self._outages)) if one.stream_id == stream_id]
        return found[:limit]

    def put_scan(self, scan: Scan, told: Sequence[Delivery] = ()) -> None:
        """Keep a scan as far as it has come, and in the same moment what is told of it."""
        with self._lock:
            new = {delivery.id: delivery for delivery in told}
            self._scans[scan.id] = scan
            self._deliveries |= new | self._deliveries

    def scan(self, scan_id: str) -> Scan:
        """Return one; raises `ScanNotFoundError`."""
        return self._one(self._scans, scan_id, no_scan)

    def scan_of(self, key: str) -> Scan | None:
        """Return the newest scan under a key, or None."""
        return next((scan for scan in reversed(self._all(self._scans)) if scan.key == key), None)

    def scans(self, *, before: str | None = None, limit: int = 100) -> list[Scan]:
        """Return scans, newest first, beyond the scan ``before``; without their timelines."""
        found = self._beyond(self._scans, before, no_scan)[:limit]
        return [replace(scan, checkpoint=None, timeline=None) for scan in found]

    def delete_scan(self, scan_id: str) -> None:
        """Forget one, not its entries; raises `ScanNotFoundError`."""
        self._forget(self._scans, scan_id, no_scan)

    # --- webhooks -------------------------------------------------------------------------

    def put_webhook(self, webhook: Webhook) -> None:
        """Keep a webhook."""
        self._put(self._webhooks, webhook.id, webhook)

    def webhooks(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return self._all(self._webhooks)

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget one and its deliveries; raises `WebhookNotFoundError`."""
        with self._lock:
            self._forget(self._webhooks, webhook_id, no_webhook)
            for delivery in self._all(self._deliveries):
                if delivery.webhook_id == webhook_id:
                    del self._deliveries[delivery.id]

    def put_delivery(self, delivery: Delivery) -> None:
        """Keep a delivery as far as it has come."""
        self._put(self._deliveries, delivery.id, delivery)

    def claim_deliveries(self, now: float, until: float, limit: int = 20) -> list[Delivery]:
        """Return pending deliveries due by ``now``, longest due first, put off to ``until``."""
        with self._lock:
            pending = (one for one in self._deliveries.values() if one.state == "pending")
            due = sorted((one for one in pending if one.next_at <= now), key=lambda d: d.next_at)
            claimed = [replace(delivery, next_at=until) for delivery in due[:limit]]
            self._deliveries.update({delivery.id: delivery for delivery in claimed})
            return claimed

    def deliveries(
        self,
        webhook_id: str | None = None,
        states: Sequence[DeliveryState] = (),
        *,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, beyond the delivery ``before``."""
        found = self._beyond(self._deliveries, before, no_delivery)
        mine = (one for one in found if webhook_id is None or one.webhook_id == webhook_id)
        return [one for one in mine if not states or one.state in states][:limit]

    def delivery(self, delivery_id: str) -> Delivery:
        """Return one; raises `DeliveryNotFoundError`."""
        return self._one(self._deliveries, delivery_id, no_delivery)

    def forget_deliveries(self, before: float) -> int:
        """Forget delivered ones created before a time; return how many."""
        with self._lock:
            kept = self._all(self._deliveries)
            old = [one for one in kept if one.state == "delivered" and one.created_at < before]
            for delivery in old:
                del self._deliveries[delivery.id]
            return len(old)

    def close(self) -> None:
        """Do nothing: there are no files."""

    # --- how ------------------------------------------------------------------------------

    def _put(self, kept: dict[str, T], name: str, record: T) -> None:
        with self._lock:
            kept[name] = record

    def _all(self, kept: dict[str, T]) -> list[T]:
        with self._lock:
            return list(kept.values())

    def _one(self, kept: dict[str, T], name: str, missing: Callable[[str], EarmarkError]) -> T:
        with self._lock:
            if name not in kept:
                raise missing(name)
            return kept[name]

    def _forget(
        self, kept: dict[str, T], name: str, missing: Callable[[str], EarmarkError]
    ) -> None:
        with self._lock:
            self._one(kept, name, missing)
            del kept[name]

    def _beyond(
        self, kept: dict[str, T], before: str | None, missing: Callable[[str], EarmarkError]
    ) -> list[T]:
        """Return records newest first, from the one before ``before``."""
        with self._lock:
            names = list(kept)
            if before is not None:
                self._one(kept, before, missing)
                names = names[: names.index(before)]
            return [kept[name] for name in reversed(names)]


def _place(entry: Entry) -> tuple[float, str]:
    return entry.began_at, entry.id
