"""Who may write to a library in Redis: leases that many share, one that keeps all out, and claims.

Everything hangs on a holder, one opened store, which a thread renews. Redis' clock alone counts.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from earmark.errors import LibraryLockedError, StoreError
from earmark.stores.redis_client import RedisClient, Script
from earmark.stores.redis_scripts_lease import (
    ALONE,
    CLAIM,
    EVICT_DEAD,
    LEAVE,
    RELEASE,
    RENEW,
    SHARE,
    UNCLAIM,
    WRITE,
)
from earmark.stores.redis_track_rows import digest
from earmark.stores.rows import source_bytes

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.01, 0.25
_WAITING_S = 2.0
"""For how long one that waits to be alone keeps others out without asking again."""
_CLAIMS_AT_ONCE = 1000


class _Mine(threading.local):
    """What one thread holds: its lease, and how often it writes and is alone."""

    lease = ""
    writing = 0
    alone = 0


class RedisLeases:
    """The leases and claims of one opened store; any number of threads.

    Parameters
    ----------
    wait_s
        How long to wait for others.
    lease_s
        After how long without a sign of life this store is taken for dead.
    """

    def __init__(self, client: RedisClient, wait_s: float, lease_s: float) -> None:
        self.holder = secrets.token_urlsafe(9)
        self._client = client
        self._wait_s = wait_s
        self._lease_s = lease_s
        self._mine = _Mine()
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._claims: set[bytes] = set()
        self._unreleased: set[bytes] = set()  # Redis was away: a later beat gives them back
        self._releasing = threading.Lock()
        self._late: list[tuple[Script, str]] = []
        self._next = 0
        self._beating: threading.Thread | None = None
        self._closed = threading.Event()

    @property
    def lease(self) -> str:
        """What this thread holds; a bug where it holds none."""
        if not self._mine.lease:
            raise RuntimeError("a change of the library outside of writing()")
        return self._mine.lease

    @property
    def held(self) -> str:
        """What this thread holds; empty where it holds none."""
        return self._mine.lease

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write along with others; re-entrant within a thread; raises `LibraryLockedError`."""
        mine = self._mine
        if not mine.lease:
            self._take(WRITE, "is changed as a whole by another process", _ms(self._lease_s))
        mine.writing += 1
        try:
            yield
        finally:
            mine.writing -= 1
            if not (mine.writing or mine.alone):
                self._give_back(RELEASE)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others out; re-entrant within a thread; raises `LibraryLockedError`."""
        mine = self._mine
        if not mine.alone:
            times = (_ms(self._lease_s), _ms(min(_WAITING_S, 4 * self._lease_s)))
            self._take(ALONE, "is being written by other processes", *times)
        mine.alone += 1
        try:
            yield
        finally:
            mine.alone -= 1
            if not mine.alone:
                self._give_back(SHARE if mine.writing else RELEASE)

    def claim(self, sources: Sequence[str]) -> list[bool]:
        """Take sources; False where another that lives has one."""
        got: list[bool] = []
        for start in range(0, len(sources), _CLAIMS_AT_ONCE):
            names = [digest(source_bytes(s)) for s in sources[start : start + _CLAIMS_AT_ONCE]]
            self._beat_along()
            with self._releasing:
                self._unreleased.difference_update(names)
            told = self._run(CLAIM, self.holder, _ms(self._lease_s), *names)
            with self._lock:
                for name, one in zip(names, told, strict=True):
                    (self._claims.add if one else self._claims.discard)(name)
            got += [bool(one) for one in told]
        return got

    def release(self, sources: Sequence[str]) -> None:
        """Give claims back."""
        names = [digest(source_bytes(source)) for source in sources]
        with self._lock:
            names = [name for name in names if name in self._claims]
            self._claims.difference_update(names)
        with self._releasing:
            self._unreleased.update(names)
        with suppress(StoreError):
            self._unclaim()

    def claims(self, source: bytes) -> bool:
        """Return whether this store has taken a source and believes that it still has it."""
        with self._lock:
            return digest(source) in self._claims

    def evict_dead(self) -> None:
        """End the leases, claims and stages of all that are dead."""
        self._run(EVICT_DEAD, self.holder)

    def close(self) -> None:
        """Give everything back; the thread ends."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            beating = self._beating
        if beating is not None:
            with suppress(StoreError):  # Redis is away: what is held expires
                self._run(LEAVE, self.holder)
            beating.join(self._lease_s)

    # --- how -----------------------------------------------------------------------------------

    def _take(self, script: Script, trouble: str, *times_ms: int) -> None:
        mine = self._mine
        new = not mine.lease
        lease = mine.lease or self._named()
        self._beat_along()
        with self._lock:
            self._held.add(lease)
        until_s, wait_s = time.monotonic() + self._wait_s, _FIRST_WAIT_S
        try:
            while not self._run(script, self.holder, lease, *times_ms):
                if time.monotonic() >= until_s:
                    message = (
                        f"{self._client.address} {trouble}; waited {self._wait_s:g} s, try again "
                        "later or raise EARMARK_LOCK_WAIT_S"
                    )
                    raise LibraryLockedError(message)
                left_s = max(0.0, until_s - time.monotonic())
                time.sleep(min(left_s, wait_s * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        except BaseException:
            # Where the answer was lost, it may hold the lease and not know of it.
            mine.lease = lease
            self._give_back(RELEASE if new else SHARE)
            raise
        mine.lease = lease

    def _give_back(self, script: Script) -> None:
        """Give this thread's lease back, or that it is alone; later, where Redis is away."""
        lease = self._mine.lease
        if script is RELEASE:
            self._mine.lease = ""
            with self._lock:
                self._held.discard(lease)
        if not self._closed.is_set():  # `close` gives everything back
            try:
                self._run(script, lease)
            except StoreError:
                with self._lock:
                    self._late.append((script, lease))

    def _unclaim(self) -> None:
        with self._releasing:
            names = sorted(self._unreleased)
            for start in range(0, len(names), _CLAIMS_AT_ONCE):
                self._run(UNCLAIM, self.holder, *names[start : start + _CLAIMS_AT_ONCE])
            self._unreleased.clear()

    def _named(self) -> str:
        with self._lock:
            self._next += 1
            return f"{self.holder}.{self._next}"

    def _run(self, script: Script, *arguments: str | bytes | int) -> list[int]:
        told: list[int] = self._client.run(script, [self._client.key("")], *arguments)
        return told

    def _beat_along(self) -> None:
        with self._lock:
            if self._closed.is_set():
                message = f"{self._client.address} is closed"
                raise StoreError(message)
            if self._beating is None:
                name = f"earmark-lease-{self.holder}"
                self._beating = threading.Thread(target=self._beat, name=name, daemon=True)
                self._beating.start()

    def _beat(self) -> None:
        while not self._closed.wait(self._lease_s / 3):
            with self._lock:
                late, idle = list(self._late), not (self._held or self._claims)
            with suppress(StoreError):  # the next beat may find Redis back
                if not idle:
                    self._run(RENEW, self.holder, _ms(self._lease_s))
                for script, lease in late:
                    self._run(script, lease)
                    with self._lock:
                        self._late.remove((script, lease))
                self._unclaim()


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
