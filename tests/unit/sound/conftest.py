"""The model ``ears`` through the real ports, on sounds that are made here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from earmark.homes import FolderRoom
from earmark.sound.analysis import Chosen, SoundAnalysis
from earmark.sound.catalogue import model_plugin
from earmark.sound.engine import SoundEngine
from earmark.sound.features import SoundFeatures
from earmark.types import Clip

RATE_HZ = 8000


def make_sound(seed: int, seconds: float = 12.0) -> np.ndarray:
    """Every 4 s another sound: three tones that beat over noise of a colour; 8 kHz."""
    parts = []
    for part in range(int(np.ceil(seconds / 4.0))):
        rng = np.random.default_rng([seed, part, 3])
        time_s = np.arange(4 * RATE_HZ) / RATE_HZ
        tones = sum(
            rng.uniform(0.2, 1.0) * np.sin(2 * np.pi * hz * time_s)
            for hz in np.exp(rng.uniform(np.log(80), np.log(3500), 3))
        )
        beat = 1.0 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.5, 8.0) * time_s)
        noise = rng.normal(0, rng.uniform(0.01, 0.3), len(time_s))
        parts.append(0.15 * (tones * beat + np.convolve(noise, np.ones(4) / 4, "same")))
    return np.concatenate(parts)[: round(seconds * RATE_HZ)].astype(np.float32)


@pytest.fixture
def sound() -> Callable[..., np.ndarray]:
    """Samples by seed and length; 8 kHz."""
    return make_sound


@pytest.fixture
def chosen(ears) -> Chosen:
    """The model ``ears``."""
    return Chosen(model_plugin("ears").info)


@pytest.fixture
def hear(chosen) -> Callable[[np.ndarray], SoundFeatures]:
    """The features of samples, as the truth gives them back."""
    analysis = SoundAnalysis(chosen)

    def heard(samples: np.ndarray) -> SoundFeatures:
        analyser = analysis.analyser()
        analyser.feed(samples)
        return analysis.unpack(analysis.pack(analyser.finish()))

    return heard


@pytest.fixture
def room(tmp_path) -> FolderRoom:
    """An index folder."""
    return FolderRoom(tmp_path / "index" / "sound")


@pytest.fixture
def new_engine(room, chosen) -> Callable[[], SoundEngine]:
    """Open the engine on the one folder, as another process would."""
    return lambda: SoundEngine(room, chosen)


@pytest.fixture
def engine(new_engine, hear) -> SoundEngine:
    """Twelve tracks of 12 s (1 to 12) and an unsaved index."""
    made = new_engine()
    made.add((seed, hear(make_sound(seed))) for seed in range(1, 13))
    return made


@pytest.fixture
def ask() -> Callable[..., list]:
    """Findings for samples."""
    return lambda engine, samples, limit=5: engine.search(Clip(samples, RATE_HZ), limit)
