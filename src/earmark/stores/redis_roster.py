"""Which numbers an index in Redis holds: a bitmap with a version, shared by all processes.

A number is enrolled after all of it is written and struck off before any of it is deleted, so
that nobody finds half a track. Readers keep the bitmap and ask for its version with each lookup;
ten million numbers are 1.25 MB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from earmark.errors import LibraryParametersError
from earmark.ports import Numbers
from earmark.stores.redis_client import Command, RedisClient, Script

Bits = npt.NDArray[np.bool_]
NUMBER_LIMIT = 1 << 31
"""Numbers are below it: a bitmap in Redis has up to 2**32 bits."""

# meta, bitmap, guard's key; digest, epoch, guard's field and value, then number and total by turns.
# Counts what is new; a repetition changes nothing.
_ENROL = Script(
    """
local held = redis.call('HGET', KEYS[1], 'digest')
if held and held ~= ARGV[1] then return -1 end
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then
  if ARGV[2] ~= '0' or redis.call('HEXISTS', KEYS[1], 'epoch') == 1 then return -2 end
  redis.call('HSET', KEYS[1], 'epoch', '0')
end
if not held then redis.call('HSET', KEYS[1], 'digest', ARGV[1]) end
if KEYS[3] and (redis.call('HGET', KEYS[3], ARGV[3]) or '0') ~= ARGV[4] then return -2 end
local new, total = 0, 0
for at = 5, #ARGV, 2 do
  if redis.call('SETBIT', KEYS[2], ARGV[at], 1) == 0 then
    new, total = new + 1, total + tonumber(ARGV[at + 1])
  end
end
redis.call('HINCRBY', KEYS[1], 'items', new)
redis.call('HINCRBY', KEYS[1], 'total', total)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return new
"""
)
_STRIKE = Script(
    """
local old, total = 0, 0
for at = 1, #ARGV, 2 do
  if redis.call('GETBIT', KEYS[2], ARGV[at]) == 1 then
    redis.call('SETBIT', KEYS[2], ARGV[at], 0)
    old, total = old + 1, total + tonumber(ARGV[at + 1])
  end
end
redis.call('HINCRBY', KEYS[1], 'items', 0 - old)
redis.call('HINCRBY', KEYS[1], 'total', 0 - total)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return old
"""
)
# meta; the epoch that ends; a repetition finds it ended
_DROP = Script(
    """
if (redis.call('HGET', KEYS[1], 'epoch') or '0') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'digest', 'items', 'total')
redis.call('HINCRBY', KEYS[1], 'version', 1)
return redis.call('HINCRBY', KEYS[1], 'epoch', 1)
"""
)
# The counters and the bitmap of one moment: between two requests another may enrol.
_VIEW = Script(
    """
local meta = redis.call('HMGET', KEYS[1], 'digest', 'epoch', 'version', 'items', 'total')
return {meta, redis.call('GET', KEYS[2])}
"""
)


class MovedEpochError(Exception):
    """The index was dropped and begun anew since it was looked at, or a guard has changed."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A field of a hash of the catalogue that must have a value for numbers to be enrolled."""

    key: str
    field: str
    value: int


@dataclass(frozen=True)
class RosterView:
    """The roster as it was at one moment; ``total`` is what its numbers were enrolled with."""

    epoch: int = 0
    version: int = 0
    items: int = 0
    total: int = 0
    bitmap: bytes = field(default=b"", repr=False)

    @cached_property
    def bits(self) -> Bits:
        """Whether each number is enrolled; numbers beyond the end are not."""
        return np.unpackbits(np.frombuffer(self.bitmap, np.uint8)).view(np.bool_)

    def known(self) -> Numbers:
        """Return the sorted numbers."""
        return np.flatnonzero(self.bits).astype(np.int64)

    def has(self, numbers: npt.NDArray[np.integer]) -> Bits:
        """Return which of ``numbers`` are enrolled."""
        asked = np.asarray(numbers, np.int64)
        inside = (asked >= 0) & (asked < len(self.bits))
        if not len(self.bits):
            return inside
        return inside & self.bits[np.where(inside, asked, 0)]


class Roster:
    """The roster of one index of one engine; any number of threads and processes.

    Parameters
    ----------
    digest
        What the index was made with; one of another digest is refused, not searched.
    """

    def __init__(self, client: RedisClient, engine: str, index: str, digest: str) -> None:
        client.know(_ENROL, _STRIKE, _DROP, _VIEW)
        self._client = client
        self._names = (engine, index)
        self._digest = digest
        self._last = RosterView()

    @property
    def meta(self) -> str:
        """The key of the index' counters; its other fields are the index' own."""
        return self._client.key("index", *self._names)

    def question(self) -> Command:
        """Return the command to send along with a lookup, whose answer `view` understands."""
        return ["HMGET", self.meta, "digest", "epoch", "version", "items", "total"]

    def view(self, answer: Sequence[bytes | None] | None = None) -> RosterView:
        """Return the roster as it is now; costs another round trip only where it has changed.

        Raises
        ------
        LibraryParametersError
            The index was made with other parameters.
        """
        if answer is None:
            answer = self._client.call(*self.question())
        epoch, version, *_ = self._figures(answer)
        last = self._last
        while (epoch, version) != (last.epoch, last.version):
            told, bitmap = self._client.run(_VIEW, (self.meta, self.bitmap(epoch)))
            seen, version, items, total = self._figures(told)
            if seen == epoch:
                last = self._last = RosterView(epoch, version, items, total, bitmap or b"")
            epoch = seen
        return last

    def _figures(self, answer: Sequence[bytes | None]) -> list[int]:
        """Return epoch, version, items and total; raises `LibraryParametersError`."""
        digest, *figures = answer
        if digest is not None and digest.decode() != self._digest:
            engine, index = self._names
            message = (
                f"the index {index!r} of {engine!r} in {self._client.address} was built with "
                f"parameters {digest.decode()}, asked for {self._digest}; run `earmark rebuild`"
            )
            raise LibraryParametersError(message)
        return [int(figure or 0) for figure in figures]

    def enrol(self, epoch: int, totals: Mapping[int, int], guard: Guard | None = None) -> None:
        """Make numbers known, each with what it adds to the total.

        Raises
        ------
        LibraryParametersError
            Another process has begun an index of other parameters.
        MovedEpochError
            The index was dropped since ``epoch`` was seen, or ``guard`` has another value.
        """
        pairs = [figure for item in totals.items() for figure in item]
        keys = [self.meta, self.bitmap(epoch), *([guard.key] if guard else [])]
        terms = (guard.field, guard.value) if guard else ("", "")
        new = self._client.run(_ENROL, keys, self._digest, epoch, *terms, *pairs)
        if new == -1:
            self.view()  # raises
        if new < 0:
            raise MovedEpochError

    def strike(self, epoch: int, totals: Mapping[int, int]) -> None:
        """Hide numbers; those that are not known stay so."""
        pairs = [figure for item in totals.items() for figure in item]
        self._client.run(_STRIKE, (self.meta, self.bitmap(epoch)), *pairs)

    def drop(self) -> int:
        """Forget all numbers and begin a new epoch; return the old one, to be cleared away."""
        epoch = int(self._client.call("HGET", self.meta, "epoch") or 0)
        self._client.run(_DROP, (self.meta,), epoch)
        self._client.call("UNLINK", self.bitmap(epoch))
        return epoch

    def bitmap(self, epoch: int) -> str:
        """Return the key of the numbers of an epoch."""
        return self._client.key("index", *self._names, epoch, "known")
