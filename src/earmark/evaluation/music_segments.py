"""Segments of music, to be found by each other: what sounds like a piece is more of the piece."""

from __future__ import annotations

from pathlib import Path

import soundfile

from earmark.audio.decode import decode
from earmark.audio.identity import content_id
from earmark.errors import EarmarkError, UsageError
from earmark.evaluation.labelled import LabelledClip, folder_of
from earmark.ingest.inputs import collect
from earmark.reports import Progress, ProgressCallback

SEGMENTS = 4
SEGMENT_S = 10.0
_ROOM_S = 11.25
"""A track has a segment for so many seconds of it: with gaps, or neighbours would be too alike."""
_LONGEST_S = 3600.0


def starts_s(duration_s: float) -> tuple[float, ...]:
    """Return where segments of a track begin, spread evenly; none for less than 22.5 s.

    >>> starts_s(60.0), starts_s(30.0), starts_s(20.0)
    ((2.5, 17.5, 32.5, 47.5), (2.5, 17.5), ())
    """
    count = min(SEGMENTS, int(duration_s / _ROOM_S))
    share_s = duration_s / max(1, count)
    starts = [index * share_s + (share_s - SEGMENT_S) / 2.0 for index in range(count)]
    return tuple(starts) if count >= 2 else ()


def cut(
    music: Path, into: Path, rate_hz: int, progress: ProgressCallback | None = None
) -> tuple[LabelledClip, ...]:
    """Write the segments of a folder's tracks as files; a segment's class is its track.

    Parameters
    ----------
    music
        Any folder; files are taken by their extension, equal ones once. Tracks that cannot be
        read, are too short or last more than an hour are left out.
    into
        A folder to be made.
    rate_hz
        The rate to write at.

    Raises
    ------
    SourceNotFoundError
        ``music`` is not there.
    UsageError
        Fewer than two tracks are left.
    """
    sources = sorted(collect([folder_of(music)]).sources)
    into.mkdir()
    clips: list[LabelledClip] = []
    seen: set[str] = set()
    for done, source in enumerate(sources, 1):
        try:
            digest = content_id(source)
            paths = [] if digest in seen else _cut_one(source, into, digest, rate_hz)
            seen.add(digest)
        except EarmarkError:
            paths = []
        clips += [LabelledClip(path, source, path) for path in paths]
        if progress is not None:
            progress(Progress(done, len(sources), source=source))
    tracks = len({clip.label for clip in clips})
    if tracks < 2:
        least_s = 2 * _ROOM_S
        message = f"{music} holds {tracks} tracks of {least_s:g} s or more; at least 2 are needed"
        raise UsageError(message)
    return tuple(clips)


def _cut_one(source: str, into: Path, name: str, rate_hz: int) -> list[str]:
    clip = decode(source, rate_hz, _LONGEST_S).clip
    paths = []
    for index, start_s in enumerate(starts_s(clip.duration_s)):
        start = round(start_s * rate_hz)
        segment = clip.samples[start : start + round(SEGMENT_S * rate_hz)]
        path = into / f"{name}.{index}.wav"
        soundfile.write(path, segment, rate_hz, subtype="FLOAT")
        paths.append(str(path))
    return paths
