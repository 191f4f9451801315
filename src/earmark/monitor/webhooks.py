"""The courier: delivers what webhooks are to be told, and tries again where that fails."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from earmark.audio.post import Reply
from earmark.errors import EarmarkError
from earmark.monitor.delivering import after, keep
from earmark.ports import Delivery, Webhook

if TYPE_CHECKING:
    from earmark.monitor.desk import Desk

log = logging.getLogger("earmark.monitor")

THREADS = 4
HELD_S = 120.0
"""A delivery in hand is nobody else's for so long; then a killed courier's comes again."""
LEAST_LEFT_S = 45.0
"""No try begins with less of that left: the whole of one takes 30 s at most."""
AT_ONCE = 50
MOST_WAITING = 200
"""Deliveries to one webhook that wait in memory; more stay in the store."""
COME_AGAIN_S = 15.0
KEPT_S = 7 * 86_400.0
"""What was delivered is forgotten after so long; what is dead stays."""
FORGET_EVERY_S = 3600.0
TICK_S = 1.0
STOP_S = 35.0


class Courier:
    """Delivers at least once, in no promised order; any number of processes may have one.

    Each webhook is asked by one thread at a time, and four at once: one that hangs holds up no
    other. What follows a try that ran out of time is not tried then, but counts as tried.

    Parameters
    ----------
    desk
        Whose webhooks; also its clock.
    tick_s
        How often it looks for what is due, once it is started.
    """

    def __init__(self, desk: Desk, *, tick_s: float = TICK_S) -> None:
        self._desk = desk
        self._tick_s = tick_s
        self._lock = threading.Lock()
        self._places = threading.Semaphore(THREADS)
        self._waiting: dict[str, deque[tuple[Delivery, float]]] = {}
        self._threads: set[threading.Thread] = set()
        self._stop = threading.Event()
        self._round: threading.Thread | None = None
        self._left = False
        self._tried = 0
        self._forgot_at = float("-inf")

    def run_due(self, now: float | None = None) -> int:
        """Try everything that is due, and return how many tries that took.

        Parameters
        ----------
        now
            Seconds since 1970; None asks the desk's clock, again and again.

        Raises
        ------
        StoreError
            The store is the trouble.
        """
        clock = self._desk.clock if now is None else lambda: now
        if self._round is None:
            self._resume()
        before = self._tried
        while self._take(clock):
            self._join()
        self._join()
        return self._tried - before

    def start(self) -> None:
        """Deliver in the background from now on; starting twice is once."""
        if self._round is None:
            self._resume()
            self._round = threading.Thread(target=self._run, name="earmark-courier", daemon=True)
            self._round.start()

    def stop(self, wait_s: float = STOP_S) -> None:
        """End what runs in the background; tries in hand may take ``wait_s`` more.

        What is still in hand then comes again: at the next start, or from another process.
        """
        until_s = time.monotonic() + wait_s
        self._stop.set()
        if self._round is not None:
            self._round.join(wait_s)
            self._round = None
        self._join(until_s)
        with self._lock:
            self._left = bool(self._threads)

    def __enter__(self) -> Courier:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _resume(self) -> None:
        self._stop.clear()
        self._left = False

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                while self._take(self._desk.clock) == AT_ONCE and not self._stop.is_set():
                    pass
                self._forget(self._desk.clock())
            except EarmarkError as error:
                log.warning("webhooks wait: %s", error.message)
            self._stop.wait(self._tick_s)

    def _take(self, clock: Callable[[], float]) -> int:
        """Hand deliveries that are due to the threads of their webhooks; return how many."""
        store, now = self._desk.store, clock()
        until = now + HELD_S
        due = store.claim_deliveries(now, until, AT_ONCE)
        for delivery in due:
            with self._lock:
                queue = self._waiting.get(delivery.webhook_id)
                full = queue is not None and len(queue) >= MOST_WAITING
                if not full and queue is not None:
                    queue.append((delivery, until))
                elif not full:
                    self._waiting[delivery.webhook_id] = deque([(delivery, until)])
                    self._begin(delivery.webhook_id, clock)
            if full:
                store.put_delivery(replace(delivery, next_at=now + COME_AGAIN_S))
        return len(due)

    def _begin(self, webhook_id: str, clock: Callable[[], float]) -> None:
        def work() -> None:
            try:
                with self._places:
                    self._serve(webhook_id, clock)
            except BaseException as error:
                self._abandon(webhook_id)
                if not isinstance(error, EarmarkError):
                    raise
                log.warning("webhook %s waits: %s", webhook_id, error.message)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=work, name=f"earmark-webhook-{webhook_id}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _serve(self, webhook_id: str, clock: Callable[[], float]) -> None:
        """Deliver what waits for one webhook, until nothing does."""
        slow: Reply | None = None
        while (taken := self._next(webhook_id)) is not None:
            delivery, until = taken
            now = clock()
            if self._stop.is_set():
                self._desk.store.put_delivery(replace(delivery, next_at=now))
                continue
            if until - now < LEAST_LEFT_S:
                continue  # it comes again when its time is over
            webhook = self._webhook(webhook_id)
            if webhook is None or not webhook.active:
                why = "the webhook is gone" if webhook is None else "the webhook is switched off"
                dead = replace(delivery, state="dead", next_at=0.0, error=why)
                self._desk.store.put_delivery(dead)
                continue
            reply = slow or self._desk.sender.send(webhook, delivery, now)
            if self._left:  # the store may be closed by now
                self._abandon(webhook_id)
                return
            if reply.slow:
                slow = Reply(error="not tried: another one had just not been answered", slow=True)
            with self._lock:
                self._tried += 1
            tried = after(delivery, reply, clock())
            keep(self._desk.store, webhook, tried)
            if tried.state == "dead":
                log.warning(
                    "delivery %s to webhook %s is given up: %s",
                    delivery.id,
                    webhook_id,
                    tried.error,
                )

    def _next(self, webhook_id: str) -> tuple[Delivery, float] | None:
        with self._lock:
            queue = self._waiting[webhook_id]
            if queue:
                return queue.popleft()
            del self._waiting[webhook_id]  # in one step: whoever comes later begins anew
            return None

    def _abandon(self, webhook_id: str) -> None:
        """Let go of what waits for a webhook: it comes again when its time is over."""
        with self._lock:
            self._waiting.pop(webhook_id, None)

    def _webhook(self, webhook_id: str) -> Webhook | None:
        webhooks = self._desk.store.webhooks()
        return next((one for one in webhooks if one.id == webhook_id), None)

    def _forget(self, now: float) -> None:
        if now - self._forgot_at >= FORGET_EVERY_S:
            self._forgot_at = now
            self._desk.store.forget_deliveries(now - KEPT_S)

    def _join(self, until_s: float | None = None) -> None:
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(None if until_s is None else max(0.0, until_s - time.monotonic()))
