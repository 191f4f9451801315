"""Real audio, a real little engine and the real program, for every test that wants them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings

PLUGINS = Path(__file__).parent / "plugins"
SOURCE = Path(__file__).parents[1] / "src"
RATE_HZ = 16000
NOTE_S = 0.5


def make_song(seed: int, seconds: float = 12.0) -> np.ndarray:
    """Notes of half a second, one tone of each far above the rest, so that any engine hears it."""
    random = np.random.default_rng(seed)
    time_s = np.arange(int(NOTE_S * RATE_HZ)) / RATE_HZ
    notes = []
    for _ in range(round(seconds / NOTE_S)):
        strong, *weak = random.integers(50, 800, 6) * 4.0
        note = 0.4 * np.sin(2 * np.pi * strong * time_s)
        for tone in weak:
            note += 0.05 * np.sin(2 * np.pi * tone * time_s)
        notes.append(note)
    return np.concatenate(notes).astype(np.float32)


@pytest.fixture
def song() -> Callable[..., np.ndarray]:
    """Samples of a made-up song by its seed; 16 kHz."""
    return make_song


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write samples, or a song by its seed, to a file below the test's folder."""

    def written(name: str, audio: np.ndarray | int, rate_hz: int = RATE_HZ, **how: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = make_song(audio) if isinstance(audio, int) else audio
        soundfile.write(path, samples, rate_hz, **how)
        return path

    return written


@pytest.fixture
def tones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the plug-in engine ``tones`` (kind ``sound``) known, here and in child processes."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    paths = [str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two workers, a short wait for locks, nothing from the environment."""
    return Settings(library=str(tmp_path / "library"), workers=2, lock_wait_s=5.0)


@pytest.fixture
def shelf(tones: None, settings: Settings) -> Iterator[Library]:
    """An empty library with every engine, ``tones`` among them."""
    with Library.open(create=True, settings=settings) as library:
        yield library


@dataclass(frozen=True)
class Ran:
    """What a run of the program left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict]:
        """Standard output as JSON, one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def earmark(tones: None, tmp_path: Path) -> Callable[..., Ran]:
    """Run the real program in the test's folder, with ``tones`` among the engines."""

    def ran(
        *arguments: str | Path, stdin: bytes = b"", path: Sequence[Path] = (), **environment: str
    ) -> Ran:
        command = [sys.executable, "-W", "error", "-m", "earmark", *map(str, arguments)]
        paths = os.pathsep.join([*map(str, path), str(SOURCE), os.environ["PYTHONPATH"]])
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": paths} | environment,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return ran
