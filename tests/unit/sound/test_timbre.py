"""The vector that needs no network."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.sound.timbre import DIMENSION, timbre


def tone(hz, seconds=1.0, rate_hz=32000, level=0.3):
    return (level * np.sin(2 * np.pi * hz * np.arange(seconds * rate_hz) / rate_hz)).astype("f4")


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("count", [1, 2, 100, 1023, 1024, 1025, 6400, 70_000])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 32000])
def test_any_length_at_any_rate_is_a_finite_vector(count, rate_hz):
    samples = np.random.default_rng(count).normal(0, 0.1, count).astype(np.float32)
    found = timbre(samples, rate_hz)
    assert found.shape == (DIMENSION,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_silence_and_huge_samples_are_finite():
    assert np.isfinite(timbre(np.zeros(5000, np.float32), 32000)).all()
    assert np.isfinite(timbre(tone(440, level=1e6), 32000)).all()


def test_loudness_is_in_the_first_component_only():
    loud, soft = timbre(tone(440), 32000), timbre(tone(440, level=0.03), 32000)
    assert abs(loud - soft)[1:20].max() < 0.01
    assert loud[0] - soft[0] > 1.0


def test_like_sounds_are_nearer_than_unlike_ones():
    rng = np.random.default_rng(1)
    hiss, other = (timbre(rng.normal(0, 0.1, 32000).astype("f4"), 32000)[1:] for _ in range(2))
    assert cosine(hiss, other) > 0.95
    assert cosine(hiss, timbre(tone(200), 32000)[1:]) < 0.8


def test_the_rate_hardly_matters_below_its_half():
    low = timbre(tone(300, rate_hz=8000), 8000)
    assert np.isfinite(low).all()
    assert abs(timbre(tone(300, rate_hz=32000), 32000) - timbre(tone(300), 32000)).max() == 0.0


def test_blocks_of_frames_do_not_show():
    """70 s are more frames than are transformed at once."""
    samples = np.tile(tone(500), 70)
    assert timbre(samples, 32000)[:20] == pytest.approx(
        timbre(samples[: 32000 * 9], 32000)[:20], abs=0.02
    )
