"""One try to deliver, and what follows from how it went."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from earmark import __version__
from earmark.audio.post import PostLimits, Reply, post
from earmark.monitor.signing import sign
from earmark.ports import Delivery, MonitorStore, Webhook

RETRIES = 8
FIRST_WAIT_S = 10.0
WAIT_GROWS = 3
"""Waits of 10 s, 30 s, 90 s ...: the eighth retry comes 9 h 7 min after the first try."""
MOST_WAIT_ASKED_S = 3600.0
"""So long a ``Retry-After`` is heeded."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Sender:
    """Signs a delivery and sends it once."""

    limits: PostLimits = field(default_factory=PostLimits)

    def send(self, webhook: Webhook, delivery: Delivery, now: float) -> Reply:
        """Send a delivery's body, signed as of ``now`` (seconds since 1970)."""
        body, timestamp = delivery.body.encode(), int(now)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"earmark/{__version__}",
            "X-Earmark-Event": delivery.event,
            "X-Earmark-Delivery": delivery.id,
            "X-Earmark-Timestamp": str(timestamp),
            "X-Earmark-Signature": sign(webhook.secret, timestamp, body),
        }
        return post(webhook.url, body, headers, self.limits)


def after(delivery: Delivery, reply: Reply, now: float) -> Delivery:
    """Return a delivery as it is after a try that ended with this reply.

    Every failure is tried again alike, up to `RETRIES` times: a receiver that is being repaired
    answers 404 as readily as 503. 410 says that nobody will ever listen there.
    """
    attempts = delivery.attempts + 1
    tried = replace(delivery, attempts=attempts, status=reply.status, error=reply.error)
    if not reply.error:
        return replace(tried, state="delivered", next_at=0.0)
    if reply.status == GONE or attempts > RETRIES:
        return replace(tried, state="dead", next_at=0.0)
    wait_s = FIRST_WAIT_S * WAIT_GROWS ** (attempts - 1)
    asked_s = min(reply.retry_after_s or 0.0, MOST_WAIT_ASKED_S)
    return replace(tried, state="pending", next_at=now + max(wait_s, asked_s))


def keep(store: MonitorStore, webhook: Webhook, delivery: Delivery) -> None:
    """Write down how a delivery went; a webhook that is gone is told nothing any more."""
    held = next((one for one in store.webhooks() if one.id == webhook.id), None)
    if held is None:  # it was removed meanwhile, and its deliveries with it
        return
    store.put_delivery(delivery)
    if delivery.status == GONE and held.active:
        store.put_webhook(replace(held, active=False))
