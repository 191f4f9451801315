"""``earmark add``: files, folders, globs, playlists and URLs into the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import BAD_INPUT, DONE, INTERRUPTED, complain
from earmark.cli.options import JsonOption, LibraryOption, WorkersOption, opened
from earmark.cli.output import json_line, text_line
from earmark.cli.progress import bar, stoppable

if TYPE_CHECKING:
    from earmark.reports import AddReport


def add(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs, playlists, URLs.")
    ],
    library: LibraryOption = None,
    workers: WorkersOption = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A word to mark the new tracks with; repeat.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add audio; makes the library where there is none. Known files are left alone.

    Exit code 3 when any input failed (the others are in), 130 after Ctrl-C.
    """
    with (
        opened(context, library, workers=workers, create=True) as shelf,
        stoppable() as stop,
        bar("adding") as progress,
    ):
        report = shelf.add(paths, tags=tag or (), progress=progress, stop=stop)
    for warning in report.warnings:
        complain(f"warning: {warning}")
    if as_json:
        json_line(report.as_dict())
    else:
        text_line(_summary(report))
        for failure in report.failed:
            complain(f"{failure.message} [{failure.code}]")
    if report.interrupted:
        complain("interrupted; run the same command again to go on from here")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(BAD_INPUT if report.failed else DONE)


def _summary(report: AddReport) -> str:
    details = {
        "replaced": report.replaced,
        "sharing audio with another track": report.linked,
    }
    parts = [_counted("added", report.added, details)]
    parts.append(_counted("unchanged", report.unchanged, {"moved": report.moved}))
    if report.failed:
        parts.append(f"failed {len(report.failed)}")
    rate = f" ({report.x_real_time:.0f} x real time)" if report.audio_s else ""
    minutes = report.audio_s / 60.0
    return f"{', '.join(parts)}; {minutes:.1f} min of audio in {report.wall_s:.1f} s{rate}"


def _counted(word: str, count: int, details: dict[str, int]) -> str:
    told = ", ".join(f"{number} {what}" for what, number in details.items() if number)
    return f"{word} {count}{f' ({told})' if told else ''}"
