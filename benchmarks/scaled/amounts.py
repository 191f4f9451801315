"""What one track takes, from single measures, of which some may be missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

BITMAPS = 3
"""Rosters of the engines' indexes: a bit a track each."""
NOT_MEASURED = "not measured"
_UNITS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class Amount:
    """A number, of which more may be unknown."""

    known: float
    whole: bool = True

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.known + other.known, self.whole and other.whole)

    def of(self, count: float) -> Amount:
        """Return so many times as much."""
        return Amount(self.known * count, self.whole)

    def told(self) -> str:
        """Return it with a unit, three digits."""
        if not self.known and not self.whole:
            return NOT_MEASURED
        return f"{'' if self.whole else 'at least '}{bytes_told(self.known)}"


def bytes_told(count: float) -> str:
    """Return bytes in a unit.

    >>> bytes_told(94_712), bytes_told(947.12e6), bytes_told(12)
    ('94.7 kB', '947 MB', '12 B')
    """
    for size, unit in _UNITS:
        if count >= 0.9995 * size:
            value = count / size
            return f"{value:.{max(0, 2 - int(math.log10(max(1.0, value))))}f} {unit}"
    return f"{count:.0f} B"


class Track:
    """What one track takes."""

    def __init__(self, figures: dict[str, dict[str, Any]]) -> None:
        self._figures = figures

    def amount(self, name: str) -> Amount:
        """Return a figure, nothing known where it was not measured."""
        value = self._figures[name]["value"]
        return Amount(0.0, whole=False) if value is None else Amount(float(value))

    def number(self, name: str) -> float:
        """Return a figure that must have been measured."""
        return float(self._figures[name]["value"])

    def times(self, count: str, each: str) -> Amount:
        """Return the bytes of something of which a track has several."""
        return self.amount(each).of(self.number(count))

    @property
    def features(self) -> Amount:
        """The truth's bulk."""
        names = ("recording", "melody", "sound")
        return sum((self.amount(f"{name}_features_bytes") for name in names), Amount(0.0))

    @property
    def payload(self) -> Amount:
        """What indexes keep beside postings and vectors."""
        names = ("recording", "melody", "sound")
        return sum((self.amount(f"{name}_payload_bytes") for name in names), Amount(0.0))

    def folder(self) -> Amount:
        """Return the bytes on disk of a library in a folder."""
        recording = self.times("postings", "embedded_posting_bytes")
        melody = self.times("melody_windows", "embedded_melody_window_bytes")
        sound = self.times("sound_windows", "embedded_sound_window_bytes")
        kept = self.amount("recording_payload_bytes") + self.amount("melody_payload_bytes")
        return self.features + self.amount("embedded_row_bytes") + kept + recording + melody + sound

    def bulk(self) -> Amount:
        """Return the bytes of features and payload in Redis."""
        factor = self.amount("redis_bulk_factor")
        held = self.features + self.payload
        return held.of(factor.known) if factor.whole else Amount(held.known, whole=False)

    def redis(self) -> Amount:
        """Return all of the bytes in Redis."""
        postings = self.times("postings", "redis_posting_bytes")
        return self.amount("redis_catalogue_bytes") + self.bulk() + postings + Amount(BITMAPS / 8)
