"""The service's keys, read from the ledger at most every two seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from earmark.ports.ledger import KeyRecord, Ledger

# A key that was revoked by another process is of no use after this.
FRESH_S = 2.0
# Unknown keys make it read no more often than this.
DOUBT_S = 0.2


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key at one moment; ``wanted``: whether callers need one."""

    records: Mapping[str, KeyRecord] = field(default_factory=lambda: MappingProxyType({}))
    wanted: bool = True


class KeyRing:
    """Keys by their id, and whether anyone may come in without one."""

    def __init__(self, ledger: Ledger, *, anyone: bool, loopback: bool) -> None:
        self._ledger = ledger
        self._anyone = anyone
        self._loopback = loopback
        self._read_at = float("-inf")
        self._keys = Keys()

    @property
    def loopback(self) -> bool:
        """Whether the service is reached from its own machine only."""
        return self._loopback

    def fresh(self) -> Keys | None:
        """Return the keys where they were read a moment ago; never reads."""
        return self._keys if time.monotonic() - self._read_at < FRESH_S else None

    def read(self) -> Keys:
        """Read the keys; off the event loop, please."""
        at = time.monotonic()
        held = self._ledger.keys()
        records = {record.id: record for record in held}
        locked = any(record.revoked_at is None for record in held)
        wanted = not self._anyone and (locked or not self._loopback)
        self._keys = Keys(MappingProxyType(records), wanted)
        self._read_at = at
        return self._keys

    def doubt(self) -> bool:
        """Return whether keys are worth reading again for one that is unknown: it may be new."""
        doubted = time.monotonic() - self._read_at > DOUBT_S
        if doubted:
            self.forget()
        return doubted

    def forget(self) -> None:
        """Read again at the next request: a key was added or revoked."""
        self._read_at = float("-inf")
