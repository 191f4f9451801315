"""``earmark streams``: sources that are kept, to be watched for as long as they are wanted."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.moments import shown_moment
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import fields, json_line, table, text_line
from earmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earmark.monitor.desk import Desk
    from earmark.ports import Stream

_OUTAGES = 20


class What(StrEnum):
    """What to do with streams."""

    LIST = "list"
    ADD = "add"
    EDIT = "edit"
    SHOW = "show"
    REMOVE = "remove"


def streams(
    context: typer.Context,
    what: Annotated[
        What, typer.Argument(help="Show them all, keep one, change one, show one, or forget one.")
    ] = What.LIST,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|ID]", help="With add: what to call it; else which one."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]", help="With add: its address, or a file; with edit: its new one."
        ),
    ] = None,
    library: LibraryOption = None,
    called: Annotated[
        str | None, typer.Option("--name", help="With edit: what to call it from now on.")
    ] = None,
    on: Annotated[
        bool, typer.Option("--on", help="With add and edit: watch it, as is usual when added.")
    ] = False,
    off: Annotated[
        bool, typer.Option("--off", help="With add and edit: keep it, and do not watch it.")
    ] = False,
    also: Annotated[
        str | None,
        typer.Option(
            "--also",
            metavar="KINDS",
            help="With add and edit: second opinions: melody, sound, both or (empty) none.",
        ),
    ] = None,
    least_s: Annotated[
        float | None,
        typer.Option("--least-s", min=0.0, help="With add and edit: leave out what is shorter."),
    ] = None,
    least_confidence: Annotated[
        float | None,
        typer.Option(
            "--least-confidence",
            min=0.0,
            max=1.0,
            help="With add and edit: leave out what is less sure.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Keep, change, show or forget streams; `serve` and `watch --all` watch those that are on.

    Whoever watches sees a change within a second or two. What a stream has played stays.
    """
    from earmark.monitor.desk import Desk

    if on and off:
        raise UsageError("--on and --off are two answers; say one of them")
    wanted = on if on or off else None
    asked = _options(also, least_s, least_confidence)
    changing = what in (What.ADD, What.EDIT)
    if not changing and (url is not None or wanted is not None or asked):
        raise UsageError("a URL, --on, --off, --also ... go with `earmark streams add` and `edit`")
    if what is not What.EDIT and called is not None:
        raise UsageError("--name goes with `earmark streams edit`; `add NAME URL` names a new one")
    if what is What.LIST and name is not None:
        raise UsageError(f"`earmark streams list` takes no name, got {name!r}")
    if what is not What.LIST and name is None:
        raise UsageError(f"which one? `earmark streams {what} NAME`; `earmark streams` shows them")
    with (
        opened(context, library) as shelf,
        Desk.open(shelf, settings(context, library)) as desk,
    ):
        if name is None:
            _list(desk, as_json)
        elif what is What.ADD:
            if url is None:
                raise UsageError(f"where is {name!r}? `earmark streams add NAME URL`")
            kept = desk.add_stream(name, url, wanted=not off, options=asked)
            _tell(kept, "is kept", as_json)
        elif what is What.EDIT:
            if called is None and url is None and wanted is None and not asked:
                raise UsageError("what is to change? --name, a URL, --on, --off, --also ...")
            old = desk.find_stream(name)
            options = {**old.options, **asked} if asked else None
            edited = desk.edit_stream(old.id, name=called, url=url, wanted=wanted, options=options)
            _tell(edited, "is changed", as_json)
        elif what is What.SHOW:
            _show(desk, desk.find_stream(name), as_json)
        else:
            stream = desk.find_stream(name)
            desk.remove_stream(stream.id)
            _tell(stream, "is forgotten; what it played stays", as_json)


def _options(
    also: str | None, least_s: float | None, least_confidence: float | None
) -> dict[str, Any]:
    """Return the options that were said, as they are kept."""
    kinds = None
    if also is not None:
        kinds = [word.strip() for word in also.split(",") if word.strip()]
    told = {"also": kinds, "least_s": least_s, "least_confidence": least_confidence}
    return {name: value for name, value in told.items() if value is not None}


def _list(desk: Desk, as_json: bool) -> None:
    from earmark.monitor.streambook import stream_shape

    found = desk.streams()
    if as_json:
        for stream in found:
            json_line(stream_shape(stream))
    elif not found:
        text_line("no streams")
    else:
        shapes = [stream_shape(stream) for stream in found]
        table(
            ("id", "name", "url", "on", "state", "since (UTC)"),
            [
                (
                    one["id"],
                    one["name"],
                    one["url"],
                    "on" if one["wanted"] else "off",
                    one["state"],
                    shown_moment(one["state_at"]) if one["state_at"] else "",
                )
                for one in shapes
            ],
        )


def _tell(stream: Stream, done: str, as_json: bool) -> None:
    from earmark.monitor.streambook import stream_shape

    if as_json:
        json_line(stream_shape(stream))
    else:
        switched = "on" if stream.wanted else "off"
        text_line(f"stream {stream.id} ({stream.name}, {switched}) {done}")


def _show(desk: Desk, stream: Stream, as_json: bool) -> None:
    from earmark.monitor.streambook import outage_shape, stream_shape

    shape, away = stream_shape(stream), desk.outages(stream.id, _OUTAGES)
    if as_json:
        json_line(shape | {"outages": [outage_shape(one) for one in away]})
        return
    fields(
        [
            ("id", stream.id),
            ("name", stream.name),
            ("url", shape["url"]),
            ("watched", "on" if stream.wanted else "off"),
            ("options", _told(stream.options)),
            ("kept", f"{shown_moment(stream.created_at)} UTC"),
            ("state", stream.state + (f": {stream.error}" if stream.error else "")),
            ("since", f"{shown_moment(stream.state_at)} UTC" if stream.state_at else ""),
            ("heard", f"{stream.heard_s:.0f} s"),
            ("reconnects", str(stream.reconnects)),
        ]
    )
    for one in away:
        until = "now" if one.until is None else shown_moment(one.until)
        text_line(f"away from {shown_moment(one.since)} to {until} UTC: {one.reason}")


def _told(options: Mapping[str, Any]) -> str:
    values = {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in options.items()
    }
    return ", ".join(f"{name} {value}" for name, value in values.items())
