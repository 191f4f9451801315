"""When postings in Redis are merged, and how removed tracks are cleared away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_posting_layout import LEVELS, SIZES, Layout, PostingKeys, PostingLimits
from earmark.stores.redis_posting_merge import (
    LOCK_MS,
    LostLockError,
    PostingMerger,
    ShardLock,
    locked,
)
from earmark.stores.redis_posting_scripts import BURY, LOCK, OPEN, UNPAY, UNPOST
from earmark.stores.redis_roster import Roster

_FEW = 32
_SOME = 4096
_DEAD_SHARE = 5
_NEXT_SHARE = 16


@dataclass(frozen=True, slots=True)
class ShardSizes:
    """Bytes of a shard's values by level, and postings that were left out."""

    levels: tuple[int, ...]
    capped: int = 0

    @property
    def bytes(self) -> int:
        """All of them."""
        return sum(self.levels)


class PostingUpkeep:
    """Merges and clears away a bounded share at a time; beside any number of writers."""

    def __init__(
        self,
        client: RedisClient,
        roster: Roster,
        keys: PostingKeys,
        layout: Layout,
        limits: PostingLimits,
    ) -> None:
        self._client = client
        self._roster = roster
        self._keys = keys
        self._layout = layout
        self._limits = limits
        self._merger = PostingMerger(client, keys, layout, limits)

    def sizes(self, epoch: int) -> list[ShardSizes]:
        """Return the sizes of all shards."""
        shards = [self._keys.shard(epoch, shard) for shard in range(self._layout.shards)]
        answers = self._client.calls([["HMGET", key, *SIZES, "capped"] for key in shards])
        figures = [[int(figure or 0) for figure in answer] for answer in answers]
        return [ShardSizes(tuple(own[:LEVELS]), own[LEVELS]) for own in figures]

    def tidy(self) -> None:
        """Merge what has grown and clear away what was removed, as far as it is worth it."""
        view = self._roster.view()
        tombs, buried = self._client.calls(
            [["SCARD", key(view.epoch)] for key in (self._keys.tombs, self._keys.buried)]
        )
        sizes = self.sizes(view.epoch)
        left = self._limits.flush_bytes
        if buried or tombs > max(_FEW, view.items // _DEAD_SHARE):
            left = self.bury(view.epoch, sizes, left)
        for shard, size in enumerate(sizes):
            level = self._due(size)
            if level and left > 0:
                left -= self._merge(view.epoch, shard, level, sum(size.levels[: level + 1]))

    def compact(self) -> None:
        """Merge and clear away everything; what another process is at work on is left to it."""
        epoch = self._roster.view().epoch
        self.bury(epoch, self.sizes(epoch), None)
        for shard, size in enumerate(self.sizes(epoch)):
            level = self._top(size)
            if any(size.levels[:level]):
                self._merge(epoch, shard, level, size.bytes)

    def bury(self, epoch: int, sizes: list[ShardSizes], left: int | None) -> int:
        """Clear removed numbers out of shards until ``left`` bytes are read; return the rest."""
        roster, tombs, buried, state, cleared = (
            self._roster.bitmap(epoch),
            self._keys.tombs(epoch),
            self._keys.buried(epoch),
            self._keys.state(epoch),
            self._keys.cleared(epoch),
        )
        self._client.run(BURY, [roster, tombs, buried, state])
        found, done, burials = self._client.calls(
            [["SMEMBERS", buried], ["SMEMBERS", cleared], ["HGET", state, "burials"]]
        )
        numbers = sorted(map(int, found))
        rest = left or 0
        if not numbers:
            return rest
        for shard in sorted(set(range(self._layout.shards)) - set(map(int, done))):
            if left is not None and rest <= 0:
                return rest
            rest -= self._clear(epoch, shard, numbers, int(burials), sizes[shard])
        self._end_burial(epoch, numbers, int(burials))
        return rest

    def _top(self, size: ShardSizes) -> int:
        """Return the level for all of a shard: short values in small buckets are a waste."""
        level = max([0, *(at for at, held in enumerate(size.levels) if held)])
        while level < LEVELS - 1 and size.bytes > self._limits.level_bytes[level]:
            level += 1
        return level

    def _due(self, size: ShardSizes) -> int:
        """Return the level to merge up to; 0 for none."""
        following = [0] * LEVELS
        for level in reversed(range(LEVELS - 1)):
            above = level + 1
            following[level] = max(size.levels[above], following[above]) // _NEXT_SHARE
        level, held = 0, size.levels[0]
        while level < LEVELS - 1 and held > max(self._limits.level_bytes[level], following[level]):
            level += 1
            held += size.levels[level]
        return level

    def _merge(self, epoch: int, shard: int, level: int, held_bytes: int) -> int:
        with locked(self._client, self._keys.lock(epoch, shard)) as token:
            if token is None:
                return 0
            try:
                self._merger.merge(ShardLock(epoch, shard, token), level, held_bytes)
            except LostLockError:
                return held_bytes
        return held_bytes

    def _clear(
        self, epoch: int, shard: int, numbers: list[int], burials: int, size: ShardSizes
    ) -> int:
        state, cleared = self._keys.state(epoch), self._keys.cleared(epoch)
        keys = [self._keys.shard(epoch, shard), self._keys.lock(epoch, shard)]
        with locked(self._client, keys[1]) as token:
            if token is None:
                return 0
            # While the lock is held and the shard not cleared, this burial cannot end.
            now, done = self._client.calls(
                [["HGET", state, "burials"], ["SISMEMBER", cleared, shard]]
            )
            if int(now or 0) != burials or done:
                return 0
            try:
                _kept(self._client.run(OPEN, keys, token, burials))
                lock = ShardLock(epoch, shard, token)
                self._merger.merge(lock, max(1, self._top(size)), size.bytes, _bitmap(numbers))
                posted = [self._keys.posted(epoch, shard), keys[1]]
                for at in range(0, len(numbers), _SOME):
                    some = numbers[at : at + _SOME]
                    _kept(self._client.run(UNPOST, posted, token, *some))
            except LostLockError:
                return size.bytes
            self._client.call("SADD", cleared, shard)
        return size.bytes

    def _end_burial(self, epoch: int, numbers: list[int], burials: int) -> None:
        """Delete the payloads, then the burial itself, where all shards are cleared."""
        cleared, buried = self._keys.cleared(epoch), self._keys.buried(epoch)
        lock = self._keys.burying(epoch)
        with locked(self._client, lock) as token:
            if token is None:
                return
            done, now = self._client.calls(
                [["SCARD", cleared], ["HGET", self._keys.state(epoch), "burials"]]
            )
            if done < self._layout.shards or int(now or 0) != burials:
                return
            for at in range(0, len(numbers), _SOME):
                if not self._client.run(LOCK, [lock], token, LOCK_MS):
                    return
                by_key: dict[str, list[int]] = {}
                for number in numbers[at : at + _SOME]:
                    by_key.setdefault(self._keys.payloads(epoch, number), []).append(number)
                self._client.calls([UNPAY.command([key], own) for key, own in by_key.items()])
            self._client.call("DEL", buried, cleared)


def _kept(answer: int) -> None:
    if answer < 0:
        raise LostLockError


def _bitmap(numbers: Iterable[int]) -> bytes:
    held = np.fromiter(numbers, np.int64)
    flags = np.zeros(int(held.max()) + 1, np.uint8)
    flags[held] = 1
    return np.packbits(flags).tobytes()
