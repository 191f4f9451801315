"""Written music as parts in seconds: MusicXML, ABC and Humdrum kern, read by music21.

music21 is imported when the first such file comes; it takes most of a second and is an extra.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import ExtraMissingError, NotAScoreError
from earmark.melody.part import Part, Sheet, part_of

if TYPE_CHECKING:
    from types import ModuleType

FORMATS = {".musicxml": "musicxml", ".mxl": "musicxml", ".abc": "abc", ".krn": "humdrum"}
"""Endings, and what music21 calls the format."""
LARGEST_BYTES = 64_000_000
_DEFAULT_BPM = 120.0
_ROOT = re.compile(r"""<rootfile[^>]*full-path\s*=\s*["']([^"']+)["']""")


def read_notation(data: bytes, suffix: str, name: str) -> Sheet:
    """Return the parts of written music: ties joined, repeats expanded, grace notes dropped.

    Parameters
    ----------
    data
        The file's bytes; of an ABC book, one tune (`earmark.melody.abc_book`).
    suffix
        A key of `FORMATS`.
    name
        What error messages call it.

    Raises
    ------
    ExtraMissingError
        music21 is not installed.
    NotAScoreError
        The bytes are not music of that format, or damaged.
    """
    text = decoded(_unzipped(data, name) if suffix == ".mxl" else data)
    with _quiet(name) as music21:
        try:
            read = music21.converter.parseData(text, format=FORMATS[suffix])
            score = next(iter(read.scores), read) if hasattr(read, "scores") else read
            score = _expanded(score)
            tempi = _tempi(score)
            heard = [_Staff(index, part, tempi) for index, part in enumerate(_parts(score))]
            title, composer = _labels(read, score)
        except Exception as error:  # music21 raises whatever damaged text leads it to
            message = f"{name} cannot be read as a {suffix} score; open it and export it again"
            raise NotAScoreError(message) from error
    return Sheet(
        tuple(staff.part for staff in heard),
        title=title,
        composer=composer,
        sung_s=np.unique([time_s for staff in heard for time_s in staff.sung_s]),
        unpitched=sum(staff.unpitched for staff in heard),
    )


def decoded(data: bytes) -> str:
    """Return text of an unknown encoding: UTF-16 by its mark, UTF-8, else Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unzipped(data: bytes, name: str) -> bytes:
    """Return the score inside a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            found = _ROOT.search(decoded(archive.read("META-INF/container.xml")))
            inner = found[1] if found else next(n for n in names if n.endswith(".musicxml"))
            if archive.getinfo(inner).file_size > LARGEST_BYTES:
                raise ValueError(inner)
            return archive.read(inner)
    except Exception as error:  # zipfile raises a dozen kinds for damaged bytes
        message = f"{name} is not a compressed MusicXML file, or is damaged; export it again"
        raise NotAScoreError(message) from error


@contextmanager
def _quiet(name: str) -> Iterator[ModuleType]:
    """Yield music21, which neither warns nor prints inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import music21
        except ImportError as error:
            message = f"to read {name} run `pip install 'earmark[scores]'` (it needs music21)"
            raise ExtraMissingError(message) from error
        environment: Any = music21.environment
        told = environment.Environment()
        before = told["warnings"]
        told["warnings"] = 0  # in this process only: nothing is written to its settings
        try:
            yield music21
        finally:
            told["warnings"] = before


def _expanded(score: Any) -> Any:  # noqa: ANN401 - music21 has no types worth the name
    """Return a score with its repeats played out, or as it is where they make no sense."""
    try:
        return score.expandRepeats()
    except Exception:  # repeats that do not close; music21 raises many kinds
        return score


def _parts(score: Any) -> list[Any]:  # noqa: ANN401
    return list(getattr(score, "parts", ())) or [score]


def _labels(*holders: Any) -> tuple[str, str]:  # noqa: ANN401
    """Return title and composer, from the first that tells."""
    told = [held.metadata for held in holders if held.metadata is not None]
    title = next((data.bestTitle for data in told if data.bestTitle), "")
    composer = next((data.composer for data in told if data.composer), "")
    return str(title).strip(), str(composer).strip()


class _Tempi:
    """Quarter notes from the start of the score to seconds."""

    def __init__(self, changes: dict[float, float]) -> None:
        self._quarters, self._bpm, self._since_s = [0.0], [_DEFAULT_BPM], [0.0]
        for quarter, bpm in sorted(changes.items()):
            at_s = self.seconds(quarter)
            if quarter <= 0.0:
                self._bpm[0] = bpm
                continue
            self._quarters.append(quarter)
            self._bpm.append(bpm)
            self._since_s.append(at_s)

    def seconds(self, quarter: float) -> float:
        at = max(0, bisect_right(self._quarters, quarter) - 1)
        return self._since_s[at] + (quarter - self._quarters[at]) * 60.0 / self._bpm[at]


def _tempi(score: Any) -> _Tempi:  # noqa: ANN401
    """Return the tempo marks of all parts: most scores have them in the first one only."""
    changes: dict[float, float] = {}
    for mark in score.flatten().getElementsByClass("MetronomeMark"):
        bpm = mark.getQuarterBPM()
        if bpm is not None and bpm > 0:
            changes.setdefault(float(mark.offset), float(bpm))
    return _Tempi(changes)


class _Staff:
    """One part of a music21 score as a `Part`, with the times of its syllables."""

    def __init__(self, index: int, staff: Any, tempi: _Tempi) -> None:  # noqa: ANN401
        notes: list[tuple[float, float, float]] = []
        self.sung_s: list[float] = []
        self.unpitched = 0
        for element in staff.stripTies().flatten().notes:
            quarters = float(element.duration.quarterLength)
            if quarters <= 0.0 or "ChordSymbol" in element.classes or "Harmony" in element.classes:
                continue  # grace notes have no length; chord symbols are not played
            pitches = getattr(element, "pitches", ())
            if not pitches:
                self.unpitched += 1
                continue
            begin = float(element.offset)
            start_s, end_s = tempi.seconds(begin), tempi.seconds(begin + quarters)
            notes.append((start_s, end_s, max(float(pitch.ps) for pitch in pitches)))
            if element.lyrics:
                self.sung_s.append(start_s)
        instrument = staff.getInstrument(returnDefault=False)
        program = getattr(instrument, "midiProgram", None)
        called = str(getattr(staff, "partName", None) or "")
        self.part: Part = part_of(index, called, notes, -1 if program is None else int(program))
