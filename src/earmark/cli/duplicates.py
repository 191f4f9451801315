"""``earmark duplicates``: what else in the library is the same recording as a track."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.errors import DONE, NO_MATCH
from earmark.cli.identify import show_answer
from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line


def duplicates(
    context: typer.Context,
    track_id: Annotated[
        str, typer.Argument(metavar="TRACK", help="A track's id (see `earmark list`).")
    ],
    library: LibraryOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most tracks to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Say which other tracks of the library are the same recording, or hold it.

    Exit code 1 when none is.
    """
    with opened(context, library) as shelf:
        answer = shelf.duplicates(track_id, limit)
    if as_json:
        json_line(answer.as_dict())
    else:
        show_answer(answer, many=False)
    raise typer.Exit(DONE if answer.matches else NO_MATCH)
