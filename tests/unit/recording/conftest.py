"""An index of made-up music that the tests of the recording engine share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from earmark.evaluation.noise import NoiseBank
from earmark.ports import PostingStore
from earmark.recording.engine import RecordingAnalysis, RecordingEngine
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.stores.segments import SegmentPostingStore
from earmark.types import Clip, Finding

RATE_HZ = 16_000
TRACKS = tuple(range(1, 13))


def analysed(samples):
    """The constellation of samples."""
    analyser = RecordingAnalysis().analyser()
    analyser.feed(samples)
    return analyser.finish()


@pytest.fixture(scope="session")
def stars(music):
    """The constellation of a track by its number."""
    found = {number: analysed(music(number)) for number in TRACKS}
    return found.__getitem__


@pytest.fixture
def new_engine(tmp_path, stars) -> Callable[..., RecordingEngine]:
    """Open an engine of its own with some tracks, number and seed alike."""
    count = 0

    def opened(numbers=TRACKS, postings: PostingStore | None = None) -> RecordingEngine:
        nonlocal count
        count += 1
        digest = RecordingParams().digest
        postings = postings or SegmentPostingStore(tmp_path / f"index{count}", HASH_BITS, digest)
        engine = RecordingEngine(postings)
        engine.add((number, stars(number)) for number in numbers)
        return engine

    return opened


@pytest.fixture(scope="session")
def shared(tmp_path_factory, stars) -> SegmentPostingStore:
    """A flushed index of every track, for tests that only search."""
    folder = tmp_path_factory.mktemp("shared")
    engine = RecordingEngine(SegmentPostingStore(folder, HASH_BITS, RecordingParams().digest))
    engine.add((number, stars(number)) for number in TRACKS)
    engine.flush()
    return engine._postings


@pytest.fixture(scope="session")
def hear(shared) -> Callable[..., list[Finding]]:
    """Search the shared index for samples."""
    engine = RecordingEngine(shared)

    def heard(samples: np.ndarray, limit: int = 5) -> list[Finding]:
        return engine.search(Clip(np.ascontiguousarray(samples, np.float32), RATE_HZ), limit)

    return heard


@pytest.fixture
def cut(music) -> Callable[..., np.ndarray]:
    """Cut seconds [start, stop) out of a track."""
    return lambda number, start, stop: music(number)[
        round(start * RATE_HZ) : round(stop * RATE_HZ)
    ].copy()


@pytest.fixture(scope="session")
def bank() -> NoiseBank:
    """Made noises and rooms."""
    return NoiseBank.synthetic(np.random.default_rng(1))
