"""``earmark engines``: which engines a library uses."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line, table, text_line


def engines(
    context: typer.Context,
    library: LibraryOption = None,
    on: Annotated[
        list[str] | None, typer.Option("--on", metavar="NAME", help="Switch it on; repeat.")
    ] = None,
    off: Annotated[
        list[str] | None, typer.Option("--off", metavar="NAME", help="Switch it off; repeat.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which engines this library uses, or switch them.

    An engine that is off is not asked and costs nothing when tracks are added.
    """
    lacking: dict[str, int] = {}
    with opened(context, library) as shelf:
        for name in on or ():
            lacking[name] = shelf.switch(name, True)
        for name in off or ():
            shelf.switch(name, False)
            lacking.pop(name, None)
        states = shelf.engines()
    if as_json:
        rows = {
            name: {"on": state, **({"lacking": lacking[name]} if name in lacking else {})}
            for name, state in states.items()
        }
        json_line({"engines": rows})
        return
    table(("engine", "state"), [(name, "on" if state else "off") for name, state in states.items()])
    for name, count in lacking.items():
        if count:
            text_line(f"{count} recordings need `earmark rebuild` before {name!r} finds them")
