"""How an index lies in Milvus: names, fields, keys of rows, and which index for how many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from earmark.ports import Numbers

FORMAT = 1
MOST_FOUND = 16384
"""The most rows that a Milvus returns to one question."""
MESSAGE_BYTES = 8_000_000
"""The most bytes of vectors in one message: an eighth of what a server takes."""
ROW_BITS, PART_BITS = 24, 12
PIECE_CHARS = 60_000
"""The most characters of a payload in one row; Milvus allows 65,535 bytes."""
JOURNAL = -1
"""The ``number`` of the journal's rows."""
VECTOR = "vector"
_MOST_LISTED = 4096


def windows_fields(dimension: int) -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of a window: times in hundredths of a second."""
    whole = {"type": "INT64"}
    return {
        "id": whole,
        "number": whole,
        "row": whole,
        "start": whole,
        "length": whole,
        VECTOR: {"type": "FLOAT_VECTOR", "dim": dimension},
    }


def tracks_fields() -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of a piece of a number's payload, or of the journal.

    Milvus wants a vector in every collection; this one's is not used.
    """
    whole = {"type": "INT64"}
    return {
        "id": whole,
        "number": whole,
        "part": whole,
        "parts": whole,
        "windows": whole,
        "checksum": whole,
        "step": whole,
        "payload": {"type": "VARCHAR", "max_length": 65_535},
        VECTOR: {"type": "FLOAT_VECTOR", "dim": 2},
    }


@dataclass(frozen=True, slots=True)
class Names:
    """The two collections of one vector index of one library."""

    namespace: str
    engine: str
    index: str

    @property
    def windows(self) -> str:
        """One row a window."""
        parts = (self.namespace, self.engine, self.index)
        return "_".join(("earmark", *map(_plain, parts)))

    @property
    def tracks(self) -> str:
        """One row a number, and the journal."""
        return f"{self.windows}_tracks"


def prefix(namespace: str, engine: str) -> str:
    """Return how the names of all collections of an engine begin."""
    return f"earmark_{_plain(namespace)}_{_plain(engine)}_"


def _plain(name: str) -> str:
    """Return a name in letters and digits, so that ``_`` only stands between names."""
    return re.sub(r"[^A-Za-z0-9]", lambda found: f"x{ord(found.group()):02x}", name)


@dataclass(frozen=True, slots=True)
class IndexSizes:
    """Up to how many windows which index is taken.

    FLAT compares all of them: exact. HNSW finds more than .99 of them at 100 bytes more a window.
    IVF_SQ8 keeps a byte a component instead of four.
    """

    flat_most: int = 200_000
    hnsw_most: int = 4_000_000

    def wanted(self, windows: int, now: str) -> str:
        """Return the kind of index for that many windows; one that shrinks waits for half."""
        kinds, bounds = tuple(BUILT), (self.flat_most, self.hnsw_most)
        grown = sum(windows > bound for bound in bounds)
        kept = sum(windows > bound // 2 for bound in bounds)
        held = kinds.index(now) if now in kinds else grown
        return kinds[min(max(held, grown), kept)]


BUILT: Mapping[str, Mapping[str, int]] = {
    "FLAT": {},
    "HNSW": {"M": 16, "efConstruction": 200},
    "IVF_SQ8": {"nlist": 4096},
}


def asked(kind: str, limit: int) -> Mapping[str, int]:
    """Return how hard an index of that kind is searched for ``limit`` rows."""
    if kind == "HNSW":
        return {"ef": min(max(128, 2 * limit), 32_768)}
    return {"nprobe": 128} if kind == "IVF_SQ8" else {}


def window_ids(number: int, count: int) -> range:
    """Return the keys of a number's windows; raises `ValueError` where there is no room."""
    if not 0 <= number < 1 << (62 - ROW_BITS) or count > 1 << ROW_BITS:
        message = f"number {number} with {count} windows: no room in a Milvus index"
        raise ValueError(message)
    first = number << ROW_BITS
    return range(first, first + count)


def listed(numbers: Iterable[int], field: str = "number") -> Iterator[str]:
    """Yield expressions that together name all of ``numbers``, none too long."""
    everyone = [int(number) for number in numbers]
    for at in range(0, len(everyone), _MOST_LISTED):
        yield f"{field} in {everyone[at : at + _MOST_LISTED]}"


class Shown(Protocol):
    """The numbers that a search may return."""

    @property
    def total(self) -> int:
        """How many windows they have together."""

    def has(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Return which of ``numbers`` are among them."""


@dataclass(frozen=True, slots=True)
class Held:
    """The numbers that are whole in Milvus, ascending, and how many windows each has."""

    numbers: Numbers
    windows: Numbers

    @classmethod
    def none(cls) -> Held:
        """Return that nothing is held."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int]]) -> Held:
        """Return what pairs of number and windows say."""
        table = np.array(sorted(rows), np.int64).reshape(-1, 2)
        return cls(table[:, 0].copy(), table[:, 1].copy())

    def has(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Return which of ``numbers`` are held."""
        if not len(self.numbers):
            return np.zeros(np.shape(numbers), np.bool_)
        place = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.asarray(self.numbers[place] == numbers)

    def only(self, numbers: Numbers) -> Held:
        """Return what is held of ``numbers``."""
        keep = np.isin(self.numbers, numbers)
        return Held(self.numbers[keep], self.windows[keep])

    def without(self, numbers: Iterable[int]) -> Held:
        """Return what is held but ``numbers``."""
        keep = ~np.isin(self.numbers, np.fromiter(numbers, np.int64))
        return Held(self.numbers[keep], self.windows[keep])

    def plus(self, other: Held) -> Held:
        """Return what either holds; the other wins."""
        rest = self.without(other.numbers.tolist())
        numbers = np.concatenate([rest.numbers, other.numbers])
        order = np.argsort(numbers, kind="stable")
        return Held(numbers[order], np.concatenate([rest.windows, other.windows])[order])

    @property
    def total(self) -> int:
        """The number of windows."""
        return int(self.windows.sum())
