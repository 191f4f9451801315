"""``earmark keys``: who may ask the service, and for what."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import fields, json_line, table, text_line
from earmark.errors import UsageError

if TYPE_CHECKING:
    from earmark.ports import KeyRecord, Ledger


class Action(StrEnum):
    """What to do with keys."""

    LIST = "list"
    ADD = "add"
    REVOKE = "revoke"


def keys(
    context: typer.Context,
    action: Annotated[
        Action, typer.Argument(help="Show them all, make one, or end one.")
    ] = Action.LIST,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|ID]", help="With add: whose it is; with revoke: its id."),
    ] = None,
    library: LibraryOption = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="With add: read (where nothing is said), write or admin; repeat.",
        ),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option("--days", metavar="N", help="With add: how long it is good for."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show, make or revoke the keys of this library's service; it may be running.

    The first key may come before the library: it is made where there is none.
    A key is printed once, when it is made. A running service knows of a change within 2 seconds.
    """
    if action is not Action.ADD and (scope or days is not None):
        raise UsageError("--scope and --days go with `earmark keys add NAME`")
    if action is Action.LIST and name is not None:
        raise UsageError(f"`earmark keys list` takes no name, got {name!r}")
    from earmark.bootstrap import open_ledger

    said = settings(context, library)
    if action is Action.ADD and name is not None:
        # A service off loopback wants a key before it starts, so this may be the first command.
        opened(context, library, create=True).close()
    ledger = open_ledger(said.library, said)
    try:
        if action is Action.ADD:
            _add(ledger, name, scope or ["read"], days, as_json)
        elif action is Action.REVOKE:
            _revoke(ledger, name, as_json)
        else:
            _list(ledger, as_json)
    finally:
        ledger.close()


def _list(ledger: Ledger, as_json: bool) -> None:
    records = ledger.keys()
    if as_json:
        for record in records:
            json_line(_shape(record))
        return
    table(
        ("id", "name", "scopes", "made", "expires", "state"),
        [
            (
                record.id,
                record.name,
                ", ".join(record.scopes),
                _day(record.created_at),
                "never" if record.expires_at is None else _day(record.expires_at),
                _state(record),
            )
            for record in records
        ],
    )


def _add(
    ledger: Ledger, name: str | None, scopes: list[str], days: float | None, as_json: bool
) -> None:
    from earmark.keys import make_key

    if name is None:
        raise UsageError("whose key is it to be? `earmark keys add NAME`")
    record, text = make_key(name, scopes, days, time.time())
    ledger.add_key(record)
    if as_json:
        json_line(_shape(record) | {"key": text})
        return
    fields(
        (
            ("id", record.id),
            ("name", record.name),
            ("scopes", ", ".join(record.scopes)),
            ("expires", "" if record.expires_at is None else _day(record.expires_at)),
            ("key", text),
        )
    )
    text_line("Keep the key now: it cannot be shown again.")


def _revoke(ledger: Ledger, key_id: str | None, as_json: bool) -> None:
    if key_id is None:
        raise UsageError("which key is to be revoked? `earmark keys list` shows their ids")
    record = ledger.revoke_key(key_id, time.time())
    if as_json:
        json_line(_shape(record))
    else:
        text_line(f"{record.name}'s key {record.id} opens nothing any more")


def _shape(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "scopes": list(record.scopes),
        "created_at": _moment(record.created_at),
        "expires_at": _moment(record.expires_at),
        "revoked_at": _moment(record.revoked_at),
    }


def _state(record: KeyRecord) -> str:
    from earmark.keys import is_expired

    if record.revoked_at is not None:
        return "revoked"
    return "expired" if is_expired(record, time.time()) else "good"


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
