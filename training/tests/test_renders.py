"""The parts of rendered mixes that need no soundfont."""

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")
pytest.importorskip("mido")

from training.generate import tunes
from training.lead import arrange, contour, harmony, mix, patterns
from training.lead.band import Fonts

NOTES = np.array([[0.5 * i, 0.5 * i + 0.4, 60 + p, 84] for i, p in enumerate((0, 4, 7, 5, 9, 0))])


def test_truth_is_zero_in_rests_and_the_note_elsewhere() -> None:
    """Frames are centred at (k + 0.5) / 20 s."""
    line = contour.draw(NOTES, 3.0, contour.Manner(glide_s=0), np.random.default_rng(0))
    truth = contour.truth(line, 3.0)
    assert truth.shape == (60,)
    assert truth[:8] == pytest.approx(60)
    assert not truth[8:10].any()
    assert truth[10:18] == pytest.approx(64)


def test_harmony_holds_the_notes_of_a_clear_tune() -> None:
    """Arpeggios of C, F and G in C major get these chords most of the time."""
    triads = [(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)] * 4
    notes = np.array([(b + k / 3, b + (k + 1) / 3, p, 84.0)
                      for b, triad in enumerate(triads) for k, p in enumerate(triad)])  # fmt: skip
    chords = harmony.harmonise(notes, np.arange(17.0), np.random.default_rng(1))
    right = [{p % 12 for p in t} <= set(c) for t, c in zip(triads, chords, strict=True)]
    assert np.mean(right) > 0.6


def test_a_silent_excerpt_has_a_band_but_no_melody() -> None:
    """What trains the silence of the extractor still has something to hear."""
    one, rng = tunes(1)[0], np.random.default_rng(2)
    notes = np.stack([one["on"], one["on"] + one["dur"], one["pitch"], one["on"] * 0 + 84], 1)
    fonts = Fonts((0,), ((0, 128, 0),))
    piece = arrange.tune(notes, "random/0", 20.0, fonts, rng, silent=True)
    assert len(piece.melody) == 0
    assert sum(len(part.notes) for part in piece.parts) > 10


@pytest.mark.parametrize("beats", [3, 4])
def test_drums_start_in_time_order_of_their_bars(beats: int) -> None:
    """Every stroke lies in its bars and on the keys of GM drums."""
    table = patterns.drums(np.arange(0, 16.0, 2.0), beats, np.random.default_rng(beats))
    assert len(table) > 10
    assert table[:, 0].min() >= 0
    assert table[:, 0].max() < 14.5
    assert set(table[:, 2]) <= set(range(35, 82))


@pytest.mark.parametrize("seed", range(6))
def test_mixes_are_loud_and_finite_even_of_silence(seed: int) -> None:
    """A missing lead or band is no reason to fail."""
    rng = np.random.default_rng(seed)
    tone = np.sin(np.arange(48_000) * 0.1).astype(np.float32)
    for lead, band in ((tone, tone * 0.1), (tone * 0, tone), (tone, tone * 0)):
        audio = mix.mix(lead, band, rng, [])
        assert audio.shape == (48_000,)
        assert np.abs(audio).max() > 1000


def test_codecs_stay_aligned() -> None:
    """What comes back from MP3 and OGG lies on the original, sample for sample."""
    rng = np.random.default_rng(1)
    audio = mix.equalise(mix.noise(80_000, rng) * 0.1, rng)
    audio = np.asarray(np.convolve(audio, np.hanning(40) / 20, "same"), np.float32)
    for container in ("MP3", "OGG"):
        assert np.corrcoef(audio, mix.codec(audio, container, 0.5))[0, 1] > 0.9
