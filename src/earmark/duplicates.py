"""Which other tracks of the library are the same recording as one of its tracks, or hold it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from earmark.audio.identity import content_id
from earmark.errors import InputError, ModelUnavailableError, NoMediaError, UsageError
from earmark.ports import TrackStore
from earmark.types import Answer, Considered, Evidence, Match, Segment, Span, Track


def duplicates(
    tracks: TrackStore,
    track_id: str,
    limit: int,
    audio_file: Callable[[Track], Path],
    identify: Callable[[Path, int], Answer],
) -> Answer:
    """Return the tracks with the same audio, then those that the recording engine finds.

    Parameters
    ----------
    audio_file
        Returns the file of a track's audio; raises `NoMediaError`.
    identify
        Asks the recording engine what a file is, for so many matches.

    Raises
    ------
    TrackNotFoundError
        No such track.
    UsageError
        The limit is below 1.
    """
    if limit < 1:
        message = f"the limit must be at least 1, got {limit}"
        raise UsageError(message)
    started = time.perf_counter()
    track = tracks.get(track_id)
    holders = tracks.by_number([track.number]).get(track.number, [])
    same = [_same(other) for other in holders if other.id != track_id]
    found, asked = _alike(track, limit + 1, audio_file, identify)
    matches = (*same, *(match for match in found if match.track.number != track.number))[:limit]
    count = len(same)
    note = f"{count} other track{'s' if count != 1 else ''} of the same audio"
    return Answer(
        input=track_id,
        outcome="match" if matches else "no_match",
        matches=matches,
        reason=None if matches else "no other track of the library is the same recording",
        considered=(Considered("recording", note=note), asked),
        timing_ms={"search": (time.perf_counter() - started) * 1000.0},
    )


def _same(track: Track) -> Match:
    whole = Span(0.0, track.duration_s)
    return Match(
        kind="recording",
        track=track,
        confidence=1.0,
        score=1.0,
        segments=(Segment(whole, whole),),
        time_ratio=1.0,
        pitch_shift_semitones=0.0,
        evidence=Evidence({"same_audio": 1}),
    )


def _alike(
    track: Track,
    limit: int,
    audio_file: Callable[[Track], Path],
    identify: Callable[[Path, int], Answer],
) -> tuple[tuple[Match, ...], Considered]:
    """Return what the track's own file is found as, or why that was not asked."""
    try:
        path = audio_file(track)
        if content_id(path) != track.content_id:
            why = "its file has changed since it was added; run `earmark add` on it"
            return (), Considered("recording", skipped=why)
        answer = identify(path, limit)
    except (InputError, NoMediaError, UsageError, ModelUnavailableError) as error:
        return (), Considered("recording", skipped=error.message)
    others = [match for match in answer.matches if match.track.number != track.number]
    note = f"{len(others)} alike" if others else "no other is alike"
    return answer.matches, Considered("recording", note=note)
