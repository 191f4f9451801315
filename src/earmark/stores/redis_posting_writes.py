"""Adding postings to Redis: packed by batch, appended by one script a shard, all shards at once."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from earmark.errors import StoreUnavailableError
from earmark.kernels import buckets as kernel
from earmark.ports import GAP_FRAMES, Posted
from earmark.stores.redis_client import Command, RedisClient, Word
from earmark.stores.redis_posting_layout import (
    LEVEL_BITS,
    Layout,
    PostingKeys,
    PostingLimits,
    field_names,
)
from earmark.stores.redis_posting_scripts import APPEND, PAY, REVIVE
from earmark.stores.redis_roster import NUMBER_LIMIT, Guard, MovedEpochError, Roster

HEAD = struct.Struct("<II")
"""Before each payload: how many postings its number has, and its span in frames."""
SPAN_LIMIT = (1 << kernel.FRAME_BITS) - 2 * GAP_FRAMES
_BUSY_WAIT_S, _BUSY_TRIES = 0.05, 600
_BEGIN_AGAIN = -1


def fitting(item: Posted) -> Posted:
    """Return the item.

    Raises
    ------
    ValueError
        Its number or its span is more than a position can tell.
    """
    if not 0 <= item.number < NUMBER_LIMIT:
        message = f"number {item.number} is not below {NUMBER_LIMIT}"
        raise ValueError(message)
    if item.span_frames >= SPAN_LIMIT:
        message = (
            f"number {item.number}: {item.span_frames} frames are more than {SPAN_LIMIT - 1}, "
            "which is 74 hours; split the track"
        )
        raise ValueError(message)
    return item


def batches(items: Iterable[Posted], limits: PostingLimits) -> Iterator[list[Posted]]:
    """Yield items in batches of bounded size."""
    batch: list[Posted] = []
    postings = 0
    for item in items:
        batch.append(item)
        postings += len(item.hashes)
        if postings >= limits.batch_postings or len(batch) >= limits.batch_numbers:
            yield batch
            batch, postings = [], 0
    if batch:
        yield batch


class PostingWriter:
    """Adds batches; any number of processes at once."""

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

    def write(self, batch: Sequence[Posted], finish: Callable[[int], object]) -> int | None:
        """Write a batch and make it known; return the epoch it is in, None where all was known.

        Parameters
        ----------
        finish
            Called with the epoch where some of the batch are being cleared away: goes on with it.
        """
        for _ in range(_BUSY_TRIES):
            view = self._roster.view()
            known = view.has(np.array([item.number for item in batch], np.int64))
            # One number twice would be one posting twice.
            fresh = {item.number: item for item, held in zip(batch, known, strict=True) if not held}
            if not fresh:
                return None
            keys = [name(view.epoch) for name in (self._keys.tombs, self._keys.buried)]
            state = self._keys.state(view.epoch)
            burials, *busy = self._client.run(REVIVE, [*keys, state], *fresh)
            if busy:
                finish(view.epoch)
                time.sleep(_BUSY_WAIT_S)
                continue
            totals = {number: len(item.hashes) for number, item in fresh.items()}
            try:
                self._put(view.epoch, int(burials), [fresh[number] for number in sorted(fresh)])
                self._roster.enrol(view.epoch, totals, Guard(state, "burials", int(burials)))
            except MovedEpochError:
                if self._roster.view().epoch != view.epoch:
                    self.clear(view.epoch)  # what came after it was dropped
                continue
            return view.epoch
        message = (
            f"{self._client.address} is still clearing away tracks that are to be added again; "
            "try again in a moment"
        )
        raise StoreUnavailableError(message)

    def clear(self, epoch: int) -> None:
        """Delete everything of an epoch that is over."""
        keys = self._keys.everything(epoch, self._layout)
        self._client.calls([["UNLINK", key] for key in keys])

    def _put(self, epoch: int, burials: int, batch: list[Posted]) -> None:
        """Write payloads and postings; shards that have some of the numbers get the others."""
        every = range(self._layout.shards)
        waiting = {shard: list(batch) for shard in every}
        commands = self._payments(epoch, batch)
        while waiting:
            appends = self._appends(epoch, burials, waiting)
            answers = self._client.calls([*commands, *appends])[len(commands) :]
            commands = []
            if [_BEGIN_AGAIN] in answers:
                raise MovedEpochError
            waiting = {
                shard: rest
                for (shard, items), held in zip(waiting.items(), answers, strict=True)
                if held and (rest := [item for item in items if item.number not in set(held)])
            }

    def _payments(self, epoch: int, batch: Sequence[Posted]) -> list[Command]:
        words: dict[str, list[bytes | int]] = {}
        for item in batch:
            head = HEAD.pack(len(item.hashes), item.span_frames)
            mine = words.setdefault(self._keys.payloads(epoch, item.number), [])
            mine += (item.number, head + bytes(item.payload))
        return [PAY.command([key], pairs) for key, pairs in words.items()]

    def _appends(self, epoch: int, burials: int, waiting: dict[int, list[Posted]]) -> list[Command]:
        """Return a script for each shard, in their order; packs each set of items once."""
        packed: dict[tuple[int, ...], dict[int, list[bytes]]] = {}
        commands: list[Command] = []
        for shard, items in waiting.items():
            numbers = tuple(item.number for item in items)
            if numbers not in packed:
                packed[numbers] = self._packed(items)
            keys = [self._keys.shard(epoch, shard), self._keys.posted(epoch, shard)]
            pairs = packed[numbers].get(shard, [])
            words: list[Word] = [self._limits.value_bytes, burials, len(numbers), *numbers, *pairs]
            commands.append(APPEND.command(keys, words))
        return commands

    def _packed(self, items: Sequence[Posted]) -> dict[int, list[bytes]]:
        """Return each shard's fields and chunks by turns."""
        hashes = np.concatenate([item.hashes for item in items])
        frames = np.concatenate([item.frames for item in items])
        counts = [len(item.hashes) for item in items]
        numbers = np.repeat(np.array([item.number for item in items], np.uint32), counts)
        mixed, group = self._layout.mixed(hashes), np.uint32(self._layout.groups[0])
        buckets, chunks = kernel.pack(mixed >> group, mixed, numbers, frames, int(group))
        pairs: list[bytes] = [b""] * (2 * len(chunks))
        pairs[0::2], pairs[1::2] = field_names(buckets << np.uint32(LEVEL_BITS)), chunks
        shards = self._layout.shard(buckets << group)
        ends = np.searchsorted(shards, np.arange(self._layout.shards), "right").tolist()
        return {
            shard: pairs[2 * start : 2 * end]
            for shard, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
            if end > start
        }
