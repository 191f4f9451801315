"""The audio of a track that the library holds already: where it lies, and cut out of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earmark.audio.decode import decode
from earmark.audio.wav import wav_bytes
from earmark.audio.waveform import Waveform, measure_waveform
from earmark.errors import InputError, NoMediaError, UsageError
from earmark.ingest.playlists import is_url
from earmark.ingest.scores import piece_of, reader_of
from earmark.ports import Analysis
from earmark.types import Track

LONGEST_S = 60.0
"""The most of a track that is cut out at once."""
_RATES_HZ = range(4_000, 192_001)


def audio_file(track: Track, analyses: Sequence[Analysis[Any]]) -> Path:
    """Return the file that a track's audio is read from.

    Raises
    ------
    NoMediaError
        The track is a score, its source is a URL, or the file is gone.
    """
    source = track.source
    if is_url(source):
        message = f"{track.label!r} has a URL for its source, which is not fetched again"
        raise NoMediaError(message)
    if piece_of(source) is not None or reader_of(analyses, source) is not None:
        message = f"{track.label!r} is a score: there is nothing to play"
        raise NoMediaError(message)
    path = Path(source)
    if not _there(path):
        message = f"the file of {track.label!r} is not there any more; put it back or add it again"
        raise NoMediaError(message)
    return path


def waveform(
    track: Track,
    path: Path,
    points: int,
    start_s: float,
    end_s: float | None,
    stop: threading.Event | None = None,
) -> Waveform:
    """Return the shape of a track's audio, or of a stretch of it; see `measure_waveform`."""
    with _media_errors(track):
        return measure_waveform(
            path, track.duration_s, points, start_s, end_s, name=track.label, stop=stop
        )


def excerpt(track: Track, path: Path, start_s: float, duration_s: float, rate_hz: int) -> bytes:
    """Return a stretch of a track's audio as a mono WAV of 16 bits.

    Raises
    ------
    UsageError
        No such stretch, a longer one than `LONGEST_S`, or a rate that no player plays.
    NoMediaError
        The file holds no audio that can be read.
    """
    if not 0.0 < duration_s <= LONGEST_S:
        message = f"an excerpt is longer than 0 s and at most {LONGEST_S:g} s, not {duration_s:g} s"
        raise UsageError(message)
    if not 0.0 <= start_s < track.duration_s:
        message = f"{track.label!r} is {track.duration_s:.1f} s long; there is no {start_s:g} s"
        raise UsageError(message)
    if rate_hz not in _RATES_HZ:
        message = f"the rate is {_RATES_HZ[0]} to {_RATES_HZ[-1]} Hz, not {rate_hz}"
        raise UsageError(message)
    with _media_errors(track):
        heard = decode(path, rate_hz, start_s=start_s, duration_s=duration_s, name=track.label)
    return wav_bytes(heard.clip)


@contextmanager
def _media_errors(track: Track) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        message = f"the audio of {track.label!r} cannot be read: {error.message}"
        raise NoMediaError(message) from error


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered
        return False
