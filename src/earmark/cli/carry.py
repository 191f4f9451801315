"""``earmark export | import | copy``: a library as one file, or as another library; no audio."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line, size, text_line
from earmark.cli.progress import bar, stoppable


def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The archive to write.")],
    library: LibraryOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write metadata, features and covers to one checksummed file; no audio is inside."""
    with opened(context, library) as shelf, bar("exporting") as progress:
        report = shelf.export_to(file, overwrite=force, progress=progress)
    if as_json:
        json_line(report.as_dict())
    else:
        text_line(f"exported {report.tracks} tracks to {file} ({size(report.bytes)})")


def import_archive(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An archive of `earmark export`.")],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in every track of an archive; those that are here already are left alone."""
    with opened(context, library, create=True) as shelf, bar("importing") as progress:
        report = shelf.import_from(file, progress=progress)
    if as_json:
        json_line(report.as_dict())
    else:
        text_line(f"imported {report.tracks} tracks, {report.unchanged} were here already")


def copy(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option("--to", metavar="PATH", help="The folder or URL of the library to copy to."),
    ],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a library to another one of any kind, then compare both, track by track.

    Run the same command again after an interruption: it goes on. Nothing is taken from either.
    """
    with (
        opened(context, library) as shelf,
        opened(context, to, create=True) as target,
        stoppable() as stop,
        bar("copying") as progress,
    ):
        report = shelf.copy_to(target, progress=progress, stop=stop)
    if as_json:
        json_line(report.as_dict())
        return
    replaced = f" ({report.replaced} of them replaced)" if report.replaced else ""
    text_line(
        f"copied {report.tracks} tracks{replaced}, {report.unchanged} were there already; "
        f"{report.verified} compared, sha256 {report.checksum}"
    )
