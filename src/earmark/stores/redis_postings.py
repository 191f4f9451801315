"""The posting store that many machines share: packed buckets in a Redis or a Redis Cluster.

Everything is durable and searchable for every process once `add` returns; `flush` only merges.
How it lies there is told in ``redis_posting_layout.py``. A position is ``(number << 24) + 4096 +
frame``, so no table of tracks is needed; the roster says which numbers are live, and comes along
with each look-up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError
from earmark.kernels import buckets as kernel
from earmark.kernels.postings import DamageError
from earmark.ports import GAP_FRAMES, Hashes, Hits, Numbers, Payload, Posted
from earmark.stores.posted import as_uint32, checked
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_payloads import PayloadReader
from earmark.stores.redis_posting_check import PostingCheck
from earmark.stores.redis_posting_layout import Layout, PostingKeys, PostingLimits
from earmark.stores.redis_posting_reads import PostingReader, wanted_of
from earmark.stores.redis_posting_scripts import ALL
from earmark.stores.redis_posting_upkeep import PostingUpkeep
from earmark.stores.redis_posting_writes import PostingWriter, batches, fitting
from earmark.stores.redis_roster import Roster, RosterView

_SOME = 4096


class RedisPostingStore:
    """A `PostingStore` in Redis; any number of processes read and write at once.

    Parameters
    ----------
    engine
        Whose postings: part of all keys.
    hash_bits
        Hashes are below ``2**hash_bits``.
    digest
        What the postings were made with; an index of another digest is refused, not searched.
    """

    def __init__(
        self,
        client: RedisClient,
        engine: str,
        hash_bits: int = 22,
        digest: str = "",
        *,
        limits: PostingLimits | None = None,
        layout: Layout | None = None,
    ) -> None:
        client.know(*ALL)
        limits = limits or PostingLimits()
        self._client = client
        self._hash_bits = hash_bits
        self._limits = limits
        self._layout = layout = layout or Layout(hash_bits)
        self._keys = keys = PostingKeys(client, engine)
        self._roster = roster = Roster(client, engine, "postings", f"{digest}+{layout.name}")
        self._reader = PostingReader(client, roster, keys, layout, limits)
        self._writer = PostingWriter(client, roster, keys, layout, limits)
        self._upkeep = PostingUpkeep(client, roster, keys, layout, limits)
        self._payloads = PayloadReader(client, roster, keys, limits.payload_bytes)
        self._seen = threading.local()
        self._changed = False

    def known(self) -> Numbers:
        """Return the sorted numbers that `lookup` can find."""
        return self._roster.view().known()

    def add(self, items: Iterable[Posted]) -> None:
        """Make postings durable and searchable for all; known numbers are left as they are."""
        ready = (fitting(checked(item, self._hash_bits)) for item in items)
        for batch in batches(ready, self._limits):
            with self._damage():
                if self._writer.write(batch, self._finish_burial) is not None:
                    self._changed = True
        self._seen.view = None

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, known yet or not; their space is freed at a merge."""
        gone = [int(number) for number in numbers]
        epoch = self._roster.view().epoch
        for start in range(0, len(gone), _SOME):
            some = gone[start : start + _SOME]
            counts = self._payloads.counts(epoch, some)
            self._roster.strike(epoch, {number: counts.get(number, 0) for number in some})
            self._client.call("SADD", self._keys.tombs(epoch), *some)
            self._changed = True
        self._seen.view = None

    def flush(self) -> None:
        """Merge what has grown and clear away what was removed; nothing where nothing changed."""
        if self._changed:
            with self._damage():
                self._upkeep.tidy()
            self._changed = False

    def compact(self) -> None:
        """Merge everything and clear away all that was removed."""
        with self._damage():
            self._upkeep.compact()

    def reload(self) -> None:
        """Do nothing: every look-up asks what has changed."""

    def drop(self) -> None:
        """Forget everything, in Redis too; works on an index that cannot be opened."""
        epoch = self._roster.drop()
        for old in {epoch, max(0, epoch - 1)}:
            self._writer.clear(old)  # the one before too: a late writer may have come after it
        self._payloads.kept.clear()
        self._seen.view = None

    def counts(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        """Return how many postings each hash has; about how many where there are very many."""
        asked = as_uint32(hashes)
        wanted = wanted_of(asked, self._layout)
        if self._reader.cheap(wanted):
            return np.bincount(self._find(wanted).query_index, minlength=len(asked)).astype(
                np.uint32
            )
        counts = np.zeros(len(asked), np.uint32)
        about = self._reader.about(wanted).astype(np.uint32)
        counts[wanted.order] = np.repeat(about, wanted.many)
        return counts

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every live posting of every hash; one round trip where nothing has changed."""
        return self._find(wanted_of(as_uint32(hashes), self._layout))

    def locate(
        self, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (numbers, frames) of positions of this thread's last `lookup`."""
        positions = np.asarray(positions, np.int64)
        numbers = positions >> kernel.FRAME_BITS
        frames = (positions & ((1 << kernel.FRAME_BITS) - 1)) - GAP_FRAMES
        live = self._mine().has(numbers) & (frames >= -GAP_FRAMES // 2)
        return np.where(live, numbers, -1), np.where(live, frames, 0)

    def payload(self, number: int) -> Payload:
        """Return a number's bytes; raises `KeyError` for a number that is not known."""
        return self.payloads([number])[0]

    def payloads(self, numbers: Sequence[int]) -> list[Payload]:
        """Return the bytes of many numbers, at most two round trips; raises `KeyError`."""
        return self._payloads.read(numbers, self._mine())[0]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` of packed postings, ``postings``, ``capped`` ones that were left out."""
        view = self._roster.view()
        sizes = self._upkeep.sizes(view.epoch)
        return {
            "bytes": sum(size.bytes for size in sizes),
            "segments": 0,
            "postings": view.total,
            "pending": 0,
            "capped": sum(size.capped for size in sizes),
        }

    def verify(self) -> list[str]:
        """Read every bucket; return one sentence per fault (`earmark doctor`)."""
        view = self._roster.view()
        capped = sum(size.capped for size in self._upkeep.sizes(view.epoch))
        check = PostingCheck(self._client, self._keys, self._layout, self._payloads)
        return check.faults(view, capped) if view.items else []

    # --- how -----------------------------------------------------------------------------------

    def _find(self, wanted: kernel.Wanted) -> Hits:
        seen = self._reader.read(wanted)
        self._seen.view = seen.view
        with self._damage():
            places, known = seen.places, seen.view.bitmap
            return Hits(*kernel.find(seen.values, places.base, places.group, wanted, known))

    def _mine(self) -> RosterView:
        return getattr(self._seen, "view", None) or self._roster.view()

    def _finish_burial(self, epoch: int) -> None:
        self._upkeep.bury(epoch, self._upkeep.sizes(epoch), None)

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except DamageError as error:
            message = (
                f"the postings of {self._keys.engine!r} in {self._client.address.uri} are damaged "
                f"({error}); run `earmark rebuild`"
            )
            raise DamagedIndexError(message) from error
