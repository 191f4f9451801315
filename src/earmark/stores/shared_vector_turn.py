"""A turn at work that one process at a time may do: a lease in Redis that ends with its holder."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from earmark.errors import StoreError
from earmark.stores.redis_client import RedisClient, Script

# Takes the lease, or renews it; the second time changes nothing.
_TAKE = Script(
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)
_GIVE = Script(
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
)


class Turn:
    """Who may do one piece of work; any number of threads and processes ask.

    A holder that stands still for longer than ``lease_s`` may find that another has begun: the
    work must bear that.
    """

    def __init__(self, client: RedisClient, key: str, lease_s: float = 15.0) -> None:
        self._client = client
        self._key = key
        self._lease_s = lease_s

    @contextmanager
    def mine(self) -> Iterator[bool]:
        """Yield whether it is the caller's turn; it is renewed until the block ends."""
        token = uuid.uuid4().hex
        if not self._take(token):
            yield False
            return
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(token, over), daemon=True)
        renewing.start()
        try:
            yield True
        finally:
            over.set()
            renewing.join()
            self._give(token)

    def taken(self) -> bool:
        """Return whether it is somebody's turn."""
        return self._client.call("GET", self._key) is not None

    def _take(self, token: str) -> bool:
        return bool(self._client.run(_TAKE, [self._key], token, int(1000 * self._lease_s)))

    def _give(self, token: str) -> None:
        try:
            self._client.run(_GIVE, [self._key], token)
        except StoreError:
            return  # it ends by itself

    def _renew(self, token: str, over: threading.Event) -> None:
        while not over.wait(self._lease_s / 4):
            try:
                self._take(token)
            except StoreError:
                continue  # Redis is away: whoever works finds that out
