"""Detections as comma-separated values, page by page: a table may be longer than memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from earmark.monitor.reports.rows import DETECTION, Row, detection_row, harmless
from earmark.ports import Entry

COLUMNS = (
    *("began_at", "station", "action", "ruling", "decided_by", "note"),
    *(name for name in DETECTION if name != "input"),
    *("origin", "evidence_sha256"),
)

Look = Callable[[str | None], list[Entry]]
Quick = Callable[[Callable[[], list[Entry]]], Awaitable[list[Entry]]]


async def csv_pages(look: Look, quick: Quick) -> AsyncIterator[bytes]:
    """Yield a table with a head, latest first.

    Parameters
    ----------
    look
        Returns the entries beyond one, none at the end.
    quick
        Runs that off the event loop.
    """
    last: str | None = None
    head = True
    while True:
        after = last
        entries = await quick(lambda after=after: look(after))  # type: ignore[misc]
        if head or entries:
            yield _written(entries, head=head)
        if not entries:
            return
        head, last = False, entries[-1].id


def entry_row(entry: Entry) -> Row:
    """Return an entry's cells; see `COLUMNS`."""
    decision = entry.decisions[-1] if entry.decisions else None
    row = {
        "began_at": datetime.fromtimestamp(entry.began_at, UTC).isoformat(timespec="milliseconds"),
        "station": entry.station,
        "action": entry.action,
        "ruling": entry.ruling or "",
        "decided_by": "" if decision is None else decision.by,
        "note": "" if decision is None else decision.note,
        **detection_row("", entry.detection),
        "origin": entry.origin,
        "evidence_sha256": "" if entry.evidence is None else entry.evidence.sha256,
    }
    return {name: row[name] for name in COLUMNS}


def _written(entries: list[Entry], *, head: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    if head:
        writer.writeheader()
    for entry in entries:
        writer.writerow({name: harmless(cell) for name, cell in entry_row(entry).items()})
    return text.getvalue().encode("utf-8", "backslashreplace")
