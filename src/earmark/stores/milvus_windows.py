"""The large collection of an index: one row a window, searched by inner product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.embedded import none_found, seconds_of, ticks_of
from earmark.stores.milvus_client import Hits, Milvus
from earmark.stores.milvus_schema import (
    MESSAGE_BYTES,
    MOST_FOUND,
    ROW_BITS,
    VECTOR,
    Held,
    Shown,
    asked,
    listed,
    window_ids,
)

_SPARE = 16
"""Rows asked for beyond k at first, to see where similarity drops below the k-th."""
_GRAIN = 2.0**20
"""Similarities are rounded to 1/_GRAIN: equal vectors are equal in whatever segment they lie."""
_ANSWERS = 100_000
"""The most hits that are asked for in one message."""


@dataclass(frozen=True, slots=True)
class Found:
    """The windows found for one query, best first, as columns."""

    number: Numbers
    start: Numbers
    length: Numbers
    row: Numbers
    similarity: Float32

    @classmethod
    def of(cls, parts: Sequence[Found]) -> Found:
        """Return several together in the order that `Neighbours` promises."""
        names = cls.__slots__
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
        number, start, _, row, similarity = columns
        order = np.lexsort((row, start, number, -similarity))
        return cls(*(column[order] for column in columns))

    @classmethod
    def nothing(cls) -> Found:
        """Return that no window was found."""
        none = np.zeros(0, np.int64)
        return cls(none, none, none, none, np.zeros(0, np.float32))

    def first(self, k: int) -> Found:
        """Return the best k."""
        return Found(*(getattr(self, name)[:k] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class WindowRows:
    """The rows of the collection ``name``."""

    milvus: Milvus
    name: str
    dimension: int

    @property
    def _most(self) -> int:
        """Rows with vectors in one message."""
        return max(1, min(MOST_FOUND, MESSAGE_BYTES // (4 * self.dimension + 100)))

    def put(self, items: Iterable[Embedded]) -> None:
        """Write the windows of numbers."""
        rows: list[dict[str, Any]] = []
        for item in items:
            starts, lengths = ticks_of(item.start_s).tolist(), ticks_of(item.length_s).tolist()
            for row, key in enumerate(window_ids(item.number, len(item.vectors))):
                rows.append(
                    {
                        "id": key,
                        "number": item.number,
                        "row": row,
                        "start": starts[row],
                        "length": lengths[row],
                        VECTOR: item.vectors[row],
                    }
                )
                if len(rows) >= self._most:
                    self.milvus.upsert(self.name, rows)
                    rows = []
        if rows:
            self.milvus.upsert(self.name, rows)

    def remove(self, numbers: Sequence[int], held: Held) -> None:
        """Delete the windows of numbers: by their keys, which is quicker, where they are held."""
        known = held.only(np.array(numbers, np.int64))
        pairs = zip(known.numbers.tolist(), known.windows.tolist(), strict=True)
        keys = [key for number, count in pairs for key in window_ids(number, count)]
        rest = sorted(set(numbers) - set(known.numbers.tolist()))
        for which in (*listed(keys, "id"), *listed(rest)):
            self.milvus.delete(self.name, which)

    def read(self, held: Held) -> Iterator[Embedded]:
        """Yield the windows of each number, without payloads; what is lost is not there."""
        numbers, counts = held.numbers.tolist(), held.windows.tolist()
        at = 0
        while at < len(numbers):
            end, size = at + 1, counts[at]
            while end < len(numbers) and size + counts[end] <= self._most:
                size += counts[end]
                end += 1
            yield from self._together(numbers[at:end], size)
            at = end

    def _together(self, numbers: Sequence[int], size: int) -> Iterator[Embedded]:
        fields = ("number", "row", "start", "length", VECTOR)
        rows: list[dict[str, Any]] = []
        for first in range(0, size, self._most):
            which = f"number in {list(numbers)} and row >= {first} and row < {first + self._most}"
            rows += self.milvus.query(self.name, which, fields, MOST_FOUND)
        rows.sort(key=lambda row: (int(row["number"]), int(row["row"])))
        vectors = np.array([row[VECTOR] for row in rows], np.float32).reshape(-1, self.dimension)
        times = np.array([(row["start"], row["length"]) for row in rows], np.uint32).reshape(-1, 2)
        places = np.array([row["number"] for row in rows], np.int64)
        for number in numbers:
            part = slice(*np.searchsorted(places, [number, number + 1]))
            start_s, length_s = seconds_of(times[part, 0]), seconds_of(times[part, 1])
            yield Embedded(number, vectors[part], start_s, length_s, b"")

    def search(
        self, queries: Float32, k: int, held: Shown, kind: str, among: Numbers | None = None
    ) -> list[Found]:
        """Return the k windows of ``held`` nearest to each query, fewer where there are fewer.

        ``among`` are those of its numbers that are wanted, None for all: Milvus filters out the
        others. Numbers that a dead writer left, or that were removed a moment ago, are dropped
        here, and more is asked for.
        """
        wanted = min(k, held.total)
        if wanted > MOST_FOUND:
            message = f"k = {k}: Milvus finds at most {MOST_FOUND} windows for one query"
            raise ValueError(message)
        if not wanted or not len(queries) or (among is not None and not len(among)):
            return [Found.nothing()] * len(queries)
        parts = [""] if among is None else list(listed(among.tolist()))
        found: list[list[Found]] = [[] for _ in queries]
        for which in parts:
            for query, part in enumerate(self._searched(queries, wanted, held, kind, which)):
                found[query].append(part)
        return [Found.of(part).first(k) for part in found]

    def _searched(
        self, queries: Float32, k: int, held: Shown, kind: str, which: str
    ) -> list[Found]:
        found: dict[int, Found] = {}
        limit, hidden, left = min(k + _SPARE, MOST_FOUND), set[int](), list(range(len(queries)))
        while left:
            hits = self._hits(queries[left], limit, kind, _and(which, hidden))
            again = []
            for query, hit in zip(left, hits, strict=True):
                number, similarity = hit.ids >> ROW_BITS, _rounded(hit.similarity)
                alive = held.has(number)
                whole = len(number) < limit
                kept = similarity[alive]
                found[query] = Found(
                    number[alive],
                    hit.fields["start"][alive],
                    hit.fields["length"][alive],
                    (hit.ids & ((1 << ROW_BITS) - 1))[alive],
                    kept,
                )
                if whole or (len(kept) >= k and similarity[-1] < kept[k - 1]):
                    continue
                if limit == MOST_FOUND:
                    hidden.update(number[~alive].tolist())
                    if len(kept) >= k or alive.all():
                        continue  # more equal ones than Milvus returns: some of them are as good
                again.append(query)
            left, limit = again, min(4 * limit, MOST_FOUND)
        return [found[query] for query in range(len(queries))]

    def _hits(self, queries: Float32, limit: int, kind: str, which: str) -> list[Hits]:
        at_once = max(1, _ANSWERS // limit)
        hits: list[Hits] = []
        for at in range(0, len(queries), at_once):
            hits += self.milvus.search(
                self.name,
                VECTOR,
                list(queries[at : at + at_once]),
                limit,
                which=which,
                fields=("start", "length"),
                how=asked(kind, limit),
            )
        return hits


def neighbours(found: Sequence[Found], k: int) -> Neighbours:
    """Return what was found for each query as the answer of a store."""
    answer = none_found(len(found), k)
    for query, one in enumerate(found):
        width = len(one.number)
        answer.number[query, :width] = one.number
        answer.start_s[query, :width] = seconds_of(one.start.astype(np.uint32))
        answer.length_s[query, :width] = seconds_of(one.length.astype(np.uint32))
        answer.similarity[query, :width] = one.similarity
    return answer


def found_in(near: Neighbours) -> list[Found]:
    """Return another store's answer as what was found for each query; it has its order already."""
    parts = []
    for query in range(len(near.number)):
        filled = near.number[query] >= 0
        times = (near.start_s, near.length_s)
        start, length = (ticks_of(seconds[query][filled]).astype(np.int64) for seconds in times)
        number, similarity = near.number[query][filled], _rounded(near.similarity[query][filled])
        parts.append(Found(number, start, length, np.arange(len(number)), similarity))
    return parts


def _rounded(similarity: Float32) -> Float32:
    return (np.rint(similarity.astype(np.float64) * _GRAIN) / _GRAIN).astype(np.float32)


def _and(which: str, hidden: set[int]) -> str:
    without = f"number not in {sorted(hidden)}" if hidden else ""
    return " and ".join(filter(None, (which, without)))
