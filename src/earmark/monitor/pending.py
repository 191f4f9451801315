"""What could not be written down yet: the library was locked, or its Redis away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from earmark.monitor.timeline import Happening
from earmark.ports import Outage

MOST = 2000
MOST_CLIPS = 32
"""Clips are a megabyte each: older detections are kept without theirs."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A detection as it was at a moment; ``zero_at`` places it on the clock."""

    happening: Happening
    zero_at: float


@dataclass(frozen=True, slots=True)
class Told:
    """An event for webhooks."""

    event: str
    body: Mapping[str, Any]


Item = Logged | Outage | Told


class Pending:
    """Keeps what is to be written in its order, in bounded memory.

    Attributes
    ----------
    lost : int
        How much was dropped for want of room.
    """

    def __init__(self, most: int = MOST, most_clips: int = MOST_CLIPS) -> None:
        self.lost = 0
        self._most = most
        self._most_clips = most_clips
        self._items: OrderedDict[tuple[str, ...], Item] = OrderedDict()
        self._told = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Keep one more; what it replaces is forgotten."""
        self._items[self._key(item)] = item
        while len(self._items) > self._most:
            self._items.popitem(last=False)
            self.lost += 1
        with_clip = [
            key
            for key, held in self._items.items()
            if isinstance(held, Logged) and held.happening.clip is not None
        ]
        for key in with_clip[: -self._most_clips]:
            held = self._items[key]
            if isinstance(held, Logged):
                self._items[key] = replace(held, happening=replace(held.happening, clip=None))

    def write(self, one: Callable[[Item], object]) -> None:
        """Write all of it, oldest first; what ``one`` raises leaves the rest here."""
        while self._items:
            key, item = next(iter(self._items.items()))
            one(item)
            del self._items[key]

    def _key(self, item: Item) -> tuple[str, ...]:
        if isinstance(item, Outage):
            return ("outage", item.id)
        if isinstance(item, Logged) and item.happening.detection is not None:
            return (item.happening.kind, item.happening.detection.id)
        self._told += 1
        return ("told", str(self._told))
