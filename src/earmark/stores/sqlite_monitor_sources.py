"""What is listened to, in SQLite: streams, their outages, scans of files."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.ports import Delivery, Outage, Scan, Stream
from earmark.stores.monitor_missing import no_scan, no_stream
from earmark.stores.monitor_rows import (
    SCAN,
    SCAN_LARGE,
    STREAM,
    STREAM_GOING,
    packed,
    unpacked,
)
from earmark.stores.rows import plain
from earmark.stores.sqlite_monitor_file import MonitorPart, put_row
from earmark.stores.sqlite_monitor_webhooks import put_new


class SqliteMonitorSources(MonitorPart):
    """Streams, outages and scans of a `SqliteMonitorStore`."""

    def put_stream(self, stream: Stream) -> None:
        """Keep a stream: what was asked for and how it goes."""
        row = {
            "id": plain(stream.id),
            "record": packed(stream, *STREAM),
            "going": packed(stream, *STREAM_GOING),
        }
        with self._file.transaction() as connection:
            put_row(connection, "streams", row)

    def tell_stream(self, stream: Stream) -> None:
        """Overwrite how a stream goes; what was asked for stays, and a forgotten one forgotten."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE streams SET going = ? WHERE id = ?",
                (packed(stream, *STREAM_GOING), plain(stream.id)),
            )

    def stream(self, stream_id: str) -> Stream:
        """Return one; raises `StreamNotFoundError`."""
        row = self._row("streams", "record, going", stream_id)
        if row is None:
            raise no_stream(stream_id)
        return unpacked(self._file.path, Stream, *row)

    def streams(self) -> list[Stream]:
        """Return every stream, oldest first."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT record, going FROM streams ORDER BY seq")
            return [unpacked(self._file.path, Stream, *row) for row in rows]

    def delete_stream(self, stream_id: str) -> None:
        """Forget one and its outages, not its entries; raises `StreamNotFoundError`."""
        name = (plain(stream_id),)
        with self._file.transaction() as connection:
            gone = connection.execute("DELETE FROM streams WHERE id = ?", name).rowcount
            if gone:
                connection.execute("DELETE FROM outages WHERE stream_id = ?", name)
        if not gone:
            raise no_stream(stream_id)

    def put_outage(self, outage: Outage) -> None:
        """Keep an outage, or its end."""
        row = {
            "id": plain(outage.id),
            "stream_id": plain(outage.stream_id),
            "record": packed(outage),
        }
        with self._file.transaction() as connection:
            put_row(connection, "outages", row)

    def outages(self, stream_id: str, limit: int = 100) -> list[Outage]:
        """Return a stream's outages, newest first."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT record FROM outages WHERE stream_id = ? ORDER BY seq DESC LIMIT ?",
                (plain(stream_id), limit),
            )
            return [unpacked(self._file.path, Outage, *row) for row in rows]

    def put_scan(self, scan: Scan, told: Sequence[Delivery] = ()) -> None:
        """Keep a scan as far as it has come, and in the same moment what is told of it."""
        row = {
            "id": plain(scan.id),
            "key": plain(scan.key),
            "record": packed(scan, *SCAN),
            "large": packed(scan, *SCAN_LARGE),
        }
        with self._file.transaction() as connection:
            put_row(connection, "scans", row)
            put_new(connection, told)

    def scan(self, scan_id: str) -> Scan:
        """Return one; raises `ScanNotFoundError`."""
        row = self._row("scans", "record, large", scan_id)
        if row is None:
            raise no_scan(scan_id)
        return unpacked(self._file.path, Scan, *row)

    def scan_of(self, key: str) -> Scan | None:
        """Return the newest scan under a key, or None."""
        with self._file.reading() as connection:
            row = connection.execute(
                "SELECT record, large FROM scans WHERE key = ? ORDER BY seq DESC LIMIT 1",
                (plain(key),),
            ).fetchone()
        return None if row is None else unpacked(self._file.path, Scan, *row)

    def scans(self, *, before: str | None = None, limit: int = 100) -> list[Scan]:
        """Return scans, newest first, beyond the scan ``before``; without their timelines."""
        with self._file.reading() as connection:
            seq = None
            if before is not None:
                row = connection.execute(
                    "SELECT seq FROM scans WHERE id = ?", (plain(before),)
                ).fetchone()
                if row is None:
                    raise no_scan(before)
                seq = row["seq"]
            rows = connection.execute(
                "SELECT record FROM scans WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
                (seq, limit),
            )
            return [unpacked(self._file.path, Scan, *row) for row in rows]

    def delete_scan(self, scan_id: str) -> None:
        """Forget one, not its entries; raises `ScanNotFoundError`."""
        if not self._forget("scans", scan_id):
            raise no_scan(scan_id)
