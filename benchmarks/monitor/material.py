"""What the programs of this folder share: their options, the music, the library."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from earmark import Library, Settings
from earmark.evaluation.noise import NoiseBank
from earmark.evaluation.programme import Sources
from earmark.ingest.inputs import collect


@dataclass(frozen=True)
class Material:
    """An open library, its files, and what programmes of it are made of."""

    library: Library
    files: tuple[Path, ...]
    sources: Sources


def options(about: str | None) -> argparse.ArgumentParser:
    """Return the options that every program has."""
    parser = argparse.ArgumentParser(description=about)
    listed = "a folder, or a text file with a path a line"
    parser.add_argument("--music", type=Path, required=True, help=f"to index and play: {listed}")
    parser.add_argument("--held-out", type=Path, required=True, help=f"in no library: {listed}")
    parser.add_argument("--distractors", type=Path, help=f"to index, never played: {listed}")
    parser.add_argument("--babble", type=Path, help="a folder of speech")
    parser.add_argument("--noise", type=Path, help="a folder of noises")
    parser.add_argument("--library", type=Path, help="kept here between runs, or made new")
    parser.add_argument("--seed", type=int, default=0)
    return parser


@contextmanager
def material(given: argparse.Namespace) -> Iterator[Material]:
    """Open the library with everything of ``--music`` and ``--distractors`` in it."""
    music, held = paths(given.music), paths(given.held_out)
    others = paths(given.distractors) if given.distractors else ()
    bank = NoiseBank.load(given.noise, None, given.babble)
    with tempfile.TemporaryDirectory(prefix="earmark-monitor-") as temporary:
        folder = given.library or Path(temporary) / "library"
        with Library.open(folder, create=True, settings=Settings(library=str(folder))) as library:
            for name, on in library.engines().items():
                if on and name != "recording":
                    library.switch(name, on=False)
            library.add([*music, *others])
            yield Material(library, (*music, *others), Sources(music, held, bank=bank))


def paths(given: Path) -> tuple[Path, ...]:
    """Return the files of a folder, or those that a text file names."""
    if given.is_dir():
        return tuple(Path(source) for source in sorted(collect([given]).sources))
    lines = given.read_text(encoding="utf-8").splitlines()
    return tuple(Path(line) for line in lines if line.strip())


def resident_mb() -> float:
    """Return the memory that this process has in RAM."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6
