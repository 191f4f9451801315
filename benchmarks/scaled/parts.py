"""What building and asking both stand on: the music, the library, and what this process costs."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from made import Real

from earmark import Library
from earmark.config import load_settings
from earmark.evaluation.collection import split
from earmark.ingest.analyse import Analysed, Job
from earmark.stores.redis_client import RedisClient


@dataclass(frozen=True)
class Music:
    """Real files by their part: asked for, never added, and imitated only."""

    asked: Sequence[Path]
    held_out: Sequence[Path]
    imitated: Sequence[Path]


def music(folder: Path | None, asked: int, seed: int) -> Music:
    """Split a folder of real music; None is the music of the demo."""
    if folder is None:
        import immich_memories_music

        folder = Path(immich_memories_music.tracks_dir())
    parts = split(folder, seed=seed)
    count = min(asked, len(parts.positives) // 2)
    return Music(parts.positives[:count], parts.held_out, parts.positives[count:])


def opened(place: str, *, create: bool = False) -> Library:
    """Open a library, by folder or URL."""
    return Library.open(place, create=create, settings=load_settings(library=place))


def heard(library: Library, files: Sequence[Path]) -> Real:
    """Analyse files as the library would, without adding them."""
    analyst = library._analyst()
    found: dict[str, list[Any]] = {analysis.name: [] for analysis in analyst.analyses}
    for file in files:
        analysed: Analysed = analyst(Job(str(file), analyse=True))
        for analysis in analyst.analyses:
            data = (analysed.features or {})[analysis.name].data
            found[analysis.name].append(analysis.unpack(data))
    tunes = [one.tune for one in found["melody"] if one.tune is not None]
    return Real(found["recording"], tunes, found["sound"])


def clients() -> Iterator[RedisClient]:
    """Yield the open connections to a Redis, whoever in this process holds them."""
    for thing in gc.get_objects():
        if type(thing) is RedisClient:  # isinstance would wake weak references that are dead
            yield thing


def round_trips() -> int:
    """Return how often this process has waited for a Redis."""
    return sum(client.round_trips for client in clients())


def memory_mb() -> dict[str, float]:
    """Return resident memory of this process: its own, and pages of mapped files."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    own, mapped = (int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))
    return {"own_mb": round(own, 1), "mapped_mb": round(mapped, 1)}
