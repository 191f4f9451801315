"""``earmark rules``: what is to happen with what is detected."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.moments import shown_moment
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import json_line, table, text_line
from earmark.errors import UsageError

if TYPE_CHECKING:
    from earmark.monitor.desk import Desk
    from earmark.ports.monitoring import Rule


class What(StrEnum):
    """What to do with rules."""

    LIST = "list"
    ADD = "add"
    REMOVE = "remove"


def rules(
    context: typer.Context,
    what: Annotated[What, typer.Argument(help="Show them all, make one, or end one.")] = What.LIST,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[ACTION|ID]", help="With add: allow, review or block; with remove: its id."
        ),
    ] = None,
    library: LibraryOption = None,
    track: Annotated[
        str | None, typer.Option("--track", metavar="ID", help="With add: of this track.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="With add: of tracks with this tag.")
    ] = None,
    least_s: Annotated[
        float, typer.Option("--least-s", min=0.0, help="With add: heard for at least so long.")
    ] = 0.0,
    least_confidence: Annotated[
        float,
        typer.Option("--least-confidence", min=0.0, max=1.0, help="With add: so certain at least."),
    ] = 0.0,
    note: Annotated[str, typer.Option("--note", help="With add: why.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show, make or remove the rules for detections; without any, all are for review.

    A rule of a track goes before one of a tag, that before a general one; among equals block goes
    before review and that before allow. What is logged already stays as it is.
    """
    said = track is not None or tag is not None or least_s or least_confidence or note
    if what is not What.ADD and said:
        raise UsageError("--track, --tag, --least-s ... go with `earmark rules add ACTION`")
    if what is What.LIST and name is not None:
        message = f"`earmark rules list` takes no name, got {name!r}"
        raise UsageError(message)
    from earmark.monitor.desk import Desk
    from earmark.monitor.rules import rule_shape

    with (
        opened(context, library) as shelf,
        Desk.open(shelf, settings(context, library)) as desk,
    ):
        if what is What.LIST:
            _list(desk, as_json)
        elif name is None:
            example = "add block --track ID" if what is What.ADD else "remove ID"
            message = f"what? `earmark rules {example}`; `earmark rules` shows them"
            raise UsageError(message)
        elif what is What.REMOVE:
            desk.remove_rule(name)
            if as_json:
                json_line({"removed": name})
            else:
                text_line(f"rule {name} says nothing any more")
        else:
            rule = desk.add_rule(
                name,
                track_id=track,
                tag=tag,
                least_s=least_s,
                least_confidence=least_confidence,
                note=note,
            )
            if as_json:
                json_line(rule_shape(rule))
            else:
                text_line(f"rule {rule.id}: {rule.action} {_about(rule)}")


def _list(desk: Desk, as_json: bool) -> None:
    from earmark.monitor.rules import rule_shape

    found = desk.rules()
    if as_json:
        for rule in found:
            json_line(rule_shape(rule))
    elif not found:
        text_line("no rules: every detection is for review")
    else:
        table(
            ("id", "action", "of", "made", "note"),
            [(r.id, r.action, _about(r), shown_moment(r.created_at), r.note) for r in found],
        )


def _about(rule: Rule) -> str:
    about = f"tracks tagged {rule.tag}" if rule.tag is not None else "every track"
    if rule.track_id is not None:
        about = f"track {rule.track_id}"
    if rule.least_s:
        about += f", heard for {rule.least_s:g} s"
    if rule.least_confidence:
        about += f", confidence {rule.least_confidence:g}"
    return about
