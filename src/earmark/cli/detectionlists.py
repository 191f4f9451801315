"""Detections, one of them, and sums of them, as tables, JSON lines and CSV."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.cli.moments import shown_moment
from earmark.cli.output import fields, json_line, size, table, text_line
from earmark.errors import DamagedIndexError, NoMediaError
from earmark.units import clock

if TYPE_CHECKING:
    from earmark.monitor.desk import Desk
    from earmark.monitor.reports.rows import Cell
    from earmark.monitor.retention import Retention
    from earmark.ports.monitoring import Entry, Wanted

IN_A_TABLE = 100
_PAGE = 500
_MOST_TOTALS = 1_000_000


def show_many(
    desk: Desk, wanted: Wanted, limit: int | None, file: Path | None, as_json: bool
) -> None:
    """Print entries, latest first."""
    found = _every(desk, wanted)
    if as_json:
        for entry in islice(found, limit):
            json_line(entry.as_dict())
    elif file is not None:
        from earmark.service.answering.entrycsv import COLUMNS, entry_row

        count = _write(file, COLUMNS, (entry_row(entry) for entry in islice(found, limit)))
        text_line(f"wrote {count} detections to {file}")
    else:
        entries = list(islice(found, limit or IN_A_TABLE))
        _table(entries)
        if next(found, None) is not None:
            text_line(f"the latest {len(entries)}; there are more: --limit, --json or --csv")


def show_one(desk: Desk, entry: Entry, as_json: bool) -> None:
    """Print one entry with its evidence and its trail of decisions."""
    if as_json:
        json_line(entry.as_dict())
        return
    detection = entry.detection
    fields(
        [
            ("id", entry.id),
            ("track", f"{detection.track.label} ({detection.track.id})"),
            ("tags", ", ".join(detection.track.tags)),
            ("station", entry.station),
            ("source", entry.source),
            ("origin", entry.origin),
            ("began", f"{shown_moment(entry.began_at)} UTC"),
            ("in the source", f"{clock(detection.start_s)} to {clock(detection.end_s)}"),
            ("heard", f"{detection.played_s:.1f} s{', and it goes on' * detection.open}"),
            ("confidence", f"{detection.confidence:.2f}"),
            ("found by", f"{detection.kind}{', as a second opinion' * detection.second}"),
            ("duplicates", ", ".join(detection.duplicates)),
            ("action", entry.action + (f" (rule {entry.rule_id})" if entry.rule_id else "")),
            ("ruling", entry.ruling or "none"),
        ]
    )
    table(
        ("piece in the source", "in the reference", "speed", "pitch", "confidence"),
        [
            (
                f"{clock(piece.query.start_s)} - {clock(piece.query.end_s)}",
                f"{clock(piece.reference.start_s)} - {clock(piece.reference.end_s)}",
                f"{piece.time_ratio:.4f}",
                f"{piece.pitch_shift_semitones:+.2f}",
                f"{piece.confidence:.2f}",
            )
            for piece in detection.pieces
        ],
        right=("speed", "pitch", "confidence"),
    )
    _show_evidence(desk, entry)
    for decision in entry.decisions:
        said = f": {decision.note}" if decision.note else ""
        text_line(f"{shown_moment(decision.at)} UTC  {decision.by}  {decision.ruling}{said}")


def show_totals(
    desk: Desk, wanted: Wanted, by: str, limit: int | None, file: Path | None, as_json: bool
) -> None:
    """Print sums over entries."""
    most = IN_A_TABLE if file is None and not as_json else _MOST_TOTALS
    totals = desk.totals(wanted, by, limit or most)
    if as_json:
        for total in totals:
            json_line(asdict(total) | {"played_s": round(total.played_s, 3)})
    elif file is not None:
        rows = (asdict(total) | {"played_s": round(total.played_s, 3)} for total in totals)
        _write(file, ("key", "label", "count", "played_s"), rows)
        text_line(f"wrote {len(totals)} totals to {file}")
    elif not totals:
        text_line("no detections")
    else:
        table(
            (by, "plays", "heard"),
            [(total.label, str(total.count), clock(total.played_s)) for total in totals],
            right=("plays", "heard"),
        )


def decide(
    desk: Desk, detection_id: str, ruling: str, by: str | None, note: str, as_json: bool
) -> None:
    """Write down a decision, and say so."""
    entry = desk.decide(detection_id, ruling, by or getpass.getuser(), note)
    if as_json:
        json_line(entry.as_dict())
        return
    text_line(f"{entry.detection.track.label} at {entry.station}: {entry.ruling}")
    if entry.ruling == "reject":
        text_line("The pair will not be logged again there until you confirm it or are unsure.")


def remove(desk: Desk, detection_id: str, as_json: bool) -> None:
    """Forget a detection with its decisions, and say so."""
    entry = desk.entry(detection_id)
    desk.forget(detection_id)
    if as_json:
        json_line(entry.as_dict())
        return
    text_line(f"{entry.detection.track.label} at {entry.station} is forgotten")


def prune(desk: Desk, retention: Retention, dry_run: bool, as_json: bool) -> None:
    """Give up what is old, and say what that was."""
    told = desk.prune(retention, dry_run=dry_run)
    if as_json:
        json_line(told.as_dict())
        return
    forget, give_up, delete = (
        ("would forget", "give up", "delete") if dry_run else ("forgot", "gave up", "deleted")
    )
    text_line(
        f"{forget} {_counted(told.detections, 'detection')}, {give_up} the clips of "
        f"{_counted(told.clips, 'other')}, {delete} {_counted(told.files, 'file')} "
        f"({size(told.bytes)})"
    )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _every(desk: Desk, wanted: Wanted) -> Iterator[Entry]:
    last: str | None = None
    while page := desk.entries(wanted, before=last, limit=_PAGE):
        yield from page
        last = page[-1].id


def _table(entries: Sequence[Entry]) -> None:
    if not entries:
        text_line("no detections")
        return
    table(
        ("id", "began (UTC)", "station", "track", "heard", "conf", "action", "ruling"),
        [
            (
                entry.id,
                shown_moment(entry.began_at),
                entry.station,
                entry.detection.track.label,
                clock(entry.detection.played_s) + "+" * entry.detection.open,
                f"{entry.detection.confidence:.2f}",
                entry.action,
                entry.ruling or "",
            )
            for entry in entries
        ],
        right=("heard", "conf"),
    )


def _show_evidence(desk: Desk, entry: Entry) -> None:
    evidence = entry.evidence
    if evidence is None:
        text_line("no clip was kept")
        return
    try:
        place = str(desk.evidence(entry.id))
    except (DamagedIndexError, NoMediaError) as error:
        place = error.message
    span = f"{clock(evidence.start_s)} - {clock(evidence.start_s + evidence.duration_s)}"
    fields(
        [
            ("evidence", place),
            ("sha256", evidence.sha256),
            ("clip", f"{span}, {evidence.rate_hz} Hz, {size(evidence.bytes)}"),
            ("engine", evidence.engine),
            ("earmark", evidence.version),
            ("library", evidence.library),
        ]
    )


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> int:
    """Write a CSV file that appears whole, and return its rows."""
    from earmark.homes import store_errors
    from earmark.monitor.reports.rows import harmless

    count, unfinished = 0, path.with_name(path.name + ".unfinished")
    with store_errors(path):
        try:
            with unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as f:
                writer = csv.DictWriter(f, columns)
                writer.writeheader()
                for row in rows:
                    writer.writerow({name: harmless(cell) for name, cell in row.items()})
                    count += 1
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    return count
