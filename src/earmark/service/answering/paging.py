"""A page of tracks, and a cursor that keeps its place when tracks are deleted meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from earmark.errors import InvalidRequestError, TrackNotFoundError
from earmark.library import Library
from earmark.types import Track

_ANCHORS = 3
"""How many of the last tracks a cursor names: the newest that is left marks the place."""
_LONGEST_CURSOR = 4000


@dataclass(frozen=True, slots=True)
class Page:
    """Some tracks, the cursor of the next page (None: this is the last), and how many there are."""

    tracks: list[Track]
    next: str | None
    total: int


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Behind which tracks to go on: (id, added_at), oldest first; and the total, if it is dear."""

    anchors: tuple[tuple[str, str], ...]
    total: int | None = None


def page(library: Library, text: str | None, after: str | None, limit: int) -> Page:
    """Return the tracks behind a cursor, in the order they were added.

    Nothing that stays is left out, whatever is deleted meanwhile. Only where every track that the
    cursor names is gone may some that were added in the same second come twice.

    Raises
    ------
    InvalidRequestError
        The cursor is not one of ours.
    """
    cursor = _read(after) if after else _Cursor(())
    found = list(islice(_behind(library, cursor.anchors, text, limit + 1), limit + 1))
    total = cursor.total
    if total is None:
        total = sum(1 for _ in library.tracks(text)) if text else len(library)
    tracks = found[:limit]
    more = len(found) > limit
    anchors = (*cursor.anchors, *((track.id, track.added_at) for track in tracks))[-_ANCHORS:]
    following = _written(_Cursor(anchors, total if text else None)) if more else None
    return Page(tracks, following, total)


def _behind(
    library: Library, anchors: Sequence[tuple[str, str]], text: str | None, count: int
) -> Iterable[Track]:
    for track_id, added_at in reversed(anchors):
        try:
            if library.get(track_id).added_at == added_at:
                return list(library.tracks(text, after=track_id, limit=count))
        except TrackNotFoundError:
            continue
    since = anchors[-1][1] if anchors else ""
    # All are gone: what was added before they were has been seen. The store's order is that of
    # addition, so the first that is not older begins the rest.
    return (track for track in library.tracks(text) if track.added_at >= since)


def _written(cursor: _Cursor) -> str:
    text = json.dumps([cursor.anchors, cursor.total], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(text: str) -> _Cursor:
    try:
        if len(text) > _LONGEST_CURSOR:
            raise ValueError(text)
        padded = text + "=" * (-len(text) % 4)
        anchors, total = json.loads(base64.b64decode(padded, b"-_", validate=True))
        places = tuple((track_id, added_at) for track_id, added_at in anchors)
        words = [word for place in places for word in place]
        if not places or not all(isinstance(word, str) for word in words):
            raise ValueError(text)
        if total is not None and (type(total) is not int or total < 0):
            raise ValueError(text)
        "".join(words).encode()
    except (ValueError, TypeError, RecursionError) as error:
        message = f"after={text[:40]!r} is no cursor of ours; begin again without it"
        raise InvalidRequestError(message) from error
    return _Cursor(places, total)
