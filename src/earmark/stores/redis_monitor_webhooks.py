"""Webhooks in Redis, and what is on its way to them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from itertools import islice

from earmark.ports import Delivery, DeliveryState, Webhook
from earmark.stores import redis_monitor_scripts as scripts
from earmark.stores.monitor_missing import no_delivery, no_webhook
from earmark.stores.monitor_rows import packed, unpacked
from earmark.stores.redis_client import RedisClient, Word
from earmark.stores.redis_monitor_records import RedisRecords, group_of, pairs
from earmark.stores.rows import plain

_AT_ONCE = 500


class RedisMonitorWebhooks:
    """Webhooks and deliveries of a `RedisMonitorStore`."""

    def __init__(self, client: RedisClient) -> None:
        self._webhooks = RedisRecords(client, "webhooks", Webhook)
        self._deliveries = RedisRecords(client, "deliveries", Delivery, ("record", "next"))

    def put_webhook(self, webhook: Webhook) -> None:
        """Keep a webhook."""
        self._webhooks.put(webhook.id, {"record": packed(webhook)})

    def webhooks(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return self._webhooks.some()

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget one and its deliveries; raises `WebhookNotFoundError`."""
        # The webhook goes last: who is stopped in between can do it again.
        if self._webhooks.place_of(webhook_id) is None:
            raise no_webhook(webhook_id)
        self._deliveries.drop_group(group_of("webhook", webhook_id))
        if not self._webhooks.drop(webhook_id):
            raise no_webhook(webhook_id)

    def put_delivery(self, delivery: Delivery) -> None:
        """Keep a delivery as far as it has come."""
        self._deliveries.run(scripts.PUT_DELIVERY, *delivery_words(delivery))

    def claim_deliveries(self, now: float, until: float, limit: int = 20) -> list[Delivery]:
        """Return pending deliveries due by ``now``, longest due first, put off to ``until``."""
        told = self._deliveries.run(
            scripts.CLAIM,
            repr(float(now)),
            repr(float(until)),
            limit,
            uuid.uuid4().hex,
            "next",
            _next(until),
        )
        held = [texts for texts in told if texts[0] is not None]
        return [unpacked(self._deliveries.place, Delivery, *texts) for texts in held]

    def deliveries(
        self,
        webhook_id: str | None = None,
        states: Sequence[DeliveryState] = (),
        *,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, beyond the delivery ``before``."""
        beyond = "" if before is None else self._deliveries.place_of(before)
        if beyond is None:
            raise no_delivery(before or "")
        match webhook_id, set(states):
            case None, only if len(only) == 1:
                group = f"state:{states[0]}"
            case str(), only if len(only) == 1:
                group = group_of("webhook-state", webhook_id, states[0])
            case str(), _:
                group = group_of("webhook", webhook_id)
            case _:
                group = ""
        found = self._deliveries.walk(group, beyond, limit)
        return list(islice((one for one in found if not states or one.state in states), limit))

    def delivery(self, delivery_id: str) -> Delivery:
        """Return one; raises `DeliveryNotFoundError`."""
        found = self._deliveries.one(delivery_id)
        if found is None:
            raise no_delivery(delivery_id)
        return found

    def forget_deliveries(self, before: float) -> int:
        """Forget delivered ones created before a time; return how many."""
        gone = told = _AT_ONCE
        gone = 0
        while told == _AT_ONCE:
            mark = uuid.uuid4().hex
            told = self._deliveries.run(scripts.FORGET_OLD, repr(float(before)), _AT_ONCE, mark)
            gone += told
        return gone


def delivery_words(delivery: Delivery) -> list[Word]:
    """Return a delivery as scripts take it: id, groups, state, due, created, fields and texts."""
    groups = [
        group_of("webhook", delivery.webhook_id),
        group_of("webhook-state", delivery.webhook_id, delivery.state),
        f"state:{delivery.state}",
    ]
    texts = {"record": packed(delivery), "next": _next(delivery.next_at)}
    return [
        plain(delivery.id),
        " ".join(groups),
        delivery.state,
        repr(float(delivery.next_at)),
        repr(float(delivery.created_at)),
        *pairs(texts),
    ]


def _next(at: float) -> str:
    return json.dumps({"next_at": at})
