"""What Redis keeps of each number of a vector index: payload, number of windows, checksum."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from earmark.ports import Embedded, Numbers
from earmark.stores.milvus_tracks import checksum
from earmark.stores.redis_client import Command, RedisClient

SHARDS = 256
_HEAD = struct.Struct("<II")
_AT_ONCE_BYTES = 8_000_000
"""Payloads sent in one pipeline."""
_KEYS_AT_ONCE = 16
"""Shards whose fields are asked for in one pipeline: some hundred thousand at most."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one number beside its windows; ``checksum`` covers those, too."""

    windows: int
    checksum: int
    payload: bytes

    @classmethod
    def of(cls, item: Embedded) -> Record:
        """Return the record of an item."""
        return cls(len(item.vectors), checksum(item), item.payload)

    @classmethod
    def unpacked(cls, data: bytes | None) -> Record | None:
        """Return what `packed` made; None where there is nothing, or too little."""
        if data is None or len(data) < _HEAD.size:
            return None
        windows, sums = _HEAD.unpack_from(data)
        return cls(windows, sums, data[_HEAD.size :])

    @property
    def packed(self) -> bytes:
        """The record as bytes."""
        return _HEAD.pack(self.windows, self.checksum) + self.payload


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one index, in one hash a shard and epoch."""

    client: RedisClient
    engine: str
    index: str

    def put(self, epoch: int, items: Iterable[Embedded]) -> None:
        """Write the records of numbers."""
        commands: list[Command] = []
        size = 0
        for item in items:
            data = Record.of(item).packed
            commands.append(["HSET", self._key(epoch, item.number), item.number, data])
            size += len(data)
            if size >= _AT_ONCE_BYTES:
                self.client.calls(commands)
                commands, size = [], 0
        self.client.calls(commands)

    def question(self, epoch: int, numbers: Sequence[int]) -> list[Command]:
        """Return the commands whose answers `told` understands."""
        return [
            ["HMGET", self._key(epoch, shard[0]), *shard] for shard in _by_shard(numbers).values()
        ]

    def told(
        self, numbers: Sequence[int], answers: Sequence[Sequence[bytes | None]]
    ) -> dict[int, Record]:
        """Return the record of each number that has one."""
        found = {
            number: Record.unpacked(data)
            for shard, answer in zip(_by_shard(numbers).values(), answers, strict=True)
            for number, data in zip(shard, answer, strict=True)
        }
        return {number: record for number, record in found.items() if record is not None}

    def read(self, epoch: int, numbers: Sequence[int]) -> dict[int, Record]:
        """Return the record of each number that has one."""
        return self.told(numbers, self.client.calls(self.question(epoch, numbers)))

    def remove(self, epoch: int, numbers: Sequence[int]) -> None:
        """Delete the records of numbers."""
        self.client.calls(
            ["HDEL", self._key(epoch, shard[0]), *shard] for shard in _by_shard(numbers).values()
        )

    def numbers(self, epoch: int) -> Iterator[Numbers]:
        """Yield all numbers that have a record, some at a time, each time sorted."""
        for first in range(0, SHARDS, _KEYS_AT_ONCE):
            shards = range(first, first + _KEYS_AT_ONCE)
            answers = self.client.calls(["HKEYS", self._key(epoch, shard)] for shard in shards)
            yield np.sort(np.array([int(key) for keys in answers for key in keys], np.int64))

    def drop(self, epoch: int) -> None:
        """Delete all records of an epoch."""
        self.client.calls(["UNLINK", self._key(epoch, shard)] for shard in range(SHARDS))

    def _key(self, epoch: int, number: int) -> str:
        shard = f"b{number % SHARDS}"
        return self.client.sharded(shard, "vec", self.engine, self.index, epoch)


def _by_shard(numbers: Iterable[int]) -> dict[int, list[int]]:
    shards: dict[int, list[int]] = {}
    for number in dict.fromkeys(numbers):
        shards.setdefault(number % SHARDS, []).append(number)
    return shards
