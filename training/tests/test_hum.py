"""Simulated queries sound the pitch that they claim."""

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")
pytest.importorskip("mido")

from training import hum
from training.generate import tunes

TUNE = tunes(1, seed=4)[0]


def _strength(audio: hum.mix.Audio, frame: int, semitones: float) -> float:
    """Return the energy of the first six harmonics of a pitch in one frame of 50 ms."""
    start = max(0, int((frame + 0.5) * 800) - 1024)
    spectrum = np.abs(np.fft.rfft(audio[start : start + 2048] * np.hanning(2048), 8192))
    hertz = 440 * 2 ** ((semitones - 69) / 12) * np.arange(1, 7)
    bins = np.rint(hertz[hertz < 7900] / 16000 * 8192).astype(int)
    return float(np.log1p(spectrum[bins]).sum())


@pytest.mark.parametrize("style", hum.STYLES)
def test_the_truth_is_what_sounds(style: str) -> None:
    """In most frames no pitch within a tritone is stronger than the true one."""
    rng = np.random.default_rng(3)
    asked = hum.perform(TUNE, rng, style=style, duration_s=8.0, tempo=1.0)
    audio, truth = hum.render(asked, rng)
    frames = np.flatnonzero(truth)[5:-5]
    assert len(frames) > 60
    offsets = np.arange(-6, 6.1, 0.5)
    best = [
        offsets[np.argmax([_strength(audio, k, truth[k] + o) for o in offsets])] for k in frames
    ]
    assert np.mean(np.abs(best) <= 0.5) > 0.75


def test_equal_seeds_give_equal_audio() -> None:
    """A query is reproducible to the sample; its peak is 0.7."""
    renders = []
    for _ in range(2):
        rng = np.random.default_rng(9)
        asked = hum.perform(TUNE, rng, style="hum", duration_s=5.0)
        renders.append(hum.render(asked, rng, snr_db=20.0, reverb=True)[0])
    assert np.array_equal(*renders)
    assert np.abs(renders[0]).max() == pytest.approx(0.7, abs=1e-4)


def test_a_true_performance_keeps_tempo_and_intervals() -> None:
    """Without spread the pitches stay near a transposition of the notes, in their tempo."""
    rng = np.random.default_rng(1)
    asked = hum.perform(TUNE, rng, style="la", spread=0.0, tempo=1.0, start=0, duration_s=6.0)
    first = asked.notes[:6, 2] - asked.notes[0, 2]
    assert np.abs(first - (TUNE["pitch"][:6] - TUNE["pitch"][0])).max() < 1.0
    assert 5.0 < asked.duration_s < 7.0
    assert (asked.notes[:, 1] > asked.notes[:, 0]).all()
