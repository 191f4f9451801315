"""Compares the shards, which hold features and covers, with what the catalogue says of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from earmark.errors import DamagedIndexError
from earmark.ports import Numbers
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_track_bulk import SHARDS
from earmark.stores.redis_track_rows import Field, TrackRows, unpacked

_SHARDS_AT_ONCE = 32
_ROWS_AT_ONCE = 500


class BulkCheck:
    """One look at the shards of a library."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._rows = TrackRows(client.address)

    def kinds(self) -> list[Iterator[str]]:
        """Return the faults of every engine's features, and of the covers."""
        engines = self._client.call("SMEMBERS", self._client.key("engines"))
        names = sorted(engine.decode() for engine in engines)
        return [*(self._features(name) for name in names), self._covers()]

    def orphans(self, engine: str) -> Numbers:
        """Return the sorted numbers that have features and that neither a track nor a stage has."""
        stored = self._stored("features", engine)
        known = self._published(engine)  # asked for after it, for a stage may end in between
        return np.setdiff1d(np.setdiff1d(stored, known), self._awaited("gone", (2, 3)))

    def orphan_covers(self) -> Numbers:
        """Return the sorted covers that neither a track nor a stage has."""
        stored = self._stored("covers")
        known = self._shown()
        return np.setdiff1d(np.setdiff1d(stored, known), self._awaited("gone_covers", (4,)))

    def _features(self, engine: str) -> Iterator[str]:
        known = self._published(engine)
        stored = self._stored("features", engine)
        for number in np.setdiff1d(known, stored):
            yield f"audio {number} has lost its features of {engine!r}; run `earmark rebuild`"
        for number in self.orphans(engine):
            yield f"features of {engine!r} are left of audio {number}, which no track refers to"
        for start in range(0, len(known), _ROWS_AT_ONCE):
            some = known[start : start + _ROWS_AT_ONCE].tolist()
            held = self._client.call("HMGET", self._client.key("audios"), *some)
            for number, audio in zip(some, held, strict=True):
                if audio is None:
                    yield f"audio {number} of {engine!r} is missing"

    def _covers(self) -> Iterator[str]:
        known = self._shown()
        stored = self._stored("covers")
        for cover in np.setdiff1d(known, stored):
            yield f"the cover {cover} of a track is missing"
        for cover in self.orphan_covers():
            yield f"the cover {cover} is left of a track that is gone"

    def _published(self, engine: str) -> Numbers:
        bits = self._client.call("GET", self._client.key(f"has:{engine}")) or b""
        return np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))).astype(np.int64)

    def _stored(self, *names: str) -> Numbers:
        found: list[int] = []
        for start in range(0, SHARDS, _SHARDS_AT_ONCE):
            shards = [f"b{at}" for at in range(start, start + _SHARDS_AT_ONCE)]
            for fields in self._client.calls(
                ["HKEYS", self._client.sharded(shard, *names)] for shard in shards
            ):
                found += map(int, fields)
        return np.array(sorted(found), np.int64)

    def _shown(self) -> Numbers:
        """Return the covers that rows name."""
        found: list[int] = []
        last = int(self._client.call("HGET", self._client.key("meta"), "next_place") or 0)
        for start in range(1, last + 1, _ROWS_AT_ONCE):
            places = range(start, min(start + _ROWS_AT_ONCE, last + 1))
            for data in self._client.call("HMGET", self._client.key("rows"), *places):
                with suppress(DamagedIndexError):  # told by whoever looks at the rows
                    cover = self._rows.fields(data)[Field.COVER] if data is not None else b""
                    if cover:
                        found.append(int(cover))
        return np.array(sorted(found), np.int64)

    def _awaited(self, gone: str, where: tuple[int, ...]) -> Numbers:
        """Return what stages hold, and what is gone and not forgotten."""
        stages, members = self._client.calls(
            [
                ["HVALS", self._client.key("stages")],
                ["SMEMBERS", self._client.key(gone)],
            ]
        )
        found = {int(member) for member in members}
        for stage in stages:
            record = unpacked(stage)
            found.update(int(one) for at in where for one in record[at].split())
        return np.array(sorted(found), np.int64)
