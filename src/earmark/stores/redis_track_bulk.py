"""What is large about tracks in Redis: features and covers, in shards by their numbers.

It is written before the catalogue shows it and deleted after the catalogue has hidden it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from earmark.errors import DamagedIndexError
from earmark.ports import StoredFeatures
from earmark.stores.redis_client import Command, RedisClient, Word

SHARDS = 256
TOGETHER = 64
"""So many numbers after each other share a shard: a batch is few commands, each synced once."""
_BYTES_AT_ONCE = 8 << 20
_NUMBERS_AT_ONCE = 64


def shard_of(number: int) -> str:
    """Return the shard that holds what is large about a number.

    >>> shard_of(63), shard_of(64), shard_of(256 * 64)
    ('b0', 'b1', 'b0')
    """
    return f"b{number // TOGETHER % SHARDS}"


def packed_features(features: StoredFeatures) -> bytes:
    """Return features as they are stored: the digest's length, the digest, the data."""
    digest = features.digest.encode()
    return len(digest).to_bytes(2, "big") + digest + features.data


def unpacked_features(data: bytes) -> StoredFeatures:
    """Return what was stored; raises `ValueError` where it is cut short."""
    end = 2 + int.from_bytes(data[:2], "big")
    if len(data) < end:
        raise ValueError("its features are cut short")
    return StoredFeatures(data[2:end].decode(), data[end:])


class TrackBulk:
    """The features and covers of one library."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def features_key(self, engine: str, number: int) -> str:
        """Return the key of the hash that holds an engine's features of a number."""
        return self._client.sharded(shard_of(number), "features", engine)

    def covers_key(self, cover: int) -> str:
        """Return the key of the hash that holds a cover."""
        return self._client.sharded(shard_of(cover), "covers")

    def write(
        self, features: Iterable[tuple[str, int, StoredFeatures]], covers: Mapping[int, bytes]
    ) -> None:
        """Write features and covers; on return they are as durable as Redis makes them."""
        items = [
            (self.features_key(engine, number), number, packed_features(one))
            for engine, number, one in features
        ]
        items += [(self.covers_key(cover), cover, data) for cover, data in covers.items()]
        for batch in _batches(items):
            by_key: dict[str, list[Word]] = {}
            for key, number, data in batch:
                by_key.setdefault(key, []).extend((number, data))
            self._client.calls(["HSET", key, *pairs] for key, pairs in by_key.items())

    def features(self, engine: str, numbers: Sequence[int]) -> Iterator[tuple[int, StoredFeatures]]:
        """Yield the features of those sorted numbers that are published with them.

        A few at a time, each few in one round trip.
        """
        has = self._client.key(f"has:{engine}")
        for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
            some = numbers[start : start + _NUMBERS_AT_ONCE]
            asked: dict[str, list[int]] = {}
            for number in some:
                asked.setdefault(self.features_key(engine, number), []).append(number)
            bits: list[Word] = [word for number in some for word in ("GET", "u1", number)]
            commands: list[Command] = [["BITFIELD_RO", has, *bits]]
            commands += [["HMGET", key, *fields] for key, fields in asked.items()]
            known, *answers = self._client.calls(commands)
            found = {
                number: data
                for fields, values in zip(asked.values(), answers, strict=True)
                for number, data in zip(fields, values, strict=True)
            }
            for number, bit in zip(some, known, strict=True):
                data = found[number]
                if bit and data is not None:
                    yield number, self._unpacked(engine, number, data)

    def sizes(self, engine: str, numbers: Sequence[int]) -> list[int]:
        """Return how many bytes the features of each number take; 0 where there are none."""
        keys = ((self.features_key(engine, number), number) for number in numbers)
        told = self._client.calls(["HSTRLEN", key, number] for key, number in keys)
        return [int(size) for size in told]

    def cover(self, cover: int) -> bytes | None:
        """Return a cover, or None."""
        data: bytes | None = self._client.call("HGET", self.covers_key(cover), cover)
        return data

    def delete(self, engines: Iterable[str], numbers: Sequence[int]) -> None:
        """Delete the features of numbers."""
        by_key: dict[str, list[int]] = {}
        for engine in engines:
            for number in numbers:
                by_key.setdefault(self.features_key(engine, number), []).append(number)
        self._client.calls(["HDEL", key, *fields] for key, fields in by_key.items())

    def delete_covers(self, covers: Iterable[int]) -> None:
        """Delete covers."""
        by_key: dict[str, list[int]] = {}
        for cover in covers:
            by_key.setdefault(self.covers_key(cover), []).append(cover)
        self._client.calls(["HDEL", key, *fields] for key, fields in by_key.items())

    def _unpacked(self, engine: str, number: int, data: bytes) -> StoredFeatures:
        try:
            return unpacked_features(data)
        except ValueError as error:
            message = (
                f"the library {self._client.address} is damaged: the features of number {number} "
                f"for {engine!r} ({error}); restore Redis from a backup, or import an archive"
            )
            raise DamagedIndexError(message) from error


def _batches(items: list[tuple[str, int, bytes]]) -> Iterator[list[tuple[str, int, bytes]]]:
    batch: list[tuple[str, int, bytes]] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item[2])
        if size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
