"""The client's methods for monitoring; `earmark.client.sync` has the others."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

from earmark.client.asker import Asker, asked
from earmark.client.calls import desk
from earmark.client.calls import monitoring as calls
from earmark.client.news import News, NewsLines
from earmark.client.service import poll_s
from earmark.client.sse import SILENCE_S
from earmark.client.watched import HeldScan, unfinished
from earmark.ports import Delivery, DeliveryState, Entry, Wanted


class MonitoringClient(Asker):
    """What was played: scans, streams, detections, rules, webhooks."""

    scan = asked(calls.scan)
    scan_of = asked(calls.scan_of)
    scans_page = asked(calls.scans_page)
    scan_report = asked(calls.scan_report)
    delete_scan = asked(calls.delete_scan)
    streams = asked(calls.streams)
    stream = asked(calls.stream)
    add_stream = asked(calls.add_stream)
    update_stream = asked(calls.update_stream)
    delete_stream = asked(calls.delete_stream)
    outages = asked(calls.outages)
    detections_page = asked(calls.detections_page)
    detection = asked(calls.detection)
    detections_to = asked(calls.detections_to)
    totals = asked(calls.totals)
    decide = asked(calls.decide)
    delete_detection = asked(calls.delete_detection)
    prune_detections = asked(calls.prune_detections)
    evidence = asked(calls.evidence)
    reference = asked(calls.reference)
    rules = asked(desk.rules)
    add_rule = asked(desk.add_rule)
    delete_rule = asked(desk.delete_rule)
    webhooks = asked(desk.webhooks)
    add_webhook = asked(desk.add_webhook)
    delete_webhook = asked(desk.delete_webhook)
    test_webhook = asked(desk.test_webhook)
    deliveries_page = asked(desk.deliveries_page)
    replay = asked(desk.replay)

    def scans(self, *, page_size: int = 50) -> Iterator[HeldScan]:
        """Yield every scan, newest first, without timelines."""
        return self._all(lambda at: calls.scans_page(before=at, limit=page_size))

    def detections(self, wanted: Wanted | None = None, *, page_size: int = 100) -> Iterator[Entry]:
        """Yield every detection that is wanted, latest first, asking for a page at a time."""
        return self._all(lambda at: calls.detections_page(wanted, before=at, limit=page_size))

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None = None, page_size: int = 50
    ) -> Iterator[Delivery]:
        """Yield what a webhook was told, newest first."""
        return self._all(
            lambda at: desk.deliveries_page(webhook_id, state=state, before=at, limit=page_size)
        )

    def wait_scan(self, scan_id: str, timeout_s: float | None = None) -> HeldScan:
        """Wait until a scan has ended and return it with its timeline, whatever came of it.

        Parameters
        ----------
        timeout_s
            The longest to wait; None waits for ever. The scan goes on after that.

        Raises
        ------
        ScanNotFoundError
            No such scan.
        TimedOutError
            It had not ended in time.
        """
        begun_s, asked_times = time.monotonic(), 0
        while not (scan := self.scan_of(scan_id)).ended:
            pause_s = poll_s(asked_times)
            if timeout_s is not None and time.monotonic() - begun_s + pause_s > timeout_s:
                raise unfinished(scan, timeout_s)
            time.sleep(pause_s)
            asked_times += 1
        return scan

    def watch(self, stream_id: str | None = None) -> Generator[News, None, None]:
        """Yield what a stream plays (None: all of them), as it comes, until the service ends.

        How it stands comes first: nothing is lost by watching again.

        Raises
        ------
        StreamNotFoundError
            No such stream.
        ServiceError
            The connection broke off.
        """
        lines, call = NewsLines(self._service), calls.stream_events(stream_id)
        with self._open(call, SILENCE_S) as response:
            if not response.is_success:
                self._service.settle(call, self._reply(response))
            for block in response.iter_bytes():
                yield from lines.feed(block)
