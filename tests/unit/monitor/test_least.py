"""What is exactly as long as the least is told, though it measures some hundredths less."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings
from earmark.monitor.options import MonitorOptions
from earmark.monitor.session import Monitor

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def told(tmp_path_factory, music):
    """Two jingles of 2 s, both known, in 20 s of noise; their detections with those options."""
    folder = tmp_path_factory.mktemp("least")
    jingles = [music(seed, 2.0)[: 2 * RATE_HZ] for seed in (1, 2)]
    for number, samples in enumerate(jingles):
        soundfile.write(folder / f"jingle{number}.wav", samples, RATE_HZ)
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.003, (3, 7 * RATE_HZ)).astype(np.float32)
    heard = np.concatenate([noise[0], jingles[0], noise[1], jingles[1], noise[2]])
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.switch("sound", False)
        library.add(sorted(folder.glob("*.wav")))

        def listen(least_s):
            monitor = Monitor(library, MonitorOptions(least_s=least_s))
            happened = [*monitor.feed(heard), *monitor.finish()]
            return [one.detection for one in happened if one.kind == "close"]

        yield listen


def test_a_jingle_of_just_the_least_is_told(told):
    found = told(2.0)
    assert len(found) == 2
    assert max(detection.played_s for detection in found) < 2.0
    assert told(2.2) == []


@pytest.mark.parametrize(
    ("played_s", "least_s", "enough"),
    [(2.0, 2.0, True), (1.91, 2.0, True), (1.89, 2.0, False), (0.0, 0.0, True)],
)
def test_a_tenth_less_is_enough(played_s, least_s, enough):
    assert MonitorOptions(least_s=least_s).enough(played_s) is enough
