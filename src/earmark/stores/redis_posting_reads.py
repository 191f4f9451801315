"""Reading postings from Redis: every bucket of a question in one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from earmark.kernels import buckets as kernel
from earmark.ports import Hashes
from earmark.stores.redis_client import Command, RedisClient
from earmark.stores.redis_posting_layout import (
    LEVELS,
    SIZES,
    Layout,
    Places,
    PostingKeys,
    PostingLimits,
)
from earmark.stores.redis_posting_scripts import LENGTHS
from earmark.stores.redis_roster import Roster, RosterView

_POSTING_BYTES = 3.2
_NEIGHBOURS = 16
_CROWDED = 4
"""Buckets that are asked for are longer than the mean: music asks for what music has."""


def wanted_of(asked: Hashes, layout: Layout) -> kernel.Wanted:
    """Mix and sort a question; hashes of too many bits are left out."""
    fitting = np.flatnonzero(asked >> np.uint64(layout.hash_bits) == 0)
    return kernel.Wanted.of(layout.mixed(asked[fitting]), fitting)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read for some hashes, and the roster it belongs to."""

    view: RosterView
    places: Places
    values: kernel.Values


class PostingReader:
    """Reads buckets along with the roster; any number of threads.

    The roster is never newer than the buckets: a number that was enrolled while they were read
    might be there by halves.
    """

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
        self._view = RosterView()
        self._held = np.full(layout.shards, (1 << LEVELS) - 1, np.uint8)

    def read(self, wanted: kernel.Wanted) -> Seen:
        """Return all buckets of the hashes; one round trip where the roster has not changed."""
        view = self._view
        seen, now = self._read(view, wanted, final=False)
        while seen is None or now.epoch != view.epoch:
            # The new roster was there before the buckets are read now: that is good enough.
            view = self._view = now
            seen, now = self._read(view, wanted, final=True)
        return seen

    def about(self, wanted: kernel.Wanted) -> npt.NDArray[np.float64]:
        """Return about how many postings each hash has: what its buckets have beyond the mean."""
        view = self._view = self._roster.view()
        every = np.full(self._layout.shards, (1 << LEVELS) - 1, np.uint8)
        places = self._layout.places(wanted.hashes, every)
        answers = self._client.calls(
            LENGTHS.command([self._keys.shard(view.epoch, shard)], places.fields[start:end])
            for shard, (start, end) in zip(places.shards, pairwise(places.starts), strict=True)
        )
        hashes = 1 << (self._layout.hash_bits - self._layout.shard_bits)
        own = []
        for answer, (start, end) in zip(answers, pairwise(places.starts), strict=True):
            mean = np.array(answer[-LEVELS:], np.float64) / hashes
            group = places.group[start:end].astype(np.int64)
            level = np.searchsorted(-np.array(self._layout.groups), -group)
            others = ((1 << group) - 1) * mean[level]
            held = np.array(answer[:-LEVELS], np.float64)
            own.append(np.where(held > 0, np.maximum(held - others, 1.0), 0.0))
        lengths = np.concatenate(own) if own else np.zeros(0)
        total = np.zeros(len(wanted.hashes))
        for width in sorted(set(self._layout.groups)):
            mine = np.flatnonzero(places.group == width)
            mine = mine[np.argsort(places.base[mine])]
            first = wanted.hashes >> np.uint32(width) << np.uint32(width)
            total += lengths[mine][np.searchsorted(places.base[mine], first)]
        return np.ceil(total / _POSTING_BYTES)

    def cheap(self, wanted: kernel.Wanted) -> bool:
        """Return whether reading all of the hashes' buckets costs little."""
        if not self._view.total:  # the first question of a process
            self._view = self._roster.view()
        share = min(1.0, len(wanted.hashes) * _NEIGHBOURS / (1 << self._layout.hash_bits))
        return share * _POSTING_BYTES * self._view.total * _CROWDED <= self._limits.exact_bytes

    def _read(
        self, view: RosterView, wanted: kernel.Wanted, *, final: bool
    ) -> tuple[Seen | None, RosterView]:
        """Return the buckets and the roster of now; none where it has changed and is not final."""
        while True:
            asked = self._held
            places = self._layout.places(wanted.hashes, asked)
            commands: list[Command] = [self._roster.question()]
            # A shard whose levels are all empty is asked whether they still are.
            asking: dict[int, list[bytes]] = {
                shard: [] for shard in np.unique(self._layout.shard(wanted.hashes)).tolist()
            }
            for shard, (start, end) in zip(places.shards, pairwise(places.starts), strict=True):
                asking[shard] = places.fields[start:end]
            for shard, fields in asking.items():
                commands.append(["HMGET", self._keys.shard(view.epoch, shard), *fields, *SIZES])
            told, *answers = self._client.calls(commands)
            now = self._roster.view(told)
            held = asked.copy()
            for shard, answer in zip(asking, answers, strict=True):
                sizes = answer[-LEVELS:]
                del answer[-LEVELS:]
                held[shard] = sum(1 << at for at, size in enumerate(sizes) if int(size or 0) > 0)
            self._held = held
            if not final and (now.epoch, now.version) != (view.epoch, view.version):
                return None, now
            if not (held & ~asked).any():
                break
        values = kernel.Values.of(list(chain.from_iterable(answers)))
        return Seen(view, places, values), now
