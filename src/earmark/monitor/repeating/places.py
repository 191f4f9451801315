"""Which stretches lie near: looked up by place, so that many cost no more than few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

_CELL_FRAMES = 1024


class Stretch(Protocol):
    """Frames [start, end) of the axis."""

    @property
    def start(self) -> int:
        """The first frame."""

    @property
    def end(self) -> int:
        """The frame after the last."""


_S = TypeVar("_S", bound=Stretch)


class Places(Generic[_S]):
    """Stretches by the cells of 16 s that they lie in, in the order in which they came."""

    def __init__(self) -> None:
        self._cells: dict[int, list[tuple[int, _S]]] = {}
        self._count = 0
        self.looked_at = 0

    def put(self, stretch: _S) -> None:
        """Take one more."""
        for cell in _cells(stretch.start, stretch.end):
            self._cells.setdefault(cell, []).append((self._count, stretch))
        self._count += 1

    def near(self, start: int, end: int) -> Iterator[_S]:
        """Yield, once each, those that may hold frames of [start, end)."""
        found = dict[int, _S]()
        for cell in _cells(start, end):
            found.update(self._cells.get(cell, ()))
        self.looked_at += len(found)
        for number in sorted(found):
            yield found[number]


def _cells(start: int, end: int) -> range:
    return range(start // _CELL_FRAMES, max(start, end - 1) // _CELL_FRAMES + 1)
