"""The suite behind ``earmark bench monitor``: programmes of your music, scanned and judged."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from earmark.config import Settings
from earmark.errors import UsageError
from earmark.evaluation.collection import split
from earmark.evaluation.monitor_report import Heard, MonitorReport
from earmark.evaluation.monitor_score import score
from earmark.evaluation.noise import NoiseBank
from earmark.evaluation.programme import Programme, Sources
from earmark.evaluation.programme_style import STYLES
from earmark.library import Library
from earmark.monitor.scan import scan
from earmark.reports import Progress, ProgressCallback

__all__ = ["LEAST_HOURS", "listen", "run"]

LEAST_HOURS = 1.0 / 60.0
_ENGINE = "recording"


def run(
    music: Path,
    babble: Path | None = None,
    noise: Path | None = None,
    *,
    distractors: Path | None = None,
    seed: int = 0,
    hours: float = 2.0,
    programmes: int = 1,
    styles: Sequence[str] = tuple(STYLES),
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MonitorReport:
    """Build a library of some of the music and scan programmes that play all of it.

    Part of the tracks is held out and never indexed: unknown music, and the jingles are cut from
    it. Tracks that hold the same music count as wrong answers, so leave them out.

    Parameters
    ----------
    music
        A folder of music, at any depth.
    babble
        A folder of speech; without one it is synthesised, which no ear takes for speech.
    noise
        A folder of noises.
    distractors
        A folder of more music: indexed, never played.
    seed
        Decides the split and every programme.
    hours
        The length of each programme.
    programmes
        How many of each style.
    styles
        Which (see `Programme`).
    workers
        Analysis processes while indexing; None is one a core. Scans are timed on one.
    progress
        Called while indexing, then after every programme.

    Raises
    ------
    UsageError
        Too little music, or programmes shorter than a minute.
    InputError, StoreError
        A folder is not there; nothing can be written in the system's temporary folder.
    """
    if hours < LEAST_HOURS or programmes < 1:
        message = (
            f"{programmes} programmes of {hours:g} h: at least 1 of a minute (0.017) is needed"
        )
        raise UsageError(message)
    bank = NoiseBank.load(noise, None, babble)
    parts = split(music, distractors, seed=seed)
    sources = Sources(parts.positives, parts.held_out, bank=bank)
    with tempfile.TemporaryDirectory(prefix="earmark-bench-") as temporary:
        folder = Path(temporary) / "library"
        settings = Settings(library=str(folder), workers=workers or 0)
        with Library.open(folder, create=True, settings=settings) as library:
            for name in library.engines():
                if name != _ENGINE:
                    library.switch(name, on=False)
            library.add([*parts.positives, *parts.distractors], progress=progress)
            heard: list[Heard] = []
            for index in range(programmes):
                for style in styles:
                    file = Path(temporary) / "programme.wav"
                    heard.append(listen(library, sources, style, hours, seed + index, file))
                    if progress is not None:
                        progress(Progress(len(heard), programmes * len(styles), source=style))
            measured = {"tracks_indexed": len(library), "tracks_held_out": len(parts.held_out)}
    return MonitorReport(tuple(heard), measured)


def listen(
    library: Library, sources: Sources, style: str, hours: float, seed: int, file: Path
) -> Heard:
    """Write a programme to a file, scan it, judge it; the file is deleted."""
    truth = Programme(sources, style, duration_s=hours * 3600.0, seed=seed).write(file)
    try:
        start = time.process_time()
        timeline = scan(library, file)
        cpu_s = time.process_time() - start
    finally:
        file.unlink()
    return Heard(style, seed, score(truth, timeline), cpu_s)
