"""``earmark webhooks``: who is told of what is detected."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import NO_MATCH
from earmark.cli.moments import shown_moment
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import fields, json_line, table, text_line
from earmark.errors import UsageError

if TYPE_CHECKING:
    from earmark.monitor.desk import Desk
    from earmark.ports.monitoring import Delivery, DeliveryState

_MOST = 10_000


class What(StrEnum):
    """What to do with webhooks."""

    LIST = "list"
    ADD = "add"
    REMOVE = "remove"
    TEST = "test"
    DELIVERIES = "deliveries"
    REPLAY = "replay"
    DELIVER = "deliver"


class State(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


def webhooks(
    context: typer.Context,
    what: Annotated[
        What,
        typer.Argument(
            help="Show, make, end or test one; show what was told, tell it again, or deliver now."
        ),
    ] = What.LIST,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL|ID]",
            help="With add: the address; with replay: a delivery's id; else a webhook's.",
        ),
    ] = None,
    library: LibraryOption = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="With add: this event only; repeat. All where none is said."),
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", help="With add: detections with this action only; repeat."),
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret", help="With add: sign with this (-: a line of stdin), else one is made."
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="With add: whose it is.")] = "",
    state: Annotated[
        list[State] | None,
        typer.Option("--state", help="With deliveries: those only; repeat."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="With deliveries: the most to show.")
    ] = 100,
    as_json: JsonOption = False,
) -> None:
    """Show, make, remove or test webhooks; show their deliveries, or make one again.

    What waits is delivered by `earmark serve` and `earmark watch`, and at the end of `earmark
    scan`; deliver, test and replay do it at once. Exit code 1 when what was tried was not
    delivered.
    """
    if what is not What.ADD and (event or action or secret is not None or note):
        raise UsageError("--event, --action, --secret and --note go with `earmark webhooks add`")
    if what is not What.DELIVERIES and state:
        raise UsageError("--state goes with `earmark webhooks deliveries`")
    if what in (What.LIST, What.DELIVER) and name is not None:
        message = f"`earmark webhooks {what}` takes no name, got {name!r}"
        raise UsageError(message)
    from earmark.monitor.desk import Desk

    with (
        opened(context, library) as shelf,
        Desk.open(shelf, settings(context, library)) as desk,
    ):
        if what is What.LIST:
            _list(desk, as_json)
        elif what is What.DELIVER:
            _deliver(desk, as_json)
        elif what is What.DELIVERIES:
            states: list[DeliveryState] = [one.value for one in state or ()]
            _deliveries(desk, name, states, limit, as_json)
        elif name is None:
            place = "URL" if what is What.ADD else "ID"
            message = f"which one? `earmark webhooks {what} {place}`"
            raise UsageError(message)
        elif what is What.ADD:
            _add(desk, name, event or (), action or (), secret, note, as_json)
        elif what is What.REMOVE:
            desk.remove_webhook(name)
            if as_json:
                json_line({"removed": name})
            else:
                text_line(f"webhook {name} is told nothing any more")
        else:
            _now(desk, what, name, as_json)


def _list(desk: Desk, as_json: bool) -> None:
    from earmark.monitor.outbox import webhook_shape

    found = desk.webhooks()
    if as_json:
        for webhook in found:
            json_line(webhook_shape(webhook))
    elif not found:
        text_line("no webhooks")
    else:
        table(
            ("id", "url", "events", "actions", "state", "note"),
            [
                (
                    webhook.id,
                    webhook.url,
                    ", ".join(webhook.events) or "all",
                    ", ".join(webhook.actions) or "all",
                    "on" if webhook.active else "off: it answered 410 Gone",
                    webhook.note,
                )
                for webhook in found
            ],
        )


def _add(
    desk: Desk,
    url: str,
    events: Sequence[str],
    actions: Sequence[str],
    secret: str | None,
    note: str,
    as_json: bool,
) -> None:
    from earmark.monitor.outbox import webhook_shape

    if secret == "-":  # noqa: S105 - where to read it, not one
        secret = sys.stdin.readline().rstrip("\r\n")
    webhook = desk.add_webhook(url, events, actions, secret, note)
    if as_json:
        json_line(webhook_shape(webhook) | {"secret": webhook.secret})
        return
    fields(
        [
            ("id", webhook.id),
            ("events", ", ".join(webhook.events) or "all"),
            ("actions", ", ".join(webhook.actions) or "all"),
            ("secret", webhook.secret),
        ]
    )
    text_line("Keep the secret now: it cannot be shown again.")


def _deliveries(
    desk: Desk, webhook_id: str | None, states: Sequence[DeliveryState], limit: int, as_json: bool
) -> None:
    from earmark.monitor.outbox import delivery_shape

    if webhook_id is not None:
        desk.webhook(webhook_id)
    found = desk.deliveries(webhook_id, states, limit=limit)
    if as_json:
        for delivery in found:
            json_line(delivery_shape(delivery))
    elif not found:
        text_line("no deliveries")
    else:
        table(
            ("id", "webhook", "event", "made (UTC)", "state", "tries", "next (UTC)", "error"),
            [
                (
                    one.id,
                    one.webhook_id,
                    one.event,
                    shown_moment(one.created_at),
                    one.state,
                    str(one.attempts),
                    shown_moment(one.next_at) if one.state == "pending" else "",
                    one.error,
                )
                for one in found
            ],
            right=("tries",),
        )


def _deliver(desk: Desk, as_json: bool) -> None:
    """Try all that is due, and say how it went; what is not due yet, or in hand, waits."""
    from earmark.monitor.webhooks import Courier

    before = {one.id: one.attempts for one in desk.deliveries(None, ("pending",), limit=_MOST)}
    Courier(desk).run_due()
    after = [desk.store.delivery(one) for one in before]
    delivered = sum(one.state == "delivered" for one in after)
    failed = sum(one.state != "delivered" and one.attempts > before[one.id] for one in after)
    waiting = sum(one.state == "pending" for one in after)
    if as_json:
        json_line({"delivered": delivered, "failed": failed, "pending": waiting})
    else:
        text_line(f"{delivered} delivered, {failed} failed, {waiting} wait")
    if failed:
        raise typer.Exit(NO_MATCH)


def _now(desk: Desk, what: What, name: str, as_json: bool) -> None:
    """Test a webhook or tell a delivery again, and say how it went."""
    from earmark.monitor.outbox import delivery_shape

    delivery = desk.test_webhook(name) if what is What.TEST else _replayed(desk, name)
    if as_json:
        json_line(delivery_shape(delivery))
    elif delivery.state == "delivered":
        text_line(f"delivered: answered {delivery.status}")
    else:
        again = f"; again at {shown_moment(delivery.next_at)} UTC" * (delivery.state == "pending")
        text_line(f"not delivered: the address {delivery.error}{again}")
    if delivery.state != "delivered":
        raise typer.Exit(NO_MATCH)


def _replayed(desk: Desk, delivery_id: str) -> Delivery:
    from earmark.monitor.webhooks import Courier

    desk.replay(delivery_id)
    Courier(desk).run_due()
    return desk.store.delivery(delivery_id)
