"""The desk's side of scans: kept as far as they have come, looked at, told when they are over."""

from __future__ import annotations

from typing import Any, ClassVar

from earmark.audio.fetch import shown
from earmark.monitor.streambook import Streambook
from earmark.ports import Scan, ScanState

_OVER: tuple[ScanState, ...] = ("done", "stopped", "failed")


class Scanbook(Streambook):
    """The scans that are kept, with their timelines.

    Attributes
    ----------
    told_of_runs : tuple[ScanState, ...]
        With which of these ends of a run the scan itself is over, and told to webhooks. In a
        service only a job's end says that a scan was stopped or has failed.
    """

    told_of_runs: ClassVar[tuple[ScanState, ...]] = _OVER

    def scans(self, before: str | None = None, limit: int = 100) -> list[Scan]:
        """Return scans, newest first, beyond the scan ``before``; without their timelines."""
        return self.store.scans(before=before, limit=limit)

    def scan(self, scan_id: str) -> Scan:
        """Return one, with its timeline once it is done; raises `ScanNotFoundError`."""
        return self.store.scan(scan_id)

    def remove_scan(self, scan_id: str) -> None:
        """Forget a scan, not its detections; raises `ScanNotFoundError`.

        One that goes on somewhere keeps itself again.
        """
        self.store.delete_scan(scan_id)

    def keep_run(self, scan: Scan) -> None:
        """Keep a scan as a run of it leaves it, and tell webhooks where it is over with that."""
        if scan.state in self.told_of_runs:
            self.end_scan(scan)
        else:
            self.store.put_scan(scan)

    def end_scan(self, scan: Scan) -> None:
        """Keep a scan that is over; its event is kept in the same moment, the same one once."""
        told = self.made(f"scan.{scan.state}", {"scan": scan_event(scan)}, once=True)
        self.store.put_scan(scan, told)


def scan_event(scan: Scan) -> dict[str, Any]:
    """Return what a webhook is told of a scan: not the whole timeline.

    ``created_at`` is when it was asked for last: who asks for the same once more is told once more.
    """
    return {
        "id": scan.id,
        "source": shown(scan.source),
        "station": scan.station,
        "began_at": scan.began_at,
        "created_at": scan.created_at,
        "state": scan.state,
        "duration_s": scan.duration_s,
        "error": None if scan.error is None else dict(scan.error),
    }


def scan_record(scan: Scan, *, whole: bool = False) -> dict[str, Any]:
    """Return a kept scan's JSON, as `/v1/scans` has it; ``whole`` with its timeline."""
    timeline = scan.timeline if whole and scan.state == "done" else None
    return {
        "id": scan.id,
        "source": shown(scan.source),
        "station": scan.station,
        "began_at": round(scan.began_at, 3),
        "created_at": round(scan.created_at, 3),
        "state": str(scan.state),
        "progress": {"done_s": scan.done_s, "duration_s": scan.duration_s, "left_s": None},
        "error": None if scan.error is None else dict(scan.error),
        "timeline": None if timeline is None else dict(timeline),
    }
