"""The desk's side of webhooks: who is told, what waits, what was told, what never arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from earmark.audio.post import PostLimits
from earmark.errors import ConflictError, DeliveryNotFoundError, WebhookNotFoundError
from earmark.monitor.delivering import RETRIES, Sender, after, keep
from earmark.monitor.outbox import TEST, delivery_id, made_delivery, made_webhook, wants
from earmark.ports import Delivery, DeliveryState, MonitorStore, Webhook

TEST_HELD_S = 120.0
"""So long nobody else takes a test that is under way."""


class Telling:
    """Webhooks and their deliveries.

    Attributes
    ----------
    store : MonitorStore
        Where it is kept.
    clock : Callable[[], float]
        Seconds since 1970.
    sender : Sender
        What sends; it refuses hosts of private networks where only public ones may be asked.
    """

    def __init__(
        self, store: MonitorStore, clock: Callable[[], float], *, public_only: bool
    ) -> None:
        self.store = store
        self.clock = clock
        self.sender = Sender(PostLimits(public_only=public_only))

    def add_webhook(
        self,
        url: str,
        events: Sequence[str] = (),
        actions: Sequence[str] = (),
        secret: str | None = None,
        note: str = "",
    ) -> Webhook:
        """Keep a new webhook and return it: the one time that its secret is to be shown.

        Parameters
        ----------
        events
            Some of `outbox.EVENTS`; none: all.
        actions
            Detections of these actions only; none: of all.
        secret
            What bodies are signed with; None makes one.

        Raises
        ------
        UsageError
            An address that cannot be posted to, an unknown event or action, or a poor secret.
        """
        webhook = made_webhook(
            url,
            events,
            actions,
            secret,
            note,
            now=self.clock(),
            public_only=self.sender.limits.public_only,
        )
        self.store.put_webhook(webhook)
        return webhook

    def webhooks(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return self.store.webhooks()

    def webhook(self, webhook_id: str) -> Webhook:
        """Return one; raises `WebhookNotFoundError`."""
        for webhook in self.store.webhooks():
            if webhook.id == webhook_id:
                return webhook
        message = f"no webhook {webhook_id!r}; `earmark webhooks list` shows them"
        raise WebhookNotFoundError(message)

    def remove_webhook(self, webhook_id: str) -> None:
        """Forget a webhook and what it was to be told; raises `WebhookNotFoundError`."""
        self.store.delete_webhook(webhook_id)

    def test_webhook(self, webhook_id: str) -> Delivery:
        """Send a test to a webhook now, once, and return how it went: ``delivered`` or ``dead``.

        A webhook that was switched off, because it had answered 410, is on again where it answers.

        Raises
        ------
        WebhookNotFoundError
            There is no such webhook.
        """
        webhook = self.webhook(webhook_id)
        now = self.clock()
        body = {"webhook": {"id": webhook.id, "note": webhook.note}}
        new_id = delivery_id(webhook, TEST, body, once=False)
        delivery = made_delivery(webhook, TEST, body, new_id, now)
        self.store.put_delivery(replace(delivery, next_at=now + TEST_HELD_S, attempts=RETRIES))
        tried = after(delivery, self.sender.send(webhook, delivery, now), now)
        if tried.state == "pending":
            tried = replace(tried, state="dead", next_at=0.0)
        keep(self.store, webhook, tried)
        if tried.state == "delivered" and not webhook.active:
            self.store.put_webhook(replace(webhook, active=True))
        return tried

    def deliveries(
        self,
        webhook_id: str | None = None,
        states: Sequence[DeliveryState] = (),
        *,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, beyond the delivery ``before``."""
        return self.store.deliveries(webhook_id, states, before=before, limit=limit)

    def replay(self, delivery_id: str) -> Delivery:
        """Make a delivery due now, with all its retries, whatever became of it.

        Its id and body stay: a receiver can see that it had it already.

        Raises
        ------
        DeliveryNotFoundError
            There is no such delivery.
        ConflictError
            Its webhook is switched off.
        """
        delivery = self.store.delivery(delivery_id)
        webhook = self.webhook(delivery.webhook_id)
        if not webhook.active:
            message = (
                f"webhook {webhook.id!r} answered 410 Gone and is switched off; "
                f"`earmark webhooks test {webhook.id}` switches it on where it answers again"
            )
            raise ConflictError(message)
        again = replace(delivery, state="pending", attempts=0, next_at=self.clock())
        self.store.put_delivery(again)
        return again

    def tell(
        self,
        event: str,
        body: Mapping[str, Any],
        *,
        action: str | None = None,
        was: str | None = None,
        once: bool = False,
    ) -> int:
        """Keep an event for every webhook that wants it; a `Courier` delivers it.

        Parameters
        ----------
        event
            Such as ``stream.down``.
        body
            What is told besides ``event``, ``id`` and ``at``: ``{"stream": {...}}``.
        action
            That of the detection, which webhooks may have asked for.
        was
            The action that it was told with before: who wanted that is not told again.
        once
            The same content is kept once, however often it is told.

        Returns
        -------
        int
            How many webhooks will be told.
        """
        made = self.made(event, body, action=action, was=was, once=once)
        for delivery in made:
            if not (once and self._knows(delivery.id)):
                self.store.put_delivery(delivery)
        return len(made)

    def made(
        self,
        event: str,
        body: Mapping[str, Any],
        *,
        action: str | None = None,
        was: str | None = None,
        once: bool = False,
    ) -> list[Delivery]:
        """Return the deliveries of an event, one for each webhook that wants it, and keep none.

        As `tell`; for what is kept in one moment with something else (`MonitorStore.put_scan`).
        """
        now = self.clock()
        asked = [one for one in self.store.webhooks() if wants(one, event, action)]
        if was is not None:
            asked = [one for one in asked if not wants(one, event, was)]
        ids = [delivery_id(one, event, body, once=once) for one in asked]
        return [
            made_delivery(one, event, body, new_id, now)
            for one, new_id in zip(asked, ids, strict=True)
        ]

    def _knows(self, delivery_id: str) -> bool:
        try:
            self.store.delivery(delivery_id)
        except DeliveryNotFoundError:
            return False
        return True
