"""At most so many requests a minute of one key or address: a token bucket for each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from earmark.errors import RateLimitedError

# The most callers to remember; the one that was quiet longest is forgotten first. An attacker
# with more addresses than this gains full buckets, and the memory stays bounded.
CALLERS = 20_000
# A bucket holds what a caller may ask in this time at once.
BURST_S = 10.0


class RateLimit:
    """Buckets of ``per_minute`` requests; 0 takes any number. For one event loop, no lock."""

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        callers: int = CALLERS,
    ) -> None:
        self._rate_hz = per_minute / 60.0
        self._burst = max(1.0, self._rate_hz * BURST_S)
        self._clock = clock
        self._callers = callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count one request; raises `RateLimitedError` where the caller has none left."""
        if self._rate_hz <= 0.0:
            return
        now = self._clock()
        tokens, at = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate_hz)
        allowed = tokens >= 1.0
        self._buckets[caller] = (tokens - 1.0 if allowed else tokens, now)
        while len(self._buckets) > self._callers:
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = (1.0 - tokens) / self._rate_hz
            message = (
                f"more than {self._rate_hz * 60.0:g} requests a minute; "
                f"ask again in {max(1, round(wait_s + 0.5))} s"
            )
            raise RateLimitedError(message, wait_s)

    def __len__(self) -> int:
        return len(self._buckets)
