"""The suite behind ``earmark bench melody``: sung queries against references you name."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from earmark.audio.decode import decode
from earmark.bootstrap import Parts, open_parts
from earmark.config import Settings
from earmark.errors import InputError, SourceNotFoundError, TooLittleVoiceError, UsageError
from earmark.evaluation.hum_queries import HumQuery, read_queries
from earmark.evaluation.melody_report import UNRANKED, HumOutcome, MelodyReport
from earmark.hearing import VOICED_S, listening
from earmark.ingest.scores import file_of, piece_of
from earmark.library import PAGE, Library
from earmark.melody.encoder import DIMENSION
from earmark.melody.engine import MelodyEngine, index_digest
from earmark.melody.params import RATE_HZ, MelodyParams
from earmark.reports import Progress, ProgressCallback

_ENGINE = "melody"
_LIMIT = 200
_NEVER_S = 1e6


def run(
    queries: Path,
    references: Sequence[Path],
    *,
    from_start: bool = False,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MelodyReport:
    """Index the references as they are, and rank each query's song among them.

    Parameters
    ----------
    queries
        A file of JSON lines ``{"query": PATH, "song": NAME, "group": WORD}``: the audio (relative
        to the file), the reference's file name without its ending (``NAME#7`` for a tune of a
        book), and optionally a word by which figures are also told apart.
    references
        Files and folders of scores and recordings; every name must be unique.
    from_start
        Queries begin where their songs begin (the classic MIREX rule), which is easier.
    workers
        Analysis processes while indexing; None is one a core.
    progress
        Called while indexing, then while asking.

    Raises
    ------
    UsageError
        A song is not among the references, two references share a name, or nothing is asked.
    InputError, StoreError
        A file is not there; the library cannot be written in the system's temporary folder.
    """
    asked = read_queries(queries)
    missing = next((path for path in references if not path.exists()), None)
    if missing is not None:
        message = f"{missing} does not exist; check the path"
        raise SourceNotFoundError(message)
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as temporary:
        folder = Path(temporary) / "library"
        settings = Settings(library=str(folder), workers=workers or 0)
        measured = _index(folder, settings, references, progress)
        parts = open_parts(folder, settings)
        try:
            numbers = _numbers(parts)
            unknown = next((one for one in asked if one.song not in numbers), None)
            if unknown is not None:
                message = f"{queries} asks for {unknown.song!r}, which no reference is called"
                raise UsageError(message)
            engine = _engine(parts, from_start=from_start)
            outcomes: list[HumOutcome] = []
            unreadable = 0
            for done, one in enumerate(asked, 1):
                try:
                    if not outcomes:
                        _ask(engine, one, numbers[one.song])  # loads networks, maps files
                    outcomes.append(_ask(engine, one, numbers[one.song]))
                except InputError:
                    unreadable += 1
                if progress is not None:
                    progress(Progress(done, len(asked), source=str(one.path)))
        finally:
            parts.close()
    if not outcomes:
        message = f"none of the {unreadable} queries of {queries} can be read"
        raise UsageError(message)
    return MelodyReport(tuple(outcomes), {**measured, "unreadable_queries": unreadable})


def _index(
    folder: Path,
    settings: Settings,
    references: Sequence[Path],
    progress: ProgressCallback | None,
) -> dict[str, float]:
    """Make a library of the references in which only this engine is on; return its figures."""
    before_s = _cpu_s()
    with Library.open(folder, create=True, settings=settings) as library:
        for name in library.engines():
            if name != _ENGINE:
                library.switch(name, on=False)
        added = library.add(references, progress=progress)
        stats = library.stats()
    return {
        "songs": stats.tracks,
        "failed_references": len(added.failed),
        "bytes_per_song": stats.engines[_ENGINE]["bytes"] / max(1, stats.tracks),
        "truth_bytes_per_song": stats.truth_bytes / max(1, stats.tracks),
        "index_cpu_s": _cpu_s() - before_s,
    }


def _cpu_s() -> float:
    """Return the seconds of processor time of this process and of those that it waited for."""
    return sum(os.times()[:4])


def _engine(parts: Parts, *, from_start: bool) -> MelodyEngine:
    params = MelodyParams()
    room = parts.room(_ENGINE)
    if not from_start:
        return MelodyEngine(room.vectors(DIMENSION, index_digest(params)), params, accept=0.0)
    # Only the windows at the first note, only the query's own beginning: made from the truth.
    windows = replace(params.windows, gap_s=(_NEVER_S,) * 3, heard_gap_s=_NEVER_S)
    search = replace(params.search, part_gap_s=_NEVER_S, back=1)
    params = replace(params, windows=windows, search=search)
    room.discard()
    engine = MelodyEngine(room.vectors(DIMENSION, index_digest(params)), params, accept=0.0)
    numbers = parts.tracks.numbers(_ENGINE).tolist()
    engine.add(
        (number, engine.analysis.unpack(stored.data))
        for number, stored in parts.tracks.features(_ENGINE, numbers)
    )
    return engine


def _numbers(parts: Parts) -> dict[str, int]:
    """Return the number of each reference by its file's name without the ending."""
    found: dict[str, int] = {}
    after = None
    while page := parts.tracks.page(after, PAGE):
        for track in page:
            piece = piece_of(track.source)
            name = Path(file_of(track.source)).stem + (f"#{piece}" if piece else "")
            if found.setdefault(name, track.number) != track.number:
                message = f"two references are called {name!r}; rename one"
                raise UsageError(message)
        after = page[-1].id
    return found


def _ask(engine: MelodyEngine, asked: HumQuery, number: int) -> HumOutcome:
    started = time.process_time()
    clip = decode(asked.path, RATE_HZ).clip
    with listening() as told:
        try:
            found = engine.search(clip, _LIMIT)
        except TooLittleVoiceError:
            found = []
    cpu_ms = 1000.0 * (time.process_time() - started)
    ranks = (at for at, one in enumerate(found, 1) if number in (one.number, *one.alike))
    return HumOutcome(
        query=str(asked.path),
        song=asked.song,
        group=asked.group,
        rank=next(ranks, UNRANKED),
        confidence=found[0].confidence if found else 0.0,
        cpu_ms=cpu_ms,
        voiced_s=told.get(VOICED_S, 0.0),
    )
