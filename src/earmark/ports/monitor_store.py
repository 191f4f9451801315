"""Where monitoring keeps what it has found and what people made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from earmark.ports.monitoring import (
    Decision,
    Delivery,
    DeliveryState,
    Entry,
    Grouping,
    KeptClip,
    Outage,
    Rejection,
    Rule,
    Scan,
    Stream,
    Total,
    Wanted,
    Webhook,
)


class MonitorStore(Protocol):
    """Durable on return; any number of threads and processes.

    Putting what is there already overwrites it (all ids are the caller's).
    """

    def put_entry(self, entry: Entry) -> None:
        """Keep an entry; decisions that are kept already stay (see `decide`)."""

    def entry(self, entry_id: str) -> Entry:
        """Return one; raises `DetectionNotFoundError`."""

    def entries(
        self, wanted: Wanted, *, before: str | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return entries, latest ``began_at`` first, beyond the entry ``before``."""

    def decide(self, entry_id: str, decision: Decision) -> Entry:
        """Append to the trail and return the entry; raises `DetectionNotFoundError`."""

    def delete_entry(self, entry_id: str) -> None:
        """Forget one; raises `DetectionNotFoundError`."""

    def forget_entries(self, before: float, *, confirmed: bool = False) -> int:
        """Forget closed entries that aged from earlier than a time; return how many.

        Those whose last decision confirms them stay, unless ``confirmed``. What they rejected
        stays (see `put_rejection`).
        """

    def clips(self) -> Iterator[KeptClip]:
        """Yield every clip that an entry names and that was not given up, latest entry first."""

    def drop_clips(self, clips: Sequence[KeptClip], at: float) -> list[KeptClip]:
        """Note at their entries that clips were given up; return those.

        An entry that is away, names another clip by now, or was decided on since, stays as it is.
        """

    def totals(self, wanted: Wanted, by: Grouping, limit: int = 100) -> list[Total]:
        """Return sums over entries: days and hours in order of time (UTC), others longest first."""

    def put_rejection(self, rejection: Rejection) -> None:
        """Keep a rejected pair; one for each detection."""

    def rejections(self, station: str, track_id: str) -> list[Rejection]:
        """Return the rejected pairs of one station and track."""

    def delete_rejection(self, detection_id: str) -> None:
        """Forget the pair of a detection that is not rejected any more; nothing without one."""

    def put_rule(self, rule: Rule) -> None:
        """Keep a rule."""

    def rules(self) -> list[Rule]:
        """Return every rule, oldest first."""

    def delete_rule(self, rule_id: str) -> None:
        """Forget one; raises `RuleNotFoundError`."""

    def put_stream(self, stream: Stream) -> None:
        """Keep a stream: what was asked for and how it goes."""

    def tell_stream(self, stream: Stream) -> None:
        """Overwrite how a stream goes; what was asked for stays, and a forgotten one forgotten."""

    def stream(self, stream_id: str) -> Stream:
        """Return one; raises `StreamNotFoundError`."""

    def streams(self) -> list[Stream]:
        """Return every stream, oldest first."""

    def delete_stream(self, stream_id: str) -> None:
        """Forget one and its outages, not its entries; raises `StreamNotFoundError`."""

    def put_outage(self, outage: Outage) -> None:
        """Keep an outage, or its end."""

    def outages(self, stream_id: str, limit: int = 100) -> list[Outage]:
        """Return a stream's outages, newest first."""

    def put_scan(self, scan: Scan, told: Sequence[Delivery] = ()) -> None:
        """Keep a scan as far as it has come, and in the same moment what is told of it.

        All of it is kept, or nothing. A delivery that is kept already stays as it is.
        """

    def scan(self, scan_id: str) -> Scan:
        """Return one; raises `ScanNotFoundError`."""

    def scan_of(self, key: str) -> Scan | None:
        """Return the newest scan under a key, or None."""

    def scans(self, *, before: str | None = None, limit: int = 100) -> list[Scan]:
        """Return scans, newest first, beyond the scan ``before``; without their timelines."""

    def delete_scan(self, scan_id: str) -> None:
        """Forget one, not its entries; raises `ScanNotFoundError`."""

    def put_webhook(self, webhook: Webhook) -> None:
        """Keep a webhook."""

    def webhooks(self) -> list[Webhook]:
        """Return every webhook, oldest first."""

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget one and its deliveries; raises `WebhookNotFoundError`."""

    def put_delivery(self, delivery: Delivery) -> None:
        """Keep a delivery as far as it has come."""

    def claim_deliveries(self, now: float, until: float, limit: int = 20) -> list[Delivery]:
        """Return pending deliveries due by ``now``, oldest first, and put them off to ``until``.

        So no other process tries them meanwhile, and what a killed one had in hand comes again.
        """

    def deliveries(
        self,
        webhook_id: str | None = None,
        states: Sequence[DeliveryState] = (),
        *,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, beyond the delivery ``before``."""

    def delivery(self, delivery_id: str) -> Delivery:
        """Return one; raises `DeliveryNotFoundError`."""

    def forget_deliveries(self, before: float) -> int:
        """Forget delivered ones created before a time; return how many."""

    def close(self) -> None:
        """Release files and connections."""
