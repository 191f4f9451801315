"""``earmark similar``: what in the library sounds like this track, or this moment of it."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.errors import DONE, NO_MATCH
from earmark.cli.identify import show_answer
from earmark.cli.narrow import (
    CompareOption,
    FolderOption,
    LabelOption,
    LongestOption,
    ShortestOption,
    TagOption,
    within,
)
from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line


def similar(
    context: typer.Context,
    track_id: Annotated[
        str, typer.Argument(metavar="TRACK", help="A track's id (see `earmark list`).")
    ],
    library: LibraryOption = None,
    at: Annotated[
        float | None,
        typer.Option("--at", metavar="SECONDS", min=0.0, help="Compare this moment of it only."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most matches to show.")] = 5,
    kind: CompareOption = None,
    tag: TagOption = None,
    folder: FolderOption = None,
    shortest: ShortestOption = None,
    longest: LongestOption = None,
    label: LabelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what else in the library sounds like a track, or like one moment of it.

    Exit code 1 when nothing does.
    """
    asked = within(tag, folder, shortest, longest, label, kind)
    with opened(context, library) as shelf:
        answer = shelf.similar(track_id, at, limit, within=asked)
    if as_json:
        json_line(answer.as_dict())
    else:
        show_answer(answer, many=False)
    raise typer.Exit(DONE if answer.matches else NO_MATCH)
