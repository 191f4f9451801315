"""The small collection of an index: one row a number, and a journal that makes changes whole.

Milvus has no transactions. So whoever changes an index first writes an entry that names the
numbers it is *busy* with, then changes their rows, then writes an entry that names none. Busy
numbers are not known; those of a writer that died are deleted by the next one.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from earmark.errors import DamagedIndexError
from earmark.ports import Embedded
from earmark.stores.embedded import ticks_of
from earmark.stores.milvus_client import Milvus
from earmark.stores.milvus_schema import (
    FORMAT,
    JOURNAL,
    MESSAGE_BYTES,
    MOST_FOUND,
    PART_BITS,
    PIECE_CHARS,
    VECTOR,
    Held,
    listed,
)

BATCH = 1024
"""The most numbers that a writer is busy with at a time."""
_OLDER = 4
"""Entries that are deleted, by their keys, with each new one; a kill leaves fewer behind."""
_PAYLOADS = 128
"""Numbers whose payloads are asked for at a time."""
_UNUSED = [0.0, 0.0]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal; the one of the highest ``step`` is in force.

    ``birth`` tells an index from one that was built anew; ``highest`` is the highest number that
    was ever written.
    """

    engine: str
    index: str
    digest: str
    dimension: int
    birth: str
    step: int = 1
    highest: int = -1
    busy: tuple[int, ...] = ()
    format: int = FORMAT

    def begun(self, busy: Sequence[int]) -> Entry:
        """Return the entry that announces a change."""
        highest = max(self.highest, *busy)
        return replace(self, step=self.step + 1, busy=tuple(busy), highest=highest)

    def done(self) -> Entry:
        """Return the entry that ends a change."""
        return replace(self, step=self.step + 1, busy=())


@dataclass(frozen=True, slots=True)
class TrackRows:
    """The rows of the collection ``name``."""

    milvus: Milvus
    name: str

    def latest(self) -> Entry | None:
        """Return the entry in force; waits until every write that was acknowledged is seen."""
        fields = ("step", "payload")
        rows = self.milvus.query(self.name, f"number == {JOURNAL}", fields, MOST_FOUND, strong=True)
        if not rows:
            return None
        try:
            content = json.loads(max(rows, key=lambda row: int(row["step"]))["payload"])
            return Entry(**{**content, "busy": tuple(content["busy"])})
        except (ValueError, TypeError, KeyError) as error:
            message = (
                f"the journal of {self.name} in {self.milvus.address} cannot be read; "
                "run `earmark rebuild`"
            )
            raise DamagedIndexError(message) from error

    def enter(self, entry: Entry) -> None:
        """Put an entry in force, and delete older ones."""
        text = json.dumps(asdict(entry), separators=(",", ":"))
        row = self._row(-entry.step, JOURNAL, entry.step, text)
        self.milvus.upsert(self.name, [row])
        older = range(max(1, entry.step - _OLDER), entry.step)
        if older:
            self.milvus.delete(self.name, f"id in {[-step for step in older]}")

    def held(self, entry: Entry, since: int = 0) -> Held:
        """Return the numbers that are whole and were written after step ``since``."""
        which = f"part == 0 and step > {since}"
        busy = set(entry.busy)
        rows = self._between(which, ("number", "windows"), 0, entry.highest + 1)
        return Held.of([(r["number"], r["windows"]) for r in rows if r["number"] not in busy])

    def count(self, entry: Entry) -> int:
        """Return how many numbers are whole."""
        count = self.milvus.count(self.name, "part == 0")
        for which in listed(entry.busy):
            count -= self.milvus.count(self.name, f"part == 0 and {which}")
        return count

    def put(self, items: Iterable[Embedded], step: int) -> None:
        """Write the rows of numbers."""
        rows: list[dict[str, Any]] = []
        size = 0
        for item in items:
            for row in self._pieces(item, step):
                rows.append(row)
                size += len(row["payload"]) + 100
                if size >= MESSAGE_BYTES:
                    self.milvus.upsert(self.name, rows)
                    rows, size = [], 0
        if rows:
            self.milvus.upsert(self.name, rows)

    def remove(self, numbers: Iterable[int]) -> None:
        """Delete the rows of numbers."""
        for which in listed(numbers):
            self.milvus.delete(self.name, which)

    def payloads(self, numbers: Sequence[int]) -> dict[int, tuple[bytes, int]]:
        """Return the payload and the checksum of each number that has rows; others are absent."""
        fields = ("number", "part", "parts", "checksum", "payload")
        found: dict[int, dict[int, dict[str, Any]]] = {}
        for at in range(0, len(numbers), _PAYLOADS):
            some = list(numbers[at : at + _PAYLOADS])
            low, high = min(some), max(some) + 1
            for which in listed(some):
                for row in self._between(which, fields, low, high):
                    found.setdefault(int(row["number"]), {})[int(row["part"])] = row
        whole = {n: [parts[i] for i in sorted(parts)] for n, parts in found.items()}
        return {
            number: (base64.b64decode("".join(r["payload"] for r in rows)), rows[0]["checksum"])
            for number, rows in whole.items()
            if len(rows) == rows[0]["parts"]
        }

    def _between(
        self, which: str, fields: Sequence[str], low: int, high: int
    ) -> Iterator[dict[str, Any]]:
        """Yield all rows with numbers from ``low`` to below ``high``, however many there are."""
        if low >= high:
            return
        bounded = f"{which} and number >= {low} and number < {high}"
        if high - low > 1 and self.milvus.count(self.name, bounded) > MOST_FOUND:
            middle = (low + high) // 2
            yield from self._between(which, fields, low, middle)
            yield from self._between(which, fields, middle, high)
            return
        yield from self.milvus.query(self.name, bounded, fields, MOST_FOUND)

    def _pieces(self, item: Embedded, step: int) -> Iterator[dict[str, Any]]:
        text = base64.b64encode(item.payload).decode()
        pieces = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)] or [""]
        if len(pieces) > 1 << PART_BITS:
            message = f"number {item.number}: {len(item.payload)} bytes, too many for Milvus"
            raise ValueError(message)
        for part, piece in enumerate(pieces):
            yield {
                **self._row(item.number << PART_BITS | part, item.number, step, piece),
                "part": part,
                "parts": len(pieces),
                "windows": len(item.vectors),
                "checksum": checksum(item),
            }

    def _row(self, key: int, number: int, step: int, payload: str) -> dict[str, Any]:
        return {
            "id": key,
            "number": number,
            "part": JOURNAL,
            "parts": 1,
            "windows": 0,
            "checksum": 0,
            "step": step,
            "payload": payload,
            VECTOR: _UNUSED,
        }


def checksum(item: Embedded) -> int:
    """Return the crc32 of all that is kept of a number."""
    sums = 0
    for column in (item.vectors, ticks_of(item.start_s), ticks_of(item.length_s)):
        sums = zlib.crc32(np.ascontiguousarray(column).tobytes(), sums)
    return zlib.crc32(item.payload, sums)
