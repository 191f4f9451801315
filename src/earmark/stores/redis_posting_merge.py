"""Merging one shard's postings upwards; safe beside writers, one process a shard at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import buckets as kernel
from earmark.stores.redis_client import RedisClient, Word
from earmark.stores.redis_posting_layout import (
    LEVEL_BITS,
    LEVELS,
    Layout,
    PostingKeys,
    PostingLimits,
    field_names,
)
from earmark.stores.redis_posting_scripts import LOCK, MERGE, UNLOCK

LOCK_MS = 30_000
_SLICE_BYTES = 1 << 22
_SLICE_UNITS = 256


class LostLockError(Exception):
    """Another process has taken over: this one stood still for too long."""


@contextmanager
def locked(client: RedisClient, key: str) -> Iterator[str | None]:
    """Hold a lock and tell its token, or None where another process has it."""
    token = uuid.uuid4().hex
    if not client.run(LOCK, [key], token, LOCK_MS):
        yield None
        return
    try:
        yield token
    finally:
        client.run(UNLOCK, [key], token)


@dataclass(frozen=True, slots=True)
class ShardLock:
    """A shard of an epoch whose lock is held."""

    epoch: int
    shard: int
    token: str


class PostingMerger:
    """Takes what lies on the lower levels of a shard up to one level, a chunk a value."""

    def __init__(
        self, client: RedisClient, keys: PostingKeys, layout: Layout, limits: PostingLimits
    ) -> None:
        self._client = client
        self._keys = keys
        self._layout = layout
        self._limits = limits

    def merge(self, lock: ShardLock, level: int, held_bytes: int, dead: bytes = b"") -> None:
        """Merge everything up to ``level`` into it, without the numbers of the bitmap ``dead``.

        Parameters
        ----------
        held_bytes
            About what is there.

        Raises
        ------
        LostLockError
            What was merged so far is in force.
        DamageError
            A value is damaged; it is left as it is.
        """
        mean = held_bytes // self._layout.units + 1
        step = int(np.clip(_SLICE_BYTES // mean, 1, _SLICE_UNITS))
        for start in range(0, self._layout.units, step):
            units = np.arange(start, min(start + step, self._layout.units), dtype=np.uint32)
            self._slice(lock, level, units, dead)

    def _slice(
        self, lock: ShardLock, level: int, units: npt.NDArray[np.uint32], dead: bytes
    ) -> None:
        layout = self._layout
        rows = _Rows.of(layout, lock.shard, units, level)
        key = self._keys.shard(lock.epoch, lock.shard)
        found = self._client.call("HMGET", key, *rows.names)
        sizes = np.fromiter((len(value or b"") for value in found), np.int64, len(found))
        busy = np.zeros(len(units), bool)
        busy[rows.unit[(sizes > 0) & ((rows.level < level) | bool(dead))]] = True
        keep = np.flatnonzero(busy[rows.unit])
        if not len(keep):
            return
        chosen = np.cumsum(busy) - 1  # units without work are left out
        merged = kernel.merge(
            kernel.Values.of([found[at] for at in keep]),
            chosen[rows.unit[keep]].astype(np.uint32),
            rows.part[keep],
            rows.group[keep],
            int(busy.sum()),
            layout.groups[0],
            layout.groups[level],
            dead,
            self._limits.value_bytes,
        )
        self._replace(lock, level, _Work(rows, sizes, keep, merged))

    def _replace(self, lock: ShardLock, level: int, work: _Work) -> None:
        rows, sizes, keep = work.rows, work.sizes, work.keep
        at_level = rows.level[keep]
        appended: list[Word] = []
        for at in keep[(at_level == 0) & (sizes[keep] > 0)].tolist():
            appended += (rows.names[at], int(sizes[at]))
        gone: list[Word] = [
            rows.names[at]
            for at in keep[(at_level > 0) & (at_level < level) & (sizes[keep] > 0)].tolist()
        ]
        pairs: list[Word] = []
        for at, value in zip(keep[at_level == level].tolist(), work.merged.values, strict=True):
            if value:
                pairs += (rows.names[at], value)
            elif sizes[at]:
                gone.append(rows.names[at])
        change = [0] * LEVELS
        for lower in range(1, level + 1):
            change[lower] = -int(sizes[keep[at_level == lower]].sum())
        change[level] += sum(map(len, work.merged.values))
        keys = [name(lock.epoch, lock.shard) for name in (self._keys.shard, self._keys.lock)]
        head: list[Word] = [
            lock.token,
            LOCK_MS,
            uuid.uuid4().hex,
            work.merged.left_out,
            *change[1:],
        ]
        words: list[Word] = [*head, len(appended) // 2, *appended, len(gone), *gone, *pairs]
        if self._client.run(MERGE, keys, *words) < 0:
            raise LostLockError


@dataclass(frozen=True, slots=True)
class _Rows:
    """All buckets of some units up to a level, unit by unit: parallel."""

    names: list[bytes]
    unit: npt.NDArray[np.intp]
    level: npt.NDArray[np.intp]
    part: npt.NDArray[np.uint8]
    group: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, layout: Layout, shard: int, units: npt.NDArray[np.uint32], upto: int) -> _Rows:
        parts = [layout.parts(level) for level in range(upto + 1)]
        level = np.repeat(np.arange(upto + 1), parts)
        part = np.concatenate([np.arange(count) for count in parts])
        more = np.array([layout.groups[0] - layout.groups[at] for at in range(upto + 1)])[level]
        whole = (shard * layout.units + units.astype(np.int64))[:, None]
        fields = (whole << more | part) << LEVEL_BITS | level
        return cls(
            field_names(fields.ravel().astype(np.uint32)),
            np.repeat(np.arange(len(units)), len(level)),
            np.tile(level, len(units)),
            np.tile(part.astype(np.uint8), len(units)),
            np.tile(np.array(layout.groups, np.uint8)[level], len(units)),
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """What was read of some units, and what it merges to."""

    rows: _Rows
    sizes: npt.NDArray[np.int64]
    keep: npt.NDArray[np.intp]
    merged: kernel.Merged
