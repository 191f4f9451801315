"""Fill a library with some real and many synthetic tracks, and say how long each stage took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from made import CHUNK, Maker, Shape
from parts import heard, memory_mb, music, opened, round_trips

from earmark import Library
from earmark.ports import NewTrack
from earmark.recording.constellation import Constellation
from earmark.recording.landmarks import reference_landmarks
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.timing import collecting, lap

COMMITTED = 256
"""Tracks in one commit."""
LIKE = 60
"""Synthetic tracks that are compared with real ones."""


def build(
    place: str, tracks: int, folder: Path | None, real: int, shape: Shape, seed: int
) -> dict[str, Any]:
    """Grow the library at ``place`` to ``tracks`` tracks; one that was begun goes on."""
    began = time.monotonic()
    parts = music(folder, real, seed)
    with opened(place, create=True) as library, collecting() as laps:
        with lap("real"):
            library.add([str(path) for path in parts.asked], workers=1)
        with lap("imitated"):
            maker = maker_of(library, parts.imitated, shape, seed)
        timed_indexes(library, lap)
        begun = len(library) - len(parts.asked)
        waited = round_trips()
        done = begun
        for made in timed(maker, begun, tracks - len(parts.asked), lap):
            with lap("commit"):
                for at in range(0, len(made), COMMITTED):
                    library._commit(made[at : at + COMMITTED])
            done += len(made)
            told(done, began)
        with lap("settle"):
            library._settle()
        waited = round_trips() - waited
        stats = library.stats()
    seconds = {name: round(ms / 1000.0, 2) for name, ms in laps.items()}
    made_count = max(1, done - begun)
    return {
        "library": place.partition("?")[0],
        "tracks": stats.tracks,
        "made": done - begun,
        "minutes": shape.minutes,
        "sung_s": shape.sung_s,
        "sound_windows": shape.sound_windows,
        "seconds": seconds,
        "made_per_s": round(made_count / max(1e-9, seconds.get("make", 0.0)), 1),
        "stored_per_s": round(made_count / max(1e-9, seconds.get("commit", 0.0)), 1),
        "round_trips_a_track": round(waited / made_count, 3),
        "truth_bytes": stats.truth_bytes,
        "engines": {name: dict(figures) for name, figures in stats.engines.items()},
        "memory": memory_mb(),
        "wall_s": round(time.monotonic() - began, 1),
    }


def maker_of(library: Library, imitated: Sequence[Path], shape: Shape, seed: int) -> Maker:
    """Return what makes the tracks of a library."""
    analyses = {analysis.name: analysis for analysis in library._analyst().analyses}
    return Maker(heard(library, imitated), analyses, shape, seed)


def timed(maker: Maker, start: int, stop: int, lap: Callable[[str], AbstractContextManager[None]]):
    """Yield the chunks, their making pressed as ``make``."""
    chunks = maker.chunks(start, stop)
    while True:
        with lap("make"):
            made: list[NewTrack] | None = next(chunks, None)
        if made is None:
            return
        yield made


def timed_indexes(library: Library, lap: Callable[[str], AbstractContextManager[None]]) -> None:
    """Press a lap around what each engine adds; it is part of the commits."""
    for name in library._indexes.names:
        engine = library._indexes.engine(name)
        engine.add = _timed(engine.add, f"index {name}", lap)  # type: ignore[method-assign]


def _timed(add: Callable[[Any], None], name: str, lap: Any) -> Callable[[Any], None]:
    def timed_add(items: Any) -> None:
        held = list(items)  # read and unpacked outside of the lap
        with lap(name):
            add(held)

    return timed_add


def told(done: int, began: float) -> None:
    """Tell now and then how far it is."""
    if done % (10 * CHUNK) < CHUNK:
        print(f"{done:,} tracks after {time.monotonic() - began:,.0f} s", file=sys.stderr)


def likeness(
    library: Library, asked: Sequence[Path], imitated: Sequence[Path], shape: Shape, seed: int
) -> dict[str, Any]:
    """Return how synthetic tracks compare with those they imitate.

    ``met_per_million`` is what a question reads: of a million landmarks, how many have the hash of
    a given landmark of the tracks that are asked for, which nothing here imitates.
    """
    params = RecordingParams()
    analyses = {analysis.name: analysis for analysis in library._analyst().analyses}
    real = heard(library, imitated)
    made = Maker(real, analyses, shape, seed).chunk(0)[:LIKE]
    synthetic = [analyses["recording"].unpack(new.features["recording"].data) for new in made]
    question = _hashes(heard(library, asked).constellations, params)
    found = {}
    for name, tracks in (("real", real.constellations), ("synthetic", synthetic)):
        pages = sum(one.pages for one in tracks)
        hashes = _hashes(tracks, params)
        met = float((hashes * question).sum() / (hashes.sum() * question.sum()))
        found[name] = {
            "tracks": len(tracks),
            "peaks_a_page": round(sum(len(one.frames) for one in tracks) / pages, 1),
            "landmarks_a_page": round(float(hashes.sum()) / pages, 1),
            "met_per_million": round(1e6 * met, 1),
        }
    return found


def _hashes(tracks: Sequence[Constellation], params: RecordingParams) -> np.ndarray:
    total = np.zeros(1 << HASH_BITS)
    for one in tracks:
        total += np.bincount(reference_landmarks(one, params.reference)[0], minlength=len(total))
    return total
