"""Scans as jobs: a long file is heard to its end, and what it plays goes to the desk's log."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from earmark.audio.fetch import FetchLimits, is_url, shown
from earmark.config import ServeSettings, Settings
from earmark.errors import EarmarkError, InvalidRequestError, ScanNotFoundError
from earmark.library import Library
from earmark.monitor.desk import Desk
from earmark.monitor.scan import ScanProgress, scan
from earmark.monitor.scanning_book import scan_key, source_text
from earmark.monitor.streambook import options_of
from earmark.ports import Scan
from earmark.ports.ledger import JobRecord
from earmark.reports import Progress
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import roots
from earmark.service.tasks.jobwork import Tell, located

log = logging.getLogger("earmark.jobs")

SCAN = "scan"


class Scans:
    """Does jobs of the kind ``scan``.

    A job's request has ``scan_id``, ``name``, ``station``, ``began_at``, ``options``, and one of
    ``uploads`` (a kept file), ``path`` (below the roots) and ``url``.

    Parameters
    ----------
    settings
        Bounds what is fetched.
    desk
        Returns where detections go, once it is open.
    """

    def __init__(
        self,
        library: Library,
        options: ServeSettings,
        settings: Settings,
        media: MediaRoom,
        desk: Callable[[], Desk],
    ) -> None:
        self._library = library
        self._options = options
        self._media = media
        self._desk = desk
        self.turn = threading.Lock()
        """Held from `known` to `new`: two that ask for the same at once get the same scan."""
        self._limits = FetchLimits(
            max_bytes=min(settings.fetch_limit_bytes, options.upload_limit_bytes),
            stall_s=settings.fetch_timeout_s,
            public_only=not options.private_urls,
        )

    def known(self, request: Mapping[str, Any]) -> Scan | None:
        """Return the scan of the same file or URL in the same way, or None."""
        return self._desk().store.scan_of(self._key(request))

    def new(self, request: Mapping[str, Any]) -> Scan:
        """Keep a scan that is asked for and return it; the same file or URL again is the same scan.

        Its detections keep their ids and decisions then.
        """
        key = self._key(request)
        store = self._desk().store
        known = store.scan_of(key)
        now = time.time()
        began_at = request.get("began_at")
        if began_at is None:
            began_at = now if known is None else known.began_at
        kept = Scan(
            uuid.uuid4().hex if known is None else known.id,
            key,
            source_text(self._source(request), request["name"]),
            request["station"],
            began_at,
            now,
        )
        store.put_scan(kept)
        return kept

    def check(self, request: Mapping[str, Any]) -> None:
        """Raise what is wrong with a scan that somebody asks for.

        Raises
        ------
        ForbiddenError, InvalidRequestError, UsageError
            A path outside the roots, a URL that is not http(s), options that make no sense.
        """
        named = [name for name in ("uploads", "path", "url") if request.get(name)]
        if len(named) != 1:
            raise InvalidRequestError("a scan is of a file, of 'path', or of 'url': of one of them")
        options_of(request["options"])
        self._source(request)

    def do(self, job: JobRecord, tell: Tell, stop: threading.Event) -> dict[str, Any]:
        """Scan, from where an earlier run was cut off, and return the job's report."""
        request, began_s = job.request, time.monotonic()

        def progress(far: ScanProgress) -> None:
            done, whole = int(far.heard_s), int(far.duration_s or 0)
            name, wall_s = str(request["name"]), time.monotonic() - began_s
            tell(Progress(done, max(done, whole), 0, far.heard_s, wall_s, name))

        timeline = scan(
            self._library,
            self._source(request),
            options_of(request["options"]),
            name=request["name"],
            station=request["station"],
            began_at=request["began_at"],
            progress=progress,
            stop=stop,
            desk=self._desk(),
            limits=self._limits,
        )
        cut = stop.is_set() and self._desk().store.scan(request["scan_id"]).state != "done"
        return {
            "added": 0,
            "unchanged": 0,
            "failed": [],
            "failed_count": 0,
            "audio_s": round(timeline.duration_s, 3),
            "wall_s": round(time.monotonic() - began_s, 3),
            "track_ids": [],
            "warnings": list(timeline.warnings),
            "interrupted": cut,
        }

    def ended(self, job: JobRecord) -> None:
        """Write down how a scan ended whose job has ended, and tell webhooks.

        One that is done was kept, and told, in one moment with its timeline.
        """
        if job.state == "done":
            return
        try:
            desk = self._desk()
            kept = desk.store.scan(job.request["scan_id"])
            over = replace(kept, state="failed", error=job.error)
            desk.end_scan(over if job.state == "failed" else replace(kept, state="stopped"))
        except ScanNotFoundError:
            return
        except EarmarkError as error:
            log.warning("the end of the scan of job %s is not kept: %s", job.id, error.message)

    def refused(self, scan: Scan) -> None:
        """Write down that nobody will do a scan that was kept."""
        self._desk().store.put_scan(replace(scan, state="stopped"))

    def _key(self, request: Mapping[str, Any]) -> str:
        options = options_of(request["options"])
        return scan_key(self._source(request), options, self._library.address)

    def _source(self, request: Mapping[str, Any]) -> str:
        if request.get("uploads"):
            return located(self._media, request)[0]
        if request.get("path"):
            path = roots.resolved(request["path"], self._options.root_folders)
            if not path.is_file():
                message = f"{request['path']!r:.200} is no file of the service's machine"
                raise InvalidRequestError(message)
            return str(path)
        url = str(request["url"])
        if not is_url(url) or url.partition("://")[0].lower() not in ("http", "https"):
            raise InvalidRequestError(f"{shown(url)!r:.200} is not an http(s) address")
        return url
