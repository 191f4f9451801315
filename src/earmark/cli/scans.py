"""``earmark scans``: what was scanned, without listening to it once more."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.moments import shown_moment
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import fields, json_line, table, text_line
from earmark.errors import ConflictError, UsageError
from earmark.units import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.cli.scanned import Reports
    from earmark.monitor.desk import Desk
    from earmark.ports import Scan

IN_A_TABLE = 50
_PAGE = 200


class What(StrEnum):
    """What to do with kept scans."""

    LIST = "list"
    SHOW = "show"
    REMOVE = "remove"


def scans(
    context: typer.Context,
    what: Annotated[
        What, typer.Argument(help="Show them all, show what one found, or forget one.")
    ] = What.LIST,
    scan_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="With show and remove: which one.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="With show: as `scan --csv`.")
    ] = None,
    xlsx: Annotated[
        str | None, typer.Option("--xlsx", metavar="FILE", help="With show: as `scan --xlsx`.")
    ] = None,
    cue: Annotated[
        str | None, typer.Option("--cue", metavar="FILE", help="With show: as `scan --cue`.")
    ] = None,
    srt: Annotated[
        str | None, typer.Option("--srt", metavar="FILE", help="With show: as `scan --srt`.")
    ] = None,
    audacity: Annotated[
        str | None,
        typer.Option("--audacity", metavar="FILE", help="With show: as `scan --audacity`."),
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="With show: as `scan --html`.")
    ] = None,
    timeline: Annotated[
        str | None,
        typer.Option("--timeline", metavar="FILE", help="With show: as `scan --timeline`."),
    ] = None,
    embed_audio: Annotated[
        bool, typer.Option("--embed-audio", help="With show: put the audio into the page.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="With list: the most to show; 50 in a table."),
    ] = None,
) -> None:
    """Show the scans that are kept, newest first; show what one found; forget one.

    Those of a service too. What a forgotten scan detected stays.
    """
    from earmark.cli.scanned import Reports
    from earmark.monitor.desk import Desk

    paths = {"csv": csv, "xlsx": xlsx, "cue": cue, "srt": srt, "audacity": audacity, "html": html}
    paths["json"] = timeline
    given = {form: path for form, path in paths.items() if path}
    if what is not What.SHOW and (given or embed_audio):
        raise UsageError("--csv, --html ... go with `earmark scans show ID`")
    if what is not What.LIST and limit is not None:
        raise UsageError("--limit goes with `earmark scans list`")
    if what is What.LIST and scan_id is not None:
        raise UsageError(f"`earmark scans list` takes no id, got {scan_id!r}; `show` does")
    if what is not What.LIST and scan_id is None:
        raise UsageError(f"which one? `earmark scans {what} ID`; `earmark scans` shows them")
    with (
        opened(context, library) as shelf,
        Desk.open(shelf, settings(context, library)) as desk,
    ):
        if scan_id is None:
            _list(desk, limit, as_json)
        elif what is What.SHOW:
            _show(desk.scan(scan_id), Reports(given, embed_audio), as_json)
        else:
            _remove(desk, desk.scan(scan_id), as_json)


def _list(desk: Desk, limit: int | None, as_json: bool) -> None:
    from earmark.monitor.scanbook import scan_record

    found = _every(desk)
    if as_json:
        for scan in islice(found, limit):
            json_line(scan_record(scan))
        return
    shown = list(islice(found, limit or IN_A_TABLE))
    if not shown:
        text_line("no scans")
        return
    table(
        ("id", "asked for (UTC)", "station", "heard", "state", "source"),
        [
            (
                scan.id,
                shown_moment(scan.created_at),
                scan.station,
                clock(scan.done_s),
                scan.state,
                scan_record(scan)["source"],
            )
            for scan in shown
        ],
        right=("heard",),
    )
    if next(found, None) is not None:
        text_line(f"the latest {len(shown)}; there are more: --limit or --json")


def _show(scan: Scan, reports: Reports, as_json: bool) -> None:
    """Print what a scan found as `earmark scan` does, and write reports."""
    from earmark.cli.scanned import Teller
    from earmark.monitor.scan import Scanned
    from earmark.monitor.scanbook import scan_record
    from earmark.monitor.scanning_shapes import timeline_of

    reports.require(1)
    if scan.timeline is None:
        if reports.asked:
            message = f"the scan {scan.id} is {scan.state}: it has no report"
            raise ConflictError(message)
        if as_json:
            json_line(scan_record(scan))
        else:
            _standing(scan)
        return
    timeline = timeline_of(scan.timeline)
    found = Scanned(timeline.input, scan.source, timeline)
    teller = Teller(as_json=as_json, many=False)
    teller.tell(found)
    if not as_json:
        _standing(scan)
    teller.finish([found])
    reports.write([timeline], {timeline.input: scan.source})


def _standing(scan: Scan) -> None:
    from earmark.monitor.scanbook import scan_record

    whole = "" if scan.duration_s is None else f" of {clock(scan.duration_s)}"
    why = f": {scan.error.get('message')}" if scan.error else ""
    fields(
        [
            ("id", scan.id),
            ("source", scan_record(scan)["source"]),
            ("station", scan.station),
            ("on air", f"{shown_moment(scan.began_at)} UTC"),
            ("asked for", f"{shown_moment(scan.created_at)} UTC"),
            ("state", f"{scan.state}{why}"),
            ("heard", f"{clock(scan.done_s)}{whole}"),
        ]
    )


def _remove(desk: Desk, scan: Scan, as_json: bool) -> None:
    from earmark.monitor.scanbook import scan_record

    desk.remove_scan(scan.id)
    if as_json:
        json_line(scan_record(scan))
        return
    text_line(f"the scan of {scan_record(scan)['source']} is forgotten; its detections stay")
    if scan.state == "running":
        text_line("It was said to be running: if it goes on somewhere, it will be there again.")


def _every(desk: Desk) -> Iterator[Scan]:
    last: str | None = None
    while page := desk.scans(last, _PAGE):
        yield from page
        last = page[-1].id
