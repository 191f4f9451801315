"""Tracks and the files that are kept for them change together, in one thread, to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request

from earmark.errors import EarmarkError, StoppedError
from earmark.ingest.scores import SCORE
from earmark.reports import PutReport
from earmark.service.answering.schemas import Changes
from earmark.service.bodies.media import files_of
from earmark.service.bodies.spool import Spool
from earmark.service.bodies.uploads import Body
from earmark.service.context import House
from earmark.types import Track


async def put(
    here: House,
    request: Request,
    body: Body,
    url: str | None,
    changes: Changes,
    extra: Mapping[str, str] | None,
    *,
    track_id: str | None = None,
    old: Track | None = None,
    again: bool = False,
) -> PutReport:
    """Put an uploaded file, or a URL, into the library.

    The file is kept before the library knows of it and goes again where it did not take it, so
    that a track never names a file that is not there. What a kill leaves over is swept later.

    Parameters
    ----------
    extra
        The extra fields to write; see `metadata.checked_extra`.
    old
        The track that is replaced; its files go when the new one is in.
    again
        Whether a file that the library holds already makes a new track.
    """
    timeout_s = here.options.timeout_s
    upload = body.file if url is None else None

    def work(stop: threading.Event) -> PutReport:
        kept = None if upload is None else keep(here, upload, stop)
        try:
            report = here.library.put(
                str(kept) if kept is not None else url or "",
                track_id=track_id,
                name=upload.name if upload is not None else None,
                title=changes.title,
                artist=changes.artist,
                album=changes.album,
                tags=changes.tags,
                extra=extra,
                again=again,
                stop=stop,
                timeout_s=timeout_s,
            )
        except BaseException:
            if kept is not None:
                discard_unnamed(here, kept)
            raise
        used = files_of(report.track)
        if kept is not None and str(kept) not in used:
            here.media.discard(str(kept))
        if old is not None:
            _discard(here, files_of(old) - used, old)
        return report

    return await here.changes.run(work, request=request, timeout_s=timeout_s)


def keep(here: House, upload: Spool, stop: threading.Event) -> Path:
    """Keep an upload; raises `StoppedError` where nobody waits for it any more."""
    if stop.is_set() or upload.path is None or not upload.path.exists():
        message = "the client left before it was done"
        raise StoppedError(message)
    return here.media.keep(upload.path, upload.name)


def discard_unnamed(here: House, kept: Path, track_id: str | None = None) -> None:
    """Delete a kept file after an error, unless a track names it all the same.

    The error may have come after the track was written: from an index that could not follow.

    Parameters
    ----------
    track_id
        The track that would name it; None: any, as its source.
    """
    with suppress(EarmarkError):  # where nobody can say, it stays; a later sweep will know
        if track_id is not None:
            named = str(kept) in files_of(here.library.get(track_id))
        else:
            # Its folder's name is chosen at random: what finds it is the track, or nothing.
            tracks = here.library.tracks(kept.parent.name)
            named = any(str(kept) in files_of(track) for track in tracks)
        if not named:
            here.media.discard(str(kept))


def drop(here: House, track_id: str, allowed: Callable[[Track], None]) -> None:
    """Remove a track and what is kept for it; ``allowed`` raises where it may not be."""
    track = here.library.get(track_id)
    allowed(track)
    here.library.remove(track_id)
    _discard(here, files_of(track), track)


def _discard(here: House, files: frozenset[str], track: Track) -> None:
    """Delete kept files; a score may be attached to other tracks of the same audio too."""
    ours = frozenset(filter(here.media.holds, files))
    score = track.extra.get(SCORE, "")
    if score in ours and any(one.extra.get(SCORE) == score for one in here.library.tracks()):
        ours -= {score}
    for source in ours:
        here.media.discard(source)
