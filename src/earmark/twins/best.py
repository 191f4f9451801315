"""Which track of a group is the one to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from earmark.twins.ties import TwinKind
from earmark.types import Track

_RICHER = 1.05
_LONGER = 0.02
_PADDING_S = 0.2
"""Lengths that differ by less are the same: codecs add and lose up to a tenth of a second."""


def size_of(track: Track) -> int | None:
    """Return the size of a track's file, or None where there is none to look at."""
    try:
        return Path(track.source).stat().st_size
    except (OSError, ValueError):
        return None


def best_first(kind: TwinKind, tracks: Sequence[tuple[Track, int | None]]) -> list[Track]:
    """Return tracks (with their sizes, first added first), the one to keep first.

    Of exact copies the smallest file is best: its samples are those of the others. Else the
    longest is, and of those as long (to 2 % or 0.2 s) the one with the most bytes a second (in
    steps of 5 %), which is the one that its codec has harmed least. Of equals the first added is
    kept; a file that is gone comes after one that is there.

    >>> wav = Track("a", "a.wav", "", 10.0, 1), 1000
    >>> ogg = Track("b", "b.ogg", "", 10.0, 2), 100
    >>> best_first("exact", [wav, ogg])[0].id, best_first("recording", [ogg, wav])[0].id
    ('b', 'a')
    """
    longest_s = max(track.duration_s for track, _ in tracks)

    def rank(pair: tuple[Track, int | None]) -> tuple[bool, bool, float, float]:
        track, size = pair
        if kind == "exact":
            return False, size is None, float(size or 0), 0.0
        # A file that is gone cannot be kept, but a part cannot stand for the whole either.
        shorter = longest_s - track.duration_s > max(_PADDING_S, _LONGER * longest_s)
        rate = math.log(max(1.0, (size or 0) / max(track.duration_s, 0.001)), _RICHER)
        return shorter, size is None, -round(rate), -track.duration_s

    return [track for track, _ in sorted(tracks, key=rank)]
