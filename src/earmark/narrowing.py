"""Which tracks a question is about: tags, folder, length become numbers for the engines."""

from __future__ import annotations

import os
from pathlib import PurePath

import numpy as np

from earmark.ports import Numbers, TagLookup, TrackStore
from earmark.types import Track, Within

_PAGE = 2000


def admitted(tracks: TrackStore, within: Within) -> Numbers | None:
    """Return the sorted numbers of the tracks that ``within`` admits; None: it admits all.

    Reads every track's row, and its cost grows with the library, but where only tags are asked for
    and the store looks them up.
    """
    if not within.of_tracks:
        return None
    by_tags_only = Within(tags=within.tags, label=within.label, whole=within.whole) == within
    if by_tags_only and isinstance(tracks, TagLookup):
        return tracks.by_tags(within.tags)
    numbers: set[int] = set()
    after = None
    while page := tracks.page(after, _PAGE):
        numbers.update(track.number for track in page if admits(within, track))
        after = page[-1].id
    return np.array(sorted(numbers), np.int64)


def admits(within: Within, track: Track) -> bool:
    """Return whether a track has every tag asked for, lies in the folder and fits the lengths.

    >>> track = Track("id", "/music/jazz/a.ogg", "", 200.0, 1, tags=("calm",))
    >>> admits(Within(tags=("calm",), folder="/music/jazz"), track)
    True
    >>> admits(Within(longest_s=60.0), track)
    False
    """
    if not set(within.tags) <= set(track.tags):
        return False
    if within.folder is not None and not _lies_in(track.source, within.folder):
        return False
    longest_s = within.longest_s
    return track.duration_s >= within.shortest_s and (
        longest_s is None or track.duration_s <= longest_s
    )


def _lies_in(source: str, folder: str) -> bool:
    if "://" in source or "://" in folder:
        return source.startswith(folder.rstrip("/") + "/") and "://" in folder
    # Sources are absolute whatever was added; links stay as they were named.
    place = os.path.abspath(os.path.expanduser(folder))  # noqa: PTH100, PTH111
    return PurePath(place) in PurePath(source).parents
