"""``earmark dedupe``: which tracks of the library are one another, or part of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import DONE, NO_MATCH, complain
from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line, size, table, text_line
from earmark.cli.progress import bar, stoppable
from earmark.units import clock

if TYPE_CHECKING:
    from earmark.twins.report import DedupeReport, Group, Member

_COLUMNS = ("", "id", "track", "length", "size", "where", "sure")
_TITLES = {
    "exact": "the same samples",
    "recording": "the same recording",
    "excerpt": "part of it",
    "tune": "the same tune",
    "sound": "the same sound",
}


def dedupe(
    context: typer.Context,
    library: LibraryOption = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="exact, recording, excerpt, tune or sound only; may come several times.",
        ),
    ] = None,
    least_confidence: Annotated[
        float,
        typer.Option("--least-confidence", min=0.0, max=1.0, help="Leave out what is less sure."),
    ] = 0.9,
    as_json: JsonOption = False,
) -> None:
    """Find duplicates in the whole library, from what it has stored; nothing is removed.

    Exit code 1 when there are none. With --json each line is a group whose `remove` names the
    tracks that the one to `keep` makes needless; the last line has the totals.
    """
    wanted = tuple(kind) if kind else None
    with (
        opened(context, library) as shelf,
        bar("comparing") as progress,
        stoppable() as stop,
    ):
        report = shelf.dedupe(
            wanted, least_confidence=least_confidence, progress=progress, stop=stop
        )
    if as_json:
        for group in report.groups:
            json_line(group.as_dict())
        json_line(report.totals())
    else:
        _show(report)
    for name, why in report.skipped.items():
        complain(f"{name} not looked for: {why}")
    raise typer.Exit(DONE if report.groups else NO_MATCH)


def _show(report: DedupeReport) -> None:
    for group in report.groups:
        text_line(_title(group))
        rows = [_row(member, keep=member is group.kept) for member in group.members]
        table(
            ("", "id", "track", "length", "size", "where", "sure"), rows, right=("length", "size")
        )
        text_line()
    told = f"{len(report.groups)} groups among {report.tracks} tracks in {report.wall_s:.1f} s"
    if report.saved_bytes or report.unknown_sizes:
        told = f"{told}; removing all but the kept ones saves {size(report.saved_bytes)}"
    if report.unknown_sizes:
        told = f"{told} and {report.unknown_sizes} files of unknown size"
    text_line(told)


def _title(group: Group) -> str:
    saved = group.saved_bytes
    told = f"; saves {size(saved)}" if saved else ""
    return f"{group.kind}: {_TITLES[group.kind]}{told}"


def _row(member: Member, *, keep: bool) -> tuple[str, ...]:
    track = member.track
    known = "" if member.size_bytes is None else size(member.size_bytes)
    mark = "keep" if keep else ""
    where = "" if keep else _where(member)
    sure = "" if keep else f"{member.confidence:.2f}"
    return (mark, track.id, track.label, clock(track.duration_s), known, where, sure)


def _where(member: Member) -> str:
    """Return which stretch of the kept track this one is, and at which speed and pitch."""
    if not member.segments:
        return ""
    longest = member.segments[0]
    spans = (longest.query, longest.reference)
    own, held = (f"{clock(span.start_s)}-{clock(span.end_s)}" for span in spans)
    told = f"{own} is {held}"
    if len(member.segments) > 1:
        told = f"{told} (+{len(member.segments) - 1})"
    if abs(member.time_ratio - 1.0) >= 0.002:
        told = f"{told}, speed x {member.time_ratio:.3f}"
    if abs(member.pitch_shift_semitones) >= 0.05:
        told = f"{told}, {member.pitch_shift_semitones:+.2f} st"
    return told
