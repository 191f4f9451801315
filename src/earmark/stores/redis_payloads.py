"""The payloads of a posting store in Redis: many at once, and kept as long as there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from earmark.ports import Payload
from earmark.stores.redis_client import Command, RedisClient
from earmark.stores.redis_posting_layout import PostingKeys
from earmark.stores.redis_posting_scripts import HEADS
from earmark.stores.redis_posting_writes import HEAD
from earmark.stores.redis_roster import Roster, RosterView


class KeptPayloads:
    """Payloads used of late, up to so many bytes; those of an epoch never change."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: OrderedDict[tuple[int, int], Payload] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, epoch: int, number: int) -> Payload | None:
        """Return a payload that is kept."""
        with self._lock:
            found = self._held.get((epoch, number))
            if found is not None:
                self._held.move_to_end((epoch, number))
            return found

    def keep(self, epoch: int, number: int, payload: Payload) -> None:
        """Keep a payload, and let go of what was not used for longest."""
        with self._lock:
            if (epoch, number) not in self._held:
                self._held[epoch, number] = payload
                self._bytes += len(payload)
            while self._bytes > self._most_bytes and self._held:
                self._bytes -= len(self._held.popitem(last=False)[1])

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._held.clear()
            self._bytes = 0


class PayloadReader:
    """Fetches payloads, all that are missing in one round trip."""

    def __init__(
        self, client: RedisClient, roster: Roster, keys: PostingKeys, most_bytes: int
    ) -> None:
        self._client = client
        self._roster = roster
        self._keys = keys
        self.kept = KeptPayloads(most_bytes)

    def read(self, numbers: Sequence[int], view: RosterView) -> tuple[list[Payload], RosterView]:
        """Return payloads in the order of ``numbers``, and the roster that knows them.

        Parameters
        ----------
        view
            What the caller goes by; where that does not know a number, the roster is asked anew.

        Raises
        ------
        KeyError
            A number is unknown, or is just being cleared away.
        """
        asked = np.array(numbers, np.int64)
        if not view.has(asked).all():
            view = self._roster.view()
            if not (known := view.has(asked)).all():
                raise KeyError(int(asked[~known][0]))
        found = {number: self.kept.get(view.epoch, number) for number in numbers}
        missing = [number for number, payload in found.items() if payload is None]
        for number, value in self._fetch(view.epoch, missing).items():
            if value is None:
                raise KeyError(number)
            fetched = np.frombuffer(value, np.uint8, offset=HEAD.size)
            self.kept.keep(view.epoch, number, fetched)
            found[number] = fetched
        return [payload for number in numbers if (payload := found[number]) is not None], view

    def counts(self, epoch: int, numbers: Sequence[int]) -> dict[int, int]:
        """Return how many postings numbers were given with; those without a payload are absent."""
        by_key = self._by_key(epoch, numbers)
        answers = self._client.calls(
            HEADS.command([key], [HEAD.size, *own]) for key, own in by_key.items()
        )
        return {
            number: HEAD.unpack(head)[0]
            for own, heads in zip(by_key.values(), answers, strict=True)
            for number, head in zip(own, heads, strict=False)
            if head is not None and len(head) == HEAD.size
        }

    def _fetch(self, epoch: int, numbers: Sequence[int]) -> dict[int, bytes | None]:
        by_key = self._by_key(epoch, numbers)
        commands: list[Command] = [["HMGET", key, *own] for key, own in by_key.items()]
        return {
            number: value
            for own, values in zip(by_key.values(), self._client.calls(commands), strict=True)
            for number, value in zip(own, values, strict=True)
        }

    def _by_key(self, epoch: int, numbers: Sequence[int]) -> dict[str, list[int]]:
        by_key: dict[str, list[int]] = {}
        for number in numbers:
            by_key.setdefault(self._keys.payloads(epoch, number), []).append(number)
        return by_key
