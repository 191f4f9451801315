"""How postings lie in Redis: shards, levels and buckets.

A hash is *mixed* first (a permutation of all hashes), so that those that music has often do not lie
side by side, and do not have to be read with one another. The mixed hash's highest bits choose one
of 64 shards. A shard is one Redis hash; its fields are buckets on five levels, its values packed
postings (``kernels/buckets.c``):

=====  ========================  ==============================================================
level  a bucket has so many      what lies there
       neighbours
=====  ========================  ==============================================================
0      64                        what was appended of late, a chunk for each batch
1      32                        what was merged out of level 0, as one chunk a value
2      16                        what was merged out of level 1: the bulk of many libraries
3      4                         the same, from a gigabyte of level 2 on
4      1                         the same, from 16 gigabytes of level 3 on
=====  ========================  ==============================================================

Merging upwards keeps what is written for each posting small: whoever appends to a value has Redis
write the whole of it to its log, so only short values are appended to. The more there is, the
smaller the buckets, so that what lies beside a hash costs little: a field costs 50 bytes, which
many postings share then.

A field is four bytes, ``bucket << 3 | level``. Beside them stand ``bytes0`` to ``bytes4`` (exact: 0
says that a level need not be read), ``capped`` (postings left out of values that are too long),
``merged`` (the last merge, so that it is not done twice) and ``burials`` (of the index', the last
that came here).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels.buckets import GROUP_MOST
from earmark.stores.redis_client import RedisClient

UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]
LEVELS = 5
LEVEL_BITS = 3
SIZES = tuple(f"bytes{level}" for level in range(LEVELS))
_GROUPS = (GROUP_MOST, 5, 4, 2, 0)
_FACTORS = (0x9E3779B1, 0x85EBCA6B)
PAYLOAD_SHARDS = 256
FIELD_BYTES = 4


@dataclass(frozen=True, slots=True)
class PostingLimits:
    """Sizes that decide when work is done; changing them leaves every index valid.

    A value takes no more postings once it has ``value_bytes``: a hash that so many tracks have
    weighs least in the vote, and reading it costs most. Level i of a shard is merged once it has
    ``level_bytes[i]`` and a sixteenth of the next level's bytes. ``flush_bytes``
    bounds what one flush rewrites. ``exact_bytes`` is what counting may read.
    """

    value_bytes: int = 1 << 20
    level_bytes: tuple[int, ...] = (1 << 18, 1 << 20, 1 << 24, 1 << 28)
    flush_bytes: int = 1 << 28
    batch_postings: int = 1 << 20
    batch_numbers: int = 512
    exact_bytes: int = 1 << 23
    payload_bytes: int = 1 << 26


@dataclass(frozen=True, slots=True)
class Places:
    """Buckets to ask for, in the order of shards: parallel arrays, and where each shard begins."""

    fields: list[bytes]
    base: UInt32
    group: UInt8
    shards: list[int]
    starts: list[int]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the postings of a hash lie; hashes are below ``2**hash_bits``."""

    hash_bits: int
    most_shard_bits: int = 6

    def __post_init__(self) -> None:
        if not 1 <= self.hash_bits <= 8 * FIELD_BYTES - LEVEL_BITS:
            message = f"hashes in Redis have 1 to {8 * FIELD_BYTES - LEVEL_BITS} bits"
            raise ValueError(message)

    @property
    def name(self) -> str:
        """What an index remembers, so that another layout is not taken for this one."""
        return f"b1.{self.hash_bits}.{self.shard_bits}"

    @property
    def groups(self) -> tuple[int, ...]:
        """Bits of a hash within a bucket, by level."""
        return tuple(min(group, self.hash_bits) for group in _GROUPS)

    @property
    def shard_bits(self) -> int:
        """How many of the highest bits choose the shard."""
        return min(self.most_shard_bits, self.hash_bits - self.groups[0])

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return 1 << self.shard_bits

    @property
    def units(self) -> int:
        """How many buckets of level 0 a shard has."""
        return 1 << (self.hash_bits - self.groups[0] - self.shard_bits)

    def parts(self, level: int) -> int:
        """Return how many buckets of a level lie in one of level 0."""
        return 1 << (self.groups[0] - self.groups[level])

    def mixed(self, hashes: UInt32) -> UInt32:
        """Return hashes mixed; those of too many bits are cut off."""
        mask, half = np.uint64((1 << self.hash_bits) - 1), np.uint64((self.hash_bits + 1) // 2)
        mixed = hashes.astype(np.uint64) * np.uint64(_FACTORS[0]) & mask
        mixed ^= mixed >> half
        return (mixed * np.uint64(_FACTORS[1]) & mask).astype(np.uint32)

    def shard(self, mixed: UInt32) -> UInt32:
        """Return the shards of mixed hashes."""
        return mixed >> np.uint32(self.hash_bits - self.shard_bits)

    def places(self, wanted: UInt32, held: UInt8) -> Places:
        """Return every bucket that may have one of some mixed hashes, which rise.

        Parameters
        ----------
        held
            For each shard a bit for each level that is not empty.
        """
        base, group, fields = [], [], []
        for level, width in enumerate(np.array(self.groups, np.uint32)):
            first = wanted >> width << width
            first = first[np.flatnonzero(np.diff(first, prepend=~first[:1]))]
            first = first[(held[self.shard(first)] >> level & 1) == 1]
            base.append(first)
            group.append(np.full(len(first), width, np.uint8))
            fields.append(first >> width << np.uint32(LEVEL_BITS) | np.uint32(level))
        bases = np.concatenate(base)
        shard = self.shard(bases)
        order = np.argsort(shard, kind="stable")
        starts = np.flatnonzero(np.diff(shard[order], prepend=-1))
        return Places(
            field_names(np.concatenate(fields)[order]),
            bases[order],
            np.concatenate(group)[order],
            shard[order][starts].tolist(),
            [*starts.tolist(), len(order)],
        )


def field_names(fields: UInt32) -> list[bytes]:
    """Return the names of fields."""
    whole = fields.astype(">u4").tobytes()
    return [whole[at : at + FIELD_BYTES] for at in range(0, len(whole), FIELD_BYTES)]


@dataclass(frozen=True, slots=True)
class PostingKeys:
    """The names of all keys of one engine's postings."""

    client: RedisClient
    engine: str

    def shard(self, epoch: int, shard: int) -> str:
        """Return the hash of a shard's buckets."""
        return self._shard(epoch, shard, "buckets")

    def posted(self, epoch: int, shard: int) -> str:
        """Return the bitmap of the numbers whose postings a shard has."""
        return self._shard(epoch, shard, "posted")

    def lock(self, epoch: int, shard: int) -> str:
        """Return what the process that merges a shard holds."""
        return self._shard(epoch, shard, "lock")

    def payloads(self, epoch: int, number: int) -> str:
        """Return the hash of the payloads of a number's shard."""
        shard = f"b{number % PAYLOAD_SHARDS}"
        return self.client.sharded(shard, "postings", self.engine, epoch, "payloads")

    def state(self, epoch: int) -> str:
        """Return the hash that counts burials."""
        return self._catalogue(epoch, "state")

    def tombs(self, epoch: int) -> str:
        """Return the set of numbers that are hidden and not cleared away."""
        return self._catalogue(epoch, "tombs")

    def buried(self, epoch: int) -> str:
        """Return the set of numbers that are being cleared away."""
        return self._catalogue(epoch, "buried")

    def cleared(self, epoch: int) -> str:
        """Return the set of shards from which the buried are gone."""
        return self._catalogue(epoch, "cleared")

    def burying(self, epoch: int) -> str:
        """Return what the process that ends a burial holds."""
        return self._catalogue(epoch, "burying")

    def everything(self, epoch: int, layout: Layout) -> list[str]:
        """Return every key of an epoch but the roster's."""
        shards = [
            name(epoch, shard)
            for shard in range(layout.shards)
            for name in (self.shard, self.posted, self.lock)
        ]
        payloads = [self.payloads(epoch, number) for number in range(PAYLOAD_SHARDS)]
        names = (self.state, self.tombs, self.buried, self.cleared, self.burying)
        catalogue = [name(epoch) for name in names]
        return [*shards, *payloads, *catalogue]

    def _shard(self, epoch: int, shard: int, name: str) -> str:
        return self.client.sharded(f"p{shard}", "postings", self.engine, epoch, name)

    def _catalogue(self, epoch: int, name: str) -> str:
        return self.client.key("postings", self.engine, epoch, name)
