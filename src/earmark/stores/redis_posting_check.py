"""Reads all postings in Redis and says what is wrong with them (`earmark doctor`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from earmark.kernels import buckets as kernel
from earmark.kernels.postings import DamageError
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_payloads import PayloadReader
from earmark.stores.redis_posting_layout import FIELD_BYTES, LEVEL_BITS, LEVELS, Layout, PostingKeys
from earmark.stores.redis_roster import RosterView

_SOME = 4096
_FAULTS = 100


class PostingCheck:
    """Counts every number's postings in all shards and compares with what it was given with."""

    def __init__(
        self, client: RedisClient, keys: PostingKeys, layout: Layout, payloads: PayloadReader
    ) -> None:
        self._client = client
        self._keys = keys
        self._layout = layout
        self._payloads = payloads

    def faults(self, view: RosterView, capped: int) -> list[str]:
        """Return one sentence for each fault, at most a hundred.

        Parameters
        ----------
        capped
            Postings that were left out by rule: where there are any, nobody can say whose.
        """
        found: list[str] = []
        counted = np.zeros(len(view.bits), np.int64)
        for shard in range(self._layout.shards):
            for fault in self._shard(view.epoch, shard, counted):
                found.append(fault)
                if len(found) >= _FAULTS:
                    return found
        damaged = bool(found)
        numbers = view.known()
        for start in range(0, len(numbers), _SOME):
            some = numbers[start : start + _SOME].tolist()
            given = self._payloads.counts(view.epoch, some)
            for number in some:
                fault = ""
                if number not in given:
                    fault = "has no payload"
                elif not (damaged or capped) and given[number] != counted[number]:
                    fault = f"has {counted[number]} postings of {given[number]}"
                if fault and len(found) < _FAULTS:
                    found.append(f"number {number} of {self._where} {fault}; run `earmark rebuild`")
        return found

    @property
    def _where(self) -> str:
        return f"the postings of {self._keys.engine!r} in {self._client.address.uri}"

    def _shard(self, epoch: int, shard: int, counted: npt.NDArray[np.int64]) -> Iterator[str]:
        key, cursor = self._keys.shard(epoch, shard), b"0"
        # A field that is met twice (a scan may) is counted once.
        met: set[bytes] = set()
        while True:
            cursor, pairs = self._client.call("HSCAN", key, cursor, "COUNT", _SOME)
            fresh = {
                field: value
                for field, value in pairs.items()
                if len(field) == FIELD_BYTES and field not in met
            }
            met.update(fresh)
            yield from self._values(shard, fresh, counted)
            if int(cursor) == 0:
                return

    def _values(
        self, shard: int, values: dict[bytes, bytes], counted: npt.NDArray[np.int64]
    ) -> Iterator[str]:
        try:
            self._count(values, counted)
        except DamageError:
            for field, value in values.items():
                try:
                    self._count({field: value}, counted)
                except DamageError:
                    bucket, level = divmod(int.from_bytes(field, "big"), 1 << LEVEL_BITS)
                    yield (
                        f"bucket {bucket} of level {level} in shard {shard} of "
                        f"{self._where} is damaged; run `earmark rebuild`"
                    )

    def _count(self, values: dict[bytes, bytes], counted: npt.NDArray[np.int64]) -> None:
        fields = np.frombuffer(b"".join(values), ">u4")
        level = (fields % (1 << LEVEL_BITS)).astype(np.intp)
        if len(level) and (level.max() >= LEVELS):
            message = "there is no such level"
            raise DamageError(message)
        group = np.array(self._layout.groups, np.uint8)[level]
        number = kernel.decode(kernel.Values.of(list(values.values())), group).number
        inside = number[number < len(counted)]
        counted += np.bincount(inside, minlength=len(counted))
