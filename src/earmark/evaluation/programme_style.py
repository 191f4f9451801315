"""What programmes are like: how often each thing happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """Weights and shares of one kind of programme.

    ``items`` and ``effects`` are drawn by weight; ``crossing`` is the share of songs that cross
    into what follows, over ``cross_s`` seconds; ``talking`` and ``two_at_once`` the shares that are
    talked over and that get a second song on top; ``unknown`` of the songs are of no library.
    """

    items: Mapping[str, float]
    effects: Mapping[str, float]
    crossing: float
    cross_s: tuple[float, float] = (2.0, 8.0)
    talking: float = 0.0
    two_at_once: float = 0.0
    unknown: float = 0.1
    jingles_an_hour: float = 0.0

    @property
    def shares(self) -> list[float]:
        """The weights of items, summing to 1."""
        return [weight / sum(self.items.values()) for weight in self.items.values()]

    @property
    def effect_shares(self) -> list[float]:
        """The weights of effects, summing to 1."""
        return [weight / sum(self.effects.values()) for weight in self.effects.values()]


_ITEMS = {"song": 80.0, "speech": 10.0, "silence": 6.0, "noise": 4.0}
_EFFECTS = {
    "clean": 40.0,
    "speed": 12.0,
    "station": 14.0,
    "gain": 9.0,
    "mp3": 9.0,
    "aac": 9.0,
    "loop": 7.0,
}

STYLES: Mapping[str, Style] = {
    "radio": Style(_ITEMS, _EFFECTS, crossing=0.4, talking=0.45, jingles_an_hour=3.0),
    "speed": Style({"song": 1.0}, {"speed": 1.0}, crossing=0.8, talking=0.1),
    "dj": Style({"song": 1.0}, {"dj": 1.0}, crossing=1.0, cross_s=(8.0, 16.0), two_at_once=0.25),
    "unknown": Style(
        _ITEMS,
        {name: weight for name, weight in _EFFECTS.items() if name != "loop"},
        crossing=0.4,
        talking=0.45,
        unknown=1.0,
        jingles_an_hour=3.0,
    ),
}
