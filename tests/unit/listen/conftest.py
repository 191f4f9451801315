"""A library of three pieces of music, asked about with `Listening`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings
from earmark.listen import Event, Listening

RATE_HZ = 16000


@pytest.fixture(scope="session")
def shop(tmp_path_factory, music) -> Iterator[Library]:
    """Three pieces of music, known as recordings and as tunes; only read."""
    folder = tmp_path_factory.mktemp("shop")
    paths = []
    for seed in range(3):
        paths.append(folder / f"music {seed}.wav")
        soundfile.write(paths[-1], music(seed), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.switch("sound", False)
        assert library.add(paths).added == 3
        yield library


@pytest.fixture(scope="session")
def play() -> Callable[..., list[Event]]:
    """Play samples through a listening in blocks, look whenever that is due, and finish."""

    def played(session: Listening, samples: np.ndarray, block_s: float = 0.25) -> list[Event]:
        frames = samples if samples.ndim == 2 else samples[:, np.newaxis]
        length = round(block_s * RATE_HZ)
        events: list[Event] = []
        for at in range(0, len(frames), length):
            events += session.hear(frames[at : at + length])
            if session.due:
                events += session.look()
            if session.ended:
                break
        return [*events, *session.finish()]

    return played
