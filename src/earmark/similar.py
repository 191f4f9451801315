"""What sounds like a track, or like a moment of it, that the library holds already."""

from __future__ import annotations

import time

from earmark.errors import LibraryParametersError, UsageError
from earmark.indexes import Indexes
from earmark.naming import named
from earmark.narrowing import admitted
from earmark.ports import Compared, Comparing, TrackStore
from earmark.types import Answer, Considered, Within


def similar(
    indexes: Indexes,
    tracks: TrackStore,
    track_id: str,
    at_s: float | None,
    limit: int,
    within: Within,
) -> Answer:
    """Return the tracks most like one of the library, itself left out.

    Raises
    ------
    TrackNotFoundError
        No such track.
    UsageError
        Nothing sounds at ``at_s``, no engine that is on compares sounds, or the limit is below 1.
    LibraryParametersError
        The track has not been analysed for this yet.
    """
    if limit < 1:
        message = f"the limit must be at least 1, got {limit}"
        raise UsageError(message)
    track = tracks.get(track_id)
    if at_s is not None and not 0.0 <= at_s <= track.duration_s:
        message = f"{track.label!r} is {track.duration_s:.1f} s long; there is no {at_s:g} s"
        raise UsageError(message)
    name = next((name for name in indexes.names if _compares(indexes, name)), None)
    if name is None:
        message = (
            "no engine that compares sounds is switched on in this library; see `earmark engines`"
        )
        raise UsageError(message)
    started = time.perf_counter()
    engine = indexes.current(name)
    assert isinstance(engine, Comparing)  # noqa: S101 - as just found
    compared = Compared(admitted(tracks, within), within.label, within.whole)
    try:
        findings = engine.similar(track.number, at_s, limit, compared)
    except KeyError as error:
        message = f"{track.label!r} has not been analysed for this yet; run `earmark rebuild`"
        raise LibraryParametersError(message) from error
    matches = named(tracks, findings, within)
    took_ms = (time.perf_counter() - started) * 1000.0
    note = f"{len(matches)} match{'es' if len(matches) != 1 else ''}" if matches else "no match"
    return Answer(
        input=track_id,
        outcome="match" if matches else "no_match",
        matches=tuple(matches),
        reason=None if matches else "nothing else in the library sounds like it",
        considered=(Considered(engine.kind, note=note),),
        timing_ms={"search": took_ms},
    )


def _compares(indexes: Indexes, name: str) -> bool:
    return indexes.kind(name) == "sound" and isinstance(indexes.engine(name), Comparing)
