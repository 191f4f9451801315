"""Webhooks in SQLite, and what is on its way to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from earmark.ports import Delivery, DeliveryState, Webhook
from earmark.stores.monitor_missing import no_delivery, no_webhook
from earmark.stores.monitor_rows import packed, unpacked
from earmark.stores.rows import plain
from earmark.stores.sqlite_monitor_file import MonitorPart, put_row

_READ = "SELECT record, next_at FROM deliveries"
_DUE = "state = 'pending' AND next_at <= ?"


def put_new(connection: sqlite3.Connection, deliveries: Sequence[Delivery]) -> None:
    """Write deliveries into a transaction; one that is there already stays as it is."""
    for delivery in deliveries:
        row = _row(delivery)
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(
            f"INSERT INTO deliveries ({names}) VALUES ({values}) ON CONFLICT (id) DO NOTHING",  # noqa: S608
            row,
        )


def _row(delivery: Delivery) -> dict[str, object]:
    return {
        "id": plain(delivery.id),
        "webhook_id": plain(delivery.webhook_id),
        "state": delivery.state,
        "created_at": delivery.created_at,
        "next_at": delivery.next_at,
        "record": packed(delivery),
    }


class SqliteMonitorWebhooks(MonitorPart):
    """Webhooks and deliveries of a `SqliteMonitorStore`."""

    def put_webhook(self, webhook: Webhook) -> None:
        """Keep a webhook."""
        with self._file.transaction() as connection:
            put_row(connection, "webhooks", {"id": plain(webhook.id), "record": packed(webhook)})

    def webhooks(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT record FROM webhooks ORDER BY seq")
            return [unpacked(self._file.path, Webhook, *row) for row in rows]

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget one and its deliveries; raises `WebhookNotFoundError`."""
        name = (plain(webhook_id),)
        with self._file.transaction() as connection:
            gone = connection.execute("DELETE FROM webhooks WHERE id = ?", name).rowcount
            if gone:
                connection.execute("DELETE FROM deliveries WHERE webhook_id = ?", name)
        if not gone:
            raise no_webhook(webhook_id)

    def put_delivery(self, delivery: Delivery) -> None:
        """Keep a delivery as far as it has come."""
        with self._file.transaction() as connection:
            put_row(connection, "deliveries", _row(delivery))

    def claim_deliveries(self, now: float, until: float, limit: int = 20) -> list[Delivery]:
        """Return pending deliveries due by ``now``, longest due first, put off to ``until``."""
        with self._file.reading() as connection:
            # Who asks every second keeps no writer waiting for nothing.
            if not connection.execute(f"{_READ} WHERE {_DUE} LIMIT 1", (now,)).fetchone():
                return []
        with self._file.transaction() as connection:
            found = connection.execute(
                f"SELECT seq, record FROM deliveries WHERE {_DUE}"  # noqa: S608 - ours
                " ORDER BY next_at, seq LIMIT ?",
                (now, limit),
            ).fetchall()
            connection.executemany(
                "UPDATE deliveries SET next_at = ? WHERE seq = ?",
                [(until, row["seq"]) for row in found],
            )
            held = [unpacked(self._file.path, Delivery, row["record"]) for row in found]
        return [replace(delivery, next_at=until) for delivery in held]

    def deliveries(
        self,
        webhook_id: str | None = None,
        states: Sequence[DeliveryState] = (),
        *,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, beyond the delivery ``before``."""
        conditions: list[str] = ["1"]
        values: list[object] = []
        if webhook_id is not None:
            conditions.append("webhook_id = ?")
            values.append(plain(webhook_id))
        if states:
            conditions.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        with self._file.reading() as connection:
            if before is not None:
                row = connection.execute(
                    "SELECT seq FROM deliveries WHERE id = ?", (plain(before),)
                ).fetchone()
                if row is None:
                    raise no_delivery(before)
                conditions.append("seq < ?")
                values.append(row["seq"])
            rows = connection.execute(
                f"{_READ} WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?",
                (*values, limit),
            )
            return [self._delivery(row) for row in rows]

    def delivery(self, delivery_id: str) -> Delivery:
        """Return one; raises `DeliveryNotFoundError`."""
        row = self._row("deliveries", "record, next_at", delivery_id)
        if row is None:
            raise no_delivery(delivery_id)
        return self._delivery(row)

    def forget_deliveries(self, before: float) -> int:
        """Forget delivered ones created before a time; return how many."""
        with self._file.transaction() as connection:
            return connection.execute(
                "DELETE FROM deliveries WHERE state = 'delivered' AND created_at < ?", (before,)
            ).rowcount

    def _delivery(self, row: sqlite3.Row) -> Delivery:
        # Claiming changes the column only.
        return replace(unpacked(self._file.path, Delivery, row["record"]), next_at=row["next_at"])
