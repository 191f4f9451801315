"""What is listened to, in Redis: streams, their outages, scans of files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from earmark.ports import Delivery, Outage, Scan, Stream
from earmark.stores import redis_monitor_scripts as scripts
from earmark.stores.monitor_missing import no_scan, no_stream
from earmark.stores.monitor_rows import SCAN, SCAN_LARGE, STREAM, STREAM_GOING, packed
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_monitor_records import RedisRecords, group_of, pairs
from earmark.stores.redis_monitor_webhooks import delivery_words
from earmark.stores.rows import plain


class RedisMonitorSources:
    """Streams, outages and scans of a `RedisMonitorStore`."""

    def __init__(self, client: RedisClient) -> None:
        self._streams = RedisRecords(client, "streams", Stream, ("record", "going"))
        self._outages = RedisRecords(client, "outages", Outage)
        self._scans = RedisRecords(client, "scans", Scan, ("record", "large"))

    def put_stream(self, stream: Stream) -> None:
        """Keep a stream: what was asked for and how it goes."""
        texts = {"record": packed(stream, *STREAM), "going": packed(stream, *STREAM_GOING)}
        self._streams.put(stream.id, texts)

    def tell_stream(self, stream: Stream) -> None:
        """Overwrite how a stream goes; what was asked for stays, and a forgotten one forgotten."""
        self._streams.tell(stream.id, "going", packed(stream, *STREAM_GOING))

    def stream(self, stream_id: str) -> Stream:
        """Return one; raises `StreamNotFoundError`."""
        found = self._streams.one(stream_id)
        if found is None:
            raise no_stream(stream_id)
        return found

    def streams(self) -> list[Stream]:
        """Return every stream, oldest first."""
        return self._streams.some()

    def delete_stream(self, stream_id: str) -> None:
        """Forget one and its outages, not its entries; raises `StreamNotFoundError`."""
        # The stream goes last: who is stopped in between can do it again.
        if self._streams.place_of(stream_id) is None:
            raise no_stream(stream_id)
        self._outages.drop_group(group_of("stream", stream_id))
        if not self._streams.drop(stream_id):
            raise no_stream(stream_id)

    def put_outage(self, outage: Outage) -> None:
        """Keep an outage, or its end."""
        group = group_of("stream", outage.stream_id)
        self._outages.put(outage.id, {"record": packed(outage)}, [group])

    def outages(self, stream_id: str, limit: int = 100) -> list[Outage]:
        """Return a stream's outages, newest first."""
        return self._outages.some(group_of("stream", stream_id), newest_first=True, limit=limit)

    def put_scan(self, scan: Scan, told: Sequence[Delivery] = ()) -> None:
        """Keep a scan as far as it has come, and in the same moment what is told of it."""
        texts = {"record": packed(scan, *SCAN), "large": packed(scan, *SCAN_LARGE)}
        words = pairs(texts)
        self._scans.run(
            scripts.PUT_TOLD,
            plain(scan.id),
            group_of("key", scan.key),
            len(words),
            *words,
            "deliveries",
            *(word for delivery in told for word in delivery_words(delivery)),
        )

    def scan(self, scan_id: str) -> Scan:
        """Return one; raises `ScanNotFoundError`."""
        found = self._scans.one(scan_id)
        if found is None:
            raise no_scan(scan_id)
        return found

    def scan_of(self, key: str) -> Scan | None:
        """Return the newest scan under a key, or None."""
        found = self._scans.some(group_of("key", key), newest_first=True, limit=1)
        return found[0] if found else None

    def scans(self, *, before: str | None = None, limit: int = 100) -> list[Scan]:
        """Return scans, newest first, beyond the scan ``before``; without their timelines."""
        beyond = "" if before is None else self._scans.place_of(before)
        if beyond is None:
            raise no_scan(before or "")
        return list(islice(self._scans.walk("", beyond, limit, ["record"]), limit))

    def delete_scan(self, scan_id: str) -> None:
        """Forget one, not its entries; raises `ScanNotFoundError`."""
        if not self._scans.drop(scan_id):
            raise no_scan(scan_id)
