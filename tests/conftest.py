"""Real audio, a real little engine and the real program, for every test that wants them."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from milvus_server import (  # noqa: F401 - fixtures, their server's rest, the summary
    lite_address,
    milvus_server,
    pytest_collection_modifyitems,
    pytest_runtest_setup,
    pytest_terminal_summary,
    pytest_xdist_make_scheduler,
    server_address,
)
from redis_host import redis_cluster_host, redis_host  # noqa: F401 - fixtures
from shared_place import apart, lite, shared  # noqa: F401 - fixtures
from warm_program import WarmProgram

from earmark import Library, Settings

# Stand-ins for a package; one of them fails to import, as it is meant to.
collect_ignore = ["plugins_mic"]

PLUGINS = Path(__file__).parent / "plugins"
SOURCE = Path(__file__).parents[1] / "src"
RATE_HZ = 16000
NOTE_S = 0.5


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without the garbage collector, which would go through them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Leave thousands of tests and modules, which stay, out of every later look for garbage."""
    gc.collect()
    gc.freeze()


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


def note(rng: np.random.Generator, hz: float, seconds: float) -> np.ndarray:
    """A plucked note: a few harmonics of random strength, a quick rise, a slow fall."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tones = [
        rng.uniform(0.2, 1.0) / k * np.sin(2 * np.pi * k * hz * time_s)
        for k in range(1, 8)
        if k * hz < 7000
    ]
    return sum(tones) * np.exp(-4 * time_s) * np.minimum(1.0, time_s * 200)


def drum(rng: np.random.Generator) -> np.ndarray:
    """A hit: a burst of noise, or a thud that falls."""
    time_s = np.arange(int(0.15 * RATE_HZ)) / RATE_HZ
    if rng.random() < 0.5:
        return rng.standard_normal(len(time_s)) * np.exp(-40 * time_s)
    return np.sin(2 * np.pi * 60 * time_s * np.exp(-8 * time_s)) * np.exp(-15 * time_s)


@cache
def make_music(seed: int, seconds: float = 20.0) -> np.ndarray:
    """Music-like sound by its seed: chords and drums in a key and a tempo, over a little noise.

    Unlike `make_song`, tracks share keys, notes and drums, so that some of one is in every other.
    """
    rng = np.random.default_rng([seed, 77])
    samples = np.zeros(round((seconds + 2) * RATE_HZ))
    beat_s, tonic_hz, at_s = rng.uniform(0.4, 0.65), 110.0 * 2 ** (rng.integers(0, 12) / 12), 0.0
    while at_s < seconds:
        sounds = [
            note(rng, tonic_hz * 2 ** (rng.choice([0, 2, 3, 5, 7, 8, 10]) / 12 + octave), length_s)
            for octave, length_s in zip(
                rng.integers(0, 4, 3), rng.uniform(0.3, 1.0, 3), strict=True
            )
            if rng.random() < 0.7
        ]
        for sound in [*sounds, drum(rng)] if rng.random() < 0.6 else sounds:
            start = int((at_s + rng.uniform(0, 0.03)) * RATE_HZ)
            samples[start : start + len(sound)] += sound
        at_s += beat_s * rng.choice([0.25, 0.5, 0.5, 1.0])
    samples = samples[: round(seconds * RATE_HZ)]
    samples += 0.002 * rng.standard_normal(len(samples))
    samples = (0.5 * samples / np.abs(samples).max()).astype(np.float32)
    samples.flags.writeable = False
    return samples


@pytest.fixture(scope="session")
def music() -> Callable[..., np.ndarray]:
    """Samples of made-up music by its seed and length; 16 kHz."""
    return make_music


@pytest.fixture(scope="session")
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
    """Put the plug-in ``tones`` in place of the engine ``sound``, here and in child processes."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    paths = [str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


@pytest.fixture
def chimes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the plug-in engine ``chimes`` known, which reads scores (``.chimes``)."""
    folder = str(PLUGINS.with_name("plugins_scores"))
    monkeypatch.syspath_prepend(folder)
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the sound models ``ears``, ``ear-horn`` and ``far-ears`` known; no weights are here."""
    folder = str(PLUGINS.with_name("plugins_models"))
    monkeypatch.syspath_prepend(folder)
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("EARMARK_MODELS", "EARMARK_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


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


@pytest.fixture(scope="session")
def warm_program() -> Iterator[WarmProgram]:
    """The program, whose commands need start only once (`warm_program.py`)."""
    program = WarmProgram(SOURCE)
    yield program
    program.close()


@pytest.fixture
def earmark(tones: None, tmp_path: Path, warm_program: WarmProgram) -> Callable[..., Ran]:
    """Run the real program in the test's folder, with ``tones`` among the engines."""

    def ran(
        *arguments: str | Path, stdin: bytes = b"", path: Sequence[Path] = (), **environment: str
    ) -> Ran:
        paths = os.pathsep.join([*map(str, path), str(SOURCE), os.environ["PYTHONPATH"]])
        env = os.environ | {"PYTHONPATH": paths} | environment
        code, out, err = warm_program.run([*map(str, arguments)], tmp_path, env, stdin)
        return Ran(code, out.decode(), err.decode())

    return ran
