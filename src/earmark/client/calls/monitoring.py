"""Requests about monitoring: scans, streams, detections."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from earmark.client import watched
from earmark.client.bodies import Source, form_body, json_body, upload_of, url_of
from earmark.client.calls.tracks import once
from earmark.client.found import read_entry
from earmark.client.refusals import require_good
from earmark.client.reply import Reply
from earmark.client.shapes import seq, table
from earmark.client.tidings import page_of
from earmark.client.values import Media, Page
from earmark.client.watched import HeldScan
from earmark.client.wire import Call, Query, json_read, place, query
from earmark.errors import UsageError
from earmark.monitor.retention import Pruned
from earmark.ports import (
    Entry,
    Grouping,
    Outage,
    Ruling,
    Stream,
    Total,
    Wanted,
)

T = TypeVar("T")
REPORTS = ("json", "csv", "xlsx", "cue", "srt", "audacity", "html")


def scan(
    source: Source | None = None,
    *,
    server_path: str | os.PathLike[str] | None = None,
    station: str | None = None,
    began_at: float | None = None,
    options: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[HeldScan]:
    """Have a long file scanned, and return at once; `wait_scan` and `scan_of` tell how it goes.

    Parameters
    ----------
    source
        A path, bytes or a binary file object, which is sent; or a URL, which the service fetches.
    server_path
        A file of the service's own machine instead, below the roots it allows.
    station
        What people call it; None: the file's name.
    began_at
        When it was on air, in seconds since 1970; None: now.
    options
        ``also``, ``least_s``, ``least_confidence``, ``join_s``, ``gap_s``, ``evidence_s``,
        ``repeats``: as in `earmark.monitor.options.MonitorOptions`.
    idempotency_key
        Names this request, as in `add`.

    Raises
    ------
    UsageError
        There is nothing to scan, or two things.
    """
    if (source is None) == (server_path is None):
        message = "scan either a source or a server_path, one of them"
        raise UsageError(message)
    told = {"station": station, "began_at": began_at, **(options or {})}
    words = {name: value for name, value in told.items() if value is not None}
    if "also" in words:
        words["also"] = list(words["also"])
    url = None if source is None else url_of(source)
    if url is not None:
        body = json_body({"url": url, **words})
    elif server_path is not None:
        body = json_body({"path": os.fspath(server_path), **words})
    else:
        assert source is not None  # noqa: S101 - it was looked for above
        fields = [(name, _word(value)) for name, value in words.items()]
        body = form_body([("file", upload_of(source))], fields, idempotency_key)
    return Call("POST", place("scans"), json_read(watched.scan), (), once(idempotency_key), body)


def scan_of(scan_id: str) -> Call[HeldScan]:
    """Return a scan as it stands; raises `ScanNotFoundError`."""
    return Call("GET", place("scans", scan_id), json_read(watched.scan))


def scans_page(*, before: str | None = None, limit: int = 50) -> Call[Page[HeldScan]]:
    """Return one page of scans, newest first; ``before`` is ``next`` of the page before."""
    read = json_read(page_of("scans", watched.scan))
    return Call("GET", place("scans"), read, query(before=before, limit=limit))


def scan_report(scan_id: str, path: str | os.PathLike[str], form: str = "csv") -> Call[Path]:
    """Write what a scan found to a file and return its path.

    Parameters
    ----------
    form
        ``json``, ``csv``, ``xlsx``, ``cue``, ``srt``, ``audacity`` or ``html``.

    Raises
    ------
    UsageError
        No such form.
    ScanNotFoundError, ConflictError
        There is no such scan, or it is not done.
    """
    if form not in REPORTS:
        message = f"no report {form!r}; there are: {', '.join(REPORTS)}"
        raise UsageError(message)
    to = Path(path)

    def read(reply: Reply) -> Path:
        require_good(reply)
        return to

    return Call("GET", place("scans", scan_id), read, query(form=form), to=to)


def delete_scan(scan_id: str) -> Call[None]:
    """Stop a scan that goes on, else forget it; its detections stay."""
    return Call("DELETE", place("scans", scan_id), require_good)


def streams() -> Call[tuple[Stream, ...]]:
    """Return every stream and how it goes, oldest first; URLs without user and password."""
    return Call("GET", place("streams"), listed("streams", watched.stream))


def stream(stream_id: str) -> Call[Stream]:
    """Return a stream; raises `StreamNotFoundError`."""
    return Call("GET", place("streams", stream_id), json_read(watched.stream))


def add_stream(
    name: str, url: str, *, options: Mapping[str, Any] | None = None, wanted: bool = True
) -> Call[Stream]:
    """Have a stream watched; ``options`` as in `scan`."""
    body = json_body({"name": name, "url": url, "wanted": wanted, "options": dict(options or {})})
    return Call("POST", place("streams"), json_read(watched.stream), body=body, again=False)


def update_stream(
    stream_id: str,
    *,
    name: str | None = None,
    url: str | None = None,
    wanted: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> Call[Stream]:
    """Change a stream, or switch it on or off; None stays."""
    told = {
        "name": name,
        "url": url,
        "wanted": wanted,
        "options": None if options is None else dict(options),
    }
    body = json_body({name: value for name, value in told.items() if value is not None})
    return Call("PATCH", place("streams", stream_id), json_read(watched.stream), body=body)


def delete_stream(stream_id: str) -> Call[None]:
    """End and forget a stream; what it has played stays."""
    return Call("DELETE", place("streams", stream_id), require_good)


def outages(stream_id: str, *, limit: int = 100) -> Call[tuple[Outage, ...]]:
    """Return when a stream sent nothing that could be heard, newest first."""
    read = listed("outages", watched.outage)
    return Call("GET", place("streams", stream_id, "outages"), read, query(limit=limit))


def detections_page(
    wanted: Wanted | None = None, *, before: str | None = None, limit: int = 50
) -> Call[Page[Entry]]:
    """Return one page of detections, latest first; ``before`` is ``next`` of the page before."""
    asked = (*_asked(wanted), *query(before=before, limit=limit))
    return Call("GET", place("detections"), json_read(page_of("detections", read_entry)), asked)


def detection(detection_id: str) -> Call[Entry]:
    """Return a detection; raises `DetectionNotFoundError`."""
    return Call("GET", place("detections", detection_id), json_read(read_entry))


def detections_to(path: str | os.PathLike[str], wanted: Wanted | None = None) -> Call[Path]:
    """Write all detections that are wanted to a CSV file and return its path."""
    to = Path(path)

    def read(reply: Reply) -> Path:
        require_good(reply)
        return to

    return Call("GET", place("detections"), read, (*_asked(wanted), ("form", "csv")), to=to)


def totals(
    by: Grouping, wanted: Wanted | None = None, *, limit: int = 100
) -> Call[tuple[Total, ...]]:
    """Return sums: by track, artist, day, hour, station, action or ruling."""
    asked = (*_asked(wanted), *query(by=by, limit=limit))
    return Call("GET", place("detections", "totals"), json_read(watched.totals), asked)


def decide(
    detection_id: str, ruling: Ruling, note: str = "", *, by: str | None = None
) -> Call[Entry]:
    """Confirm, reject or leave open; where keys are used ``by`` is the key's name."""
    body = json_body({"ruling": ruling, "note": note, "by": by})
    address = place("detections", detection_id, "decision")
    return Call("POST", address, json_read(read_entry), body=body, again=False)


def delete_detection(detection_id: str) -> Call[None]:
    """Forget a detection and its decisions."""
    return Call("DELETE", place("detections", detection_id), require_good)


def prune_detections(
    older_than_days: float | None = None,
    *,
    evidence_only: bool = False,
    decided: bool = False,
    dry_run: bool = False,
) -> Call[Pruned]:
    """Forget old detections, and delete their clips; return what that was.

    Parameters
    ----------
    older_than_days
        None: as the service's settings say.
    evidence_only
        Delete clips only; detections stay.
    decided
        What was confirmed goes too.
    dry_run
        Only count what would go.

    Raises
    ------
    UsageError
        No age is said, and the settings keep everything for ever.
    """
    told = {
        "older_than_days": older_than_days,
        "evidence_only": evidence_only,
        "decided": decided,
        "dry_run": dry_run,
    }
    address = place("detections", "prune")
    return Call("POST", address, json_read(watched.pruned), body=json_body(told))


def evidence(detection_id: str) -> Call[Media]:
    """Return the clip of the source that a detection was made from; raises `NoMediaError`."""
    return Call("GET", place("detections", detection_id, "evidence"), _media)


def reference(detection_id: str) -> Call[Media]:
    """Return the stretch of the track that the evidence was aligned with."""
    return Call("GET", place("detections", detection_id, "reference"), _media)


def stream_events(stream_id: str | None = None) -> Call[None]:
    """Return the request whose answer is what one stream, or all, play from now on."""
    parts = ("streams", "events") if stream_id is None else ("streams", stream_id, "events")
    return Call("GET", place(*parts), require_good, headers=_EVENTS)


_EVENTS = {"Accept": "text/event-stream", "Cache-Control": "no-store"}


def _asked(wanted: Wanted | None) -> Query:
    """Return what narrows, as parameters; what does not is left out."""
    plain = asdict(Wanted())
    told = {} if wanted is None else asdict(wanted)
    return query(**{name: value for name, value in told.items() if value != plain[name]})


def listed(name: str, make: Callable[[Any], T]) -> Callable[[Reply], tuple[T, ...]]:
    """Return a reader of answers that are one list, under ``name``."""

    def read(json: Any) -> tuple[T, ...]:  # noqa: ANN401 - whatever JSON holds
        return tuple(make(one) for one in seq(table(json)[name]))

    return json_read(read)


def _media(reply: Reply) -> Media:
    require_good(reply)
    kind = reply.headers.get("content-type", "")
    return Media(kind, reply.body, reply.saved, reply.headers.get("etag", ""))


def _word(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
