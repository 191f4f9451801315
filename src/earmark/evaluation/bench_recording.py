"""The suite behind ``earmark bench recording``: a library of your music, asked spoilt clips."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.audio.decode import decode
from earmark.bootstrap import Parts, open_parts
from earmark.config import Settings
from earmark.errors import AudioTooShortError, InputError, UsageError
from earmark.evaluation.collection import Split, split
from earmark.evaluation.counting import CountingRoom, Reads
from earmark.evaluation.degrade import CONDITIONS
from earmark.evaluation.noise import NoiseBank
from earmark.evaluation.queries import Query, choose, spoilt
from earmark.evaluation.report import REACH, Miss, RecordingReport, floors
from earmark.evaluation.score import Outcome, offset_error_s
from earmark.library import Library
from earmark.ports import Engine
from earmark.reports import AddReport, Progress, ProgressCallback

__all__ = ["HELD_OUT_CONDITIONS", "LENGTHS_S", "REACH", "Miss", "floors", "run"]

LENGTHS_S = (1.0, 2.0, 3.0, 5.0, 10.0)
HELD_OUT_CONDITIONS = ("clean", "pink0", "ambient0", "phone", "babble0", "reverb")
_ENGINE = "recording"
_LIMIT = 5
_TIMED_TRACKS, _TIMED_S = 8, 120.0  # audio that the speed of analysis is measured on
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class _Opened:
    """The engine on the finished library, with what tells its answers and their cost."""

    parts: Parts
    engine: Engine[Any]
    reads: Reads

    @classmethod
    def of(cls, folder: Path, settings: Settings) -> _Opened:
        parts = open_parts(folder, settings)
        room = CountingRoom(parts.room(_ENGINE))
        return cls(parts, parts.plugins[_ENGINE](room), room.reads)

    def number(self, source: Path) -> int | None:
        """Return the number that a track's audio was given, or None if it was not taken in."""
        state = self.parts.tracks.source_state(str(source))
        return None if state is None else self.parts.tracks.get(state.track_id).number


def run(
    music: Path,
    noise: Path | None = None,
    impulse: Path | None = None,
    *,
    babble: Path | None = None,
    distractors: Path | None = None,
    seed: int = 0,
    per_cell: int = 20,
    workers: int | None = None,
    conditions: Sequence[str] = CONDITIONS,
    lengths_s: Sequence[float] = LENGTHS_S,
    progress: ProgressCallback | None = None,
) -> RecordingReport:
    """Build a library of some of the music and ask it for spoilt clips of all of it.

    Part of the tracks is held out and never indexed: an answer to a clip of them is a false alarm.
    Duplicates of a track in another file count as wrong answers, so leave them out. Clips are asked
    from memory, by one thread, of the library as it lies on disk.

    Parameters
    ----------
    music
        A folder of music, at any depth.
    noise, impulse, babble
        Folders of recordings to spoil clips with; what is not given is synthesised.
    distractors
        A folder of more music: indexed, never asked for.
    seed
        Decides the split, the excerpts and every degradation.
    per_cell
        Clips for each condition and length. Of held-out tracks so many are asked that there is
        about one for every two of indexed tracks, over all conditions.
    workers
        Analysis processes while indexing; None is one a core.
    conditions, lengths_s
        A part of the grid, for a quick run.
    progress
        Called while indexing, then while asking.

    Raises
    ------
    UsageError
        Too little music, or a condition that is not known.
    InputError, StoreError
        A folder is not there; the library cannot be written in the system's temporary folder.
    """
    unknown = [name for name in conditions if name not in CONDITIONS]
    if unknown:
        message = f"unknown condition {unknown[0]!r}; known: {', '.join(CONDITIONS)}"
        raise UsageError(message)
    bank = NoiseBank.load(noise, impulse, babble)
    held_conditions = [name for name in HELD_OUT_CONDITIONS if name in conditions]
    held_per_cell = -(-per_cell * len(conditions) // (2 * max(1, len(held_conditions))))
    parts = split(music, distractors, seed=seed, least_held_out=per_cell)
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as temporary:
        folder = Path(temporary) / "library"
        settings = Settings(library=str(folder), workers=workers or 0)
        added = _indexed(folder, settings, parts, progress)
        measured = _sizes(folder, settings, parts, added)
        opened = _Opened.of(folder, settings)
        try:
            measured["x_real_time"] = _analysis_x_real_time(opened.engine, parts)
            taken = [path for path in parts.positives if opened.number(path) is not None]
            asked = choose(taken, lengths_s, per_cell, seed, "indexed")
            held = choose(parts.held_out, lengths_s, held_per_cell, seed, "held out")
            total = len(asked) * len(conditions) + len(held) * len(held_conditions)
            outcomes: list[Outcome] = []
            for excerpts, names, positive in (
                (asked, conditions, True),
                (held, held_conditions, False),
            ):
                for query in spoilt(excerpts, names, bank, seed, positive=positive):
                    if not outcomes:
                        _ask(opened, query)  # the first search loads kernels and maps files
                    outcomes.append(_ask(opened, query))
                    if progress is not None:
                        progress(Progress(len(outcomes), total, source=query.condition))
        finally:
            opened.parts.close()
    return RecordingReport(tuple(outcomes), measured)


def _indexed(
    folder: Path, settings: Settings, parts: Split, progress: ProgressCallback | None
) -> AddReport:
    with Library.open(folder, create=True, settings=settings) as library:
        for name in library.engines():
            if name != _ENGINE:
                library.switch(name, on=False)
        return library.add([*parts.positives, *parts.distractors], progress=progress)


def _sizes(folder: Path, settings: Settings, parts: Split, added: AddReport) -> dict[str, float]:
    with Library.open(folder, settings=settings) as library:
        stats = library.stats()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "tracks_indexed": stats.audios,
        "tracks_held_out": len(parts.held_out),
        "tracks_failed": len(added.failed),
        "indexed_audio_s": stats.audio_s,
        "bytes_per_hour": size / max(1e-9, stats.audio_s / 3600.0),
        "add_x_real_time": added.x_real_time,
    }


def _analysis_x_real_time(engine: Engine[Any], parts: Split) -> float:
    """Return seconds of decoded audio analysed in a second of one core's time."""
    audio_s = cpu_s = 0.0
    for path in parts.positives[:_TIMED_TRACKS]:
        try:
            clip = decode(path, engine.analysis.rate_hz, duration_s=_TIMED_S).clip
        except InputError:
            continue
        start = time.process_time()
        analyser = engine.analysis.analyser()
        for begin in range(0, len(clip.samples), _BLOCK):
            analyser.feed(clip.samples[begin : begin + _BLOCK])
        analyser.finish()
        cpu_s += time.process_time() - start
        audio_s += clip.duration_s
    return audio_s / max(1e-9, cpu_s)


def _ask(opened: _Opened, query: Query) -> Outcome:
    opened.reads.clear()
    start = time.process_time()
    try:
        findings = opened.engine.search(query.clip, _LIMIT)
    except AudioTooShortError:
        findings = []
    cpu_ms = (time.process_time() - start) * 1000.0
    best = findings[0] if findings else None
    number = opened.number(query.source) if query.positive else None
    right = best is not None and best.number == number
    return Outcome(
        condition=query.condition,
        length_s=query.length_s,
        positive=query.positive,
        answered=best is not None,
        right=right,
        extra=sum(finding.number != number for finding in findings) if right else 0,
        confidence=best.confidence if best is not None else 0.0,
        offset_error_s=(
            offset_error_s(best, query.offset_s, query.time_ratio)
            if best is not None and right
            else None
        ),
        # Without an answer everything was tried.
        warped=best is None or bool(best.evidence.figures.get("tried_warps", 0)),
        cpu_ms=cpu_ms,
        reads=opened.reads.postings,
    )
