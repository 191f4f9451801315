"""What webhooks are to be told: who wants it, and the exact text that is signed."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from earmark.audio.post import refuse_address
from earmark.errors import UsageError
from earmark.monitor.rules import ACTIONS, checked_note
from earmark.monitor.signing import make_secret
from earmark.ports import Delivery, Webhook

EVENTS = (
    "detection.opened",
    "detection.closed",
    "detection.decided",
    "stream.live",
    "stream.down",
    "stream.ended",
    "stream.stopped",
    "stream.failed",
    "scan.done",
    "scan.stopped",
    "scan.failed",
)
"""What webhooks may ask for by name."""
TEST = "webhook.test"
LEAST_SECRET_CHARACTERS = 16
MOST_SECRET_CHARACTERS = 200


def made_webhook(
    url: str,
    events: Sequence[str] = (),
    actions: Sequence[str] = (),
    secret: str | None = None,
    note: str = "",
    *,
    now: float,
    public_only: bool = False,
) -> Webhook:
    """Return a new webhook; its secret is made where none is given.

    Raises
    ------
    UsageError
        An address that cannot be posted to, an unknown event or action, or a poor secret.
    """
    refuse_address(url, public_only=public_only)
    for event in events:
        if event not in EVENTS:
            message = f"no event {event!r}; there are: {', '.join(EVENTS)}"
            raise UsageError(message)
    for action in actions:
        if action not in ACTIONS:
            message = f"no action {action!r}; there are: {', '.join(ACTIONS)}"
            raise UsageError(message)
    if secret is not None and not (
        LEAST_SECRET_CHARACTERS <= len(secret) <= MOST_SECRET_CHARACTERS
        and secret.isascii()
        and secret.isprintable()
        and " " not in secret
    ):
        message = (
            f"a webhook's secret is {LEAST_SECRET_CHARACTERS} to {MOST_SECRET_CHARACTERS} ASCII "
            "letters, digits and signs without blanks; leave it out and one is made"
        )
        raise UsageError(message)
    return Webhook(
        id=uuid.uuid4().hex[:12],
        url=url,
        secret=secret if secret is not None else make_secret(),
        events=tuple(event for event in EVENTS if event in events),
        actions=tuple(action for action in ACTIONS if action in actions),
        note=checked_note(note),
        created_at=now,
    )


def wants(webhook: Webhook, event: str, action: str | None) -> bool:
    """Return whether a webhook is told of an event; ``action`` is that of a detection."""
    if not webhook.active or (webhook.events and event not in webhook.events):
        return False
    return action is None or not webhook.actions or action in webhook.actions


def delivery_id(webhook: Webhook, event: str, body: Mapping[str, Any], *, once: bool) -> str:
    """Return the id of a delivery: with ``once`` the same one for the same content."""
    if not once:
        return uuid.uuid4().hex
    content = json.dumps([webhook.id, event, body], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def made_delivery(
    webhook: Webhook, event: str, body: Mapping[str, Any], new_id: str, now: float
) -> Delivery:
    """Return a delivery that is due at once.

    Its body is plain ASCII: a file's name that is no UTF-8 stays what it is, escaped.
    """
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    text = json.dumps({"event": event, "id": new_id, "at": at, **body})
    return Delivery(new_id, webhook.id, event, text, created_at=now, next_at=now)


def webhook_shape(webhook: Webhook) -> dict[str, Any]:
    """Return the JSON shape of a webhook; its secret is not in it."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "actions": list(webhook.actions),
        "active": webhook.active,
        "note": webhook.note,
        "created_at": webhook.created_at,
    }


def delivery_shape(delivery: Delivery) -> dict[str, Any]:
    """Return the JSON shape of a delivery, its body as JSON."""
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "error": delivery.error,
        "created_at": delivery.created_at,
        "next_at": delivery.next_at if delivery.state == "pending" else None,
        "body": json.loads(delivery.body),
    }
