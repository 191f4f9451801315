"""Requests of who keeps a desk of detections: rules, and webhooks that are told."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.client import watched
from earmark.client.bodies import json_body
from earmark.client.calls.monitoring import listed
from earmark.client.refusals import require_good
from earmark.client.tidings import page_of
from earmark.client.values import Page
from earmark.client.wire import Call, json_read, place, query
from earmark.ports import Action, Delivery, DeliveryState, Rule, Webhook


def rules() -> Call[tuple[Rule, ...]]:
    """Return every rule, oldest first."""
    return Call("GET", place("rules"), listed("rules", watched.rule))


def add_rule(
    action: Action,
    *,
    track_id: str | None = None,
    tag: str | None = None,
    least_s: float = 0.0,
    least_confidence: float = 0.0,
    note: str = "",
) -> Call[Rule]:
    """Say what is to happen with detections of a track, of a tag, or (neither) of any."""
    told = {
        "action": action,
        "track_id": track_id,
        "tag": tag,
        "least_s": least_s,
        "least_confidence": least_confidence,
        "note": note,
    }
    read = json_read(watched.rule)
    return Call("POST", place("rules"), read, body=json_body(told), again=False)


def delete_rule(rule_id: str) -> Call[None]:
    """Forget a rule; raises `RuleNotFoundError`."""
    return Call("DELETE", place("rules", rule_id), require_good)


def webhooks() -> Call[tuple[Webhook, ...]]:
    """Return every webhook, without its secret."""
    return Call("GET", place("webhooks"), listed("webhooks", watched.webhook))


def add_webhook(
    url: str,
    *,
    events: Sequence[str] = (),
    actions: Sequence[Action] = (),
    secret: str | None = None,
    note: str = "",
) -> Call[Webhook]:
    """Have an address told of events; ``secret`` of what is returned is told only now."""
    told = {"url": url, "events": list(events), "actions": list(actions), "note": note}
    body = json_body(told | ({} if secret is None else {"secret": secret}))
    return Call("POST", place("webhooks"), json_read(watched.webhook), body=body, again=False)


def delete_webhook(webhook_id: str) -> Call[None]:
    """Forget a webhook; raises `WebhookNotFoundError`."""
    return Call("DELETE", place("webhooks", webhook_id), require_good)


def test_webhook(webhook_id: str) -> Call[Delivery]:
    """Send a test event now, and return what came of it."""
    read = json_read(watched.delivery)
    return Call("POST", place("webhooks", webhook_id, "test"), read, again=False)


def deliveries_page(
    webhook_id: str,
    *,
    state: DeliveryState | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Call[Page[Delivery]]:
    """Return one page of what a webhook was told, newest first."""
    asked = query(state=state, before=before, limit=limit)
    read = json_read(page_of("deliveries", watched.delivery))
    return Call("GET", place("webhooks", webhook_id, "deliveries"), read, asked)


def replay(delivery_id: str) -> Call[Delivery]:
    """Have a delivery tried again, from the beginning."""
    address = place("webhooks", "deliveries", delivery_id, "replay")
    return Call("POST", address, json_read(watched.delivery), again=False)
