"""A score file as one tune: MIDI, MusicXML, ABC and kern; which part, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earmark.errors import (
    AudioTooLongError,
    NoMelodyError,
    NotAScoreError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from earmark.melody.abc_book import pick, tunes
from earmark.melody.choose import choose
from earmark.melody.midi import SUFFIXES as MIDI
from earmark.melody.midi import read_midi
from earmark.melody.notation import FORMATS, LARGEST_BYTES, decoded, read_notation
from earmark.melody.part import skyline
from earmark.melody.tune import Tune

BOOKS = frozenset({".abc"})
"""Endings of files that may hold many tunes."""
SUFFIXES = MIDI | FORMATS.keys()
"""Endings of the files that are read; ``.xml`` is left to its many other uses."""
LONGEST_S = 6 * 3600.0
"""A longer score is one whose times are damaged."""


@dataclass(frozen=True, slots=True)
class ScoreTune:
    """The tune of a score; ``part`` names the track or staff that it was taken from."""

    tune: Tune
    title: str
    composer: str
    part: str
    duration_s: float


def read_score(
    source: bytes | str | Path, name: str | None = None, part: str | int | None = None
) -> ScoreTune:
    """Return the tune of a score, chosen from its parts.

    Parameters
    ----------
    source
        A path, or the file's bytes (then ``name`` tells the format by its ending).
    name
        What error messages call it.
    part
        A track or staff by its name or its index (from 0); of an ABC book the tune's number.
        None chooses the part that is most likely sung; of a book it takes the first tune.

    Raises
    ------
    SourceNotFoundError, SourceUnreadableError
        The path cannot be read.
    NotAScoreError
        The content is not what the ending says, or damaged, or no ending of `SUFFIXES`.
    NoMelodyError
        It holds no note of definite pitch.
    AudioTooLongError
        It is larger than 64 MB or longer than 6 hours.
    ExtraMissingError
        It is written music and music21 is not installed.
    UsageError
        There is no such part.
    """
    called = name if name is not None else "the score" if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else _bytes(Path(source))
    suffix = Path(called).suffix.lower()
    if suffix not in SUFFIXES:
        message = f"{called} has no ending of a score; known: {' '.join(sorted(SUFFIXES))}"
        raise NotAScoreError(message)
    if not data.strip(b"\0 \t\r\n"):
        message = f"{called} is empty ({len(data)} bytes); export it again"
        raise NotAScoreError(message)
    if len(data) > LARGEST_BYTES:
        message = f"{called} is too large for a score ({len(data)} bytes, at most {LARGEST_BYTES})"
        raise AudioTooLongError(message)
    if suffix in MIDI:
        sheet = read_midi(data, called)
    elif suffix in BOOKS:
        wanted = None if part is None else str(part)
        sheet = read_notation(pick(decoded(data), wanted, called).text.encode(), suffix, called)
        part = None
    else:
        sheet = read_notation(data, suffix, called)
    chosen = choose(sheet, part, called)
    tune = skyline(chosen)
    if not len(tune):
        message = f"{called} has no note that lasts; there is no melody to find it by"
        raise NoMelodyError(message)
    duration_s = max(float(one.end_s.max()) for one in sheet.parts if len(one))
    if duration_s > LONGEST_S:
        hours = duration_s / 3600.0
        message = f"{called} lasts {hours:.0f} hours; a score may last {LONGEST_S / 3600.0:.0f}"
        raise AudioTooLongError(message)
    return ScoreTune(tune, sheet.title, sheet.composer, chosen.name, duration_s)


def pieces(data: bytes, name: str) -> tuple[str, ...]:
    """Return the numbers of a book's tunes; empty where the file is one piece."""
    if Path(name).suffix.lower() not in BOOKS:
        return ()
    numbers = tuple(tune.number for tune in tunes(decoded(data)))
    return numbers if len(numbers) > 1 else ()


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            message = f"{path} is too large for a score; at most {LARGEST_BYTES} bytes"
            raise AudioTooLongError(message)
        return path.read_bytes()
    except FileNotFoundError as error:
        message = f"{path} does not exist; check the path"
        raise SourceNotFoundError(message) from error
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror or error}); check the path"
        raise SourceUnreadableError(message) from error
