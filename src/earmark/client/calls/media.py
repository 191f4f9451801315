"""Requests for what can be heard and seen of a track."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio.waveform import Waveform
from earmark.client.refusals import refusal, require_good
from earmark.client.reply import Reply
from earmark.client.shapes import number, numbers, seq, table
from earmark.client.values import Media
from earmark.client.wire import Call, json_read, place, query
from earmark.errors import NoMediaError


def audio(
    track_id: str,
    to: str | os.PathLike[str] | None = None,
    *,
    start_s: float | None = None,
    duration_s: float | None = None,
) -> Call[Media]:
    """Return a track's audio: its file, or one stretch of it as WAV.

    Parameters
    ----------
    to
        The file to write (over an old one); None keeps the bytes in memory, in ``body``.
    start_s, duration_s
        The stretch, up to 60 s: mono, 16 bits, 32 kHz. Without both it is the whole file.

    Raises
    ------
    TrackNotFoundError, NoMediaError
        No such track, or its file is gone.
    RangeError
        It has no such stretch.
    DiskFullError, StoreError
        ``to`` cannot be written.
    """
    asked = query(start_s=start_s, duration_s=duration_s)
    path = place("tracks", track_id, "audio")
    return Call("GET", path, _media, asked, to=None if to is None else Path(to))


def cover(track_id: str) -> Call[Media | None]:
    """Return a track's cover picture, or None; raises `TrackNotFoundError`."""

    def read(reply: Reply) -> Media | None:
        if not reply.good:
            error = refusal(reply)
            if isinstance(error, NoMediaError):
                return None
            raise error
        return _media(reply)

    return Call("GET", place("tracks", track_id, "cover"), read)


def waveform(
    track_id: str, points: int = 800, start_s: float = 0.0, end_s: float | None = None
) -> Call[Waveform]:
    """Return the lowest and highest sample of each of ``points`` parts of a stretch.

    Raises
    ------
    TrackNotFoundError, NoMediaError
        No such track, or its file is gone.
    """
    asked = query(points=points, start_s=start_s or None, end_s=end_s)
    return Call("GET", place("tracks", track_id, "waveform"), json_read(_waveform), asked)


def _media(reply: Reply) -> Media:
    require_good(reply)
    return Media(
        content_type=reply.headers.get("content-type", ""),
        body=reply.body,
        path=reply.saved,
        etag=reply.headers.get("etag", ""),
    )


def _waveform(json: Any) -> Waveform:  # noqa: ANN401 - whatever JSON holds
    shape = table(json)
    peaks = [numbers(pair, missing=0.0) for pair in seq(shape["peaks"])]
    return Waveform(
        duration_s=number(shape["duration_s"]),
        start_s=number(shape["start_s"]),
        end_s=number(shape["end_s"]),
        peaks=np.asarray(peaks, np.float32).reshape(-1, 2),
    )
