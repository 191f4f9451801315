"""``earmark detections``: what was played, and what people decided of it."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.moments import moment
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.errors import UsageError


class What(StrEnum):
    """What to do with detections."""

    LIST = "list"
    SHOW = "show"
    DECIDE = "decide"
    TOTALS = "totals"
    REMOVE = "remove"
    PRUNE = "prune"


class ActionName(StrEnum):
    """What is to happen with a detection."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


class RulingName(StrEnum):
    """What was decided; ``none`` is undecided."""

    CONFIRM = "confirm"
    REJECT = "reject"
    UNSURE = "unsure"
    NONE = "none"


def detections(
    context: typer.Context,
    what: Annotated[
        What,
        typer.Argument(
            help="Show many, show one, decide on one, sum up, remove one, or prune what is old."
        ),
    ] = What.LIST,
    detection_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="With show, decide and remove: which one.")
    ] = None,
    ruling_said: Annotated[
        str | None,
        typer.Argument(metavar="[RULING]", help="With decide: confirm, reject or unsure."),
    ] = None,
    library: LibraryOption = None,
    station: Annotated[str | None, typer.Option("--station", help="Of this station.")] = None,
    track: Annotated[
        str | None, typer.Option("--track", metavar="ID", help="Of this track.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Of tracks with this tag.")] = None,
    action: Annotated[ActionName | None, typer.Option("--action", help="With this action.")] = None,
    ruling: Annotated[
        RulingName | None, typer.Option("--ruling", help="With this ruling; none: undecided.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="A date, a time (UTC) or so long ago: 24h."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Before then; as --since.")
    ] = None,
    least_confidence: Annotated[
        float, typer.Option("--least-confidence", min=0.0, max=1.0, help="At least so certain.")
    ] = 0.0,
    least_s: Annotated[
        float, typer.Option("--least-s", min=0.0, help="Heard for at least so many seconds.")
    ] = 0.0,
    text: Annotated[
        str | None, typer.Option("--text", help="With this in title, artist, station or source.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="The most to show; 100 in a table, else all."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="With totals: track, artist, day, hour, station, action or ruling; "
            "with decide: who decides.",
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="With decide: why.")] = "",
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table to this file.")
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            min=0.0,
            help="With prune: so old at least; where nothing is said, as the settings say.",
        ),
    ] = None,
    evidence_only: Annotated[
        bool, typer.Option("--evidence-only", help="With prune: only clips; detections stay.")
    ] = False,
    decided: Annotated[
        bool, typer.Option("--decided", help="With prune: what was confirmed goes too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With prune: only say what would go.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was played, latest first; show one with its evidence, decide on it, sum up.

    A pair that is rejected is not logged again at that station. What is removed is forgotten with
    its decisions and what they rejected. What is pruned stays rejected; what goes on stays, and
    what was confirmed.
    """
    from earmark.cli import detectionlists as lists
    from earmark.ports.monitoring import Wanted

    wanted = Wanted(
        station=station,
        track_id=track,
        tag=tag,
        action=None if action is None else action.value,
        ruling=None if ruling is None else ruling.value,
        since=None if since is None else moment(since, time.time()),
        until=None if until is None else moment(until, time.time()),
        least_confidence=least_confidence,
        least_s=least_s,
        text=text,
    )
    if what is not What.PRUNE and (older_than is not None or evidence_only or decided or dry_run):
        raise UsageError("--older-than, --dry-run ... go with `earmark detections prune`")
    many = what in (What.LIST, What.TOTALS)
    if not many and (wanted != Wanted() or limit is not None or csv is not None):
        message = f"`earmark detections {what} ID` takes no filter, --limit or --csv"
        raise UsageError(message)
    if (many or what is What.PRUNE) and detection_id is not None:
        message = f"`earmark detections {what}` takes no id, got {detection_id!r}"
        raise UsageError(message)
    if what is not What.DECIDE and (ruling_said is not None or note):
        raise UsageError("a ruling and --note go with `earmark detections decide ID RULING`")
    if by is not None and what not in (What.TOTALS, What.DECIDE):
        raise UsageError("--by goes with `earmark detections totals` and `... decide`")
    if csv is not None and as_json:
        raise UsageError("--csv and --json are two answers; ask for one of them")
    from earmark.monitor.desk import Desk

    with (
        opened(context, library) as shelf,
        Desk.open(shelf, settings(context, library)) as desk,
    ):
        if what is What.LIST:
            lists.show_many(desk, wanted, limit, csv, as_json)
        elif what is What.TOTALS:
            lists.show_totals(desk, wanted, by or "track", limit, csv, as_json)
        elif what is What.PRUNE:
            usual = desk.retention
            asked = usual.asked(older_than, evidence_only=evidence_only, confirmed=decided)
            lists.prune(desk, asked, dry_run, as_json)
        elif detection_id is None:
            message = f"which one? `earmark detections {what} ID`; `earmark detections` shows them"
            raise UsageError(message)
        elif what is What.SHOW:
            lists.show_one(desk, desk.entry(detection_id), as_json)
        elif what is What.REMOVE:
            lists.remove(desk, detection_id, as_json)
        else:
            lists.decide(desk, detection_id, ruling_said or "", by, note, as_json)
