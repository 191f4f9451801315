"""The singer: seeded, in the key and the tempo that were asked for, and heard as it was meant."""

import numpy as np
import pytest

from earmark.errors import UsageError
from earmark.evaluation.hum import RATE_HZ, STYLES, Manner, hum, made_up_tune, manner_of, phrases
from earmark.melody.params import VoiceParams
from earmark.melody.pitch import PITCH_HZ, track_voice
from earmark.melody.tune import Tune, empty


def scale_tune(notes=12, length_s=0.5, rest_s=0.0):
    steps = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    pitch = 60.0 + steps[np.arange(notes) % 8]
    onset = np.arange(notes) * length_s
    return Tune(
        onset.astype(np.float32),
        np.full(notes, length_s - rest_s, np.float32),
        pitch.astype(np.float32),
    )


PLAIN = dict.fromkeys(
    ("off_key_semitones", "drift_semitones", "rubato", "vibrato_semitones", "slips"), 0.0
)
SHIFT = {"sing": -3.0, "hum": -5.0, "la": -3.0, "whistle": 24.0}


@pytest.mark.parametrize("style", STYLES)
def test_equal_seeds_give_equal_audio(style):
    tune = made_up_tune(np.random.default_rng(3))

    def made(seed):
        rng = np.random.default_rng(seed)
        return hum(tune, manner_of(style, tune, rng), rng, snr_db=10.0, room=True)

    samples = made(1)
    assert np.array_equal(samples, made(1))
    assert not np.array_equal(samples, made(2))
    assert samples.dtype == np.float32
    assert np.abs(samples).max() == pytest.approx(0.7)
    assert 7.0 * RATE_HZ < len(samples) < 11.0 * RATE_HZ


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tempo", [1.0, 1.3])
def test_what_is_sung_is_what_was_meant(style, tempo):
    tune = scale_tune()
    manner = Manner(style=style, tempo=tempo, shift_semitones=SHIFT[style], **PLAIN)
    samples = hum(tune, manner, np.random.default_rng(0), start_s=1.0, length_s=4.0)
    heard = track_voice(samples, VoiceParams())
    for note in range(2, 2 + int(4.0 * tempo / 0.5) - 1):
        middle_s = 0.15 + (float(tune.onset_s[note]) - 1.0 + 0.3) / tempo
        around = heard[int((middle_s - 0.05) * PITCH_HZ) : int((middle_s + 0.05) * PITCH_HZ)]
        wanted = float(tune.semitones[note]) + manner.shift_semitones
        assert np.nanmedian(around) == pytest.approx(wanted, abs=0.6)


def test_off_key_and_drift_are_heard():
    tune = scale_tune()

    def error(**kind):
        heard = []
        for seed in range(3):
            manner = Manner("hum", shift_semitones=-5.0, **(PLAIN | kind))
            samples = hum(tune, manner, np.random.default_rng(seed), length_s=5.0)
            pitch = track_voice(samples, VoiceParams())
            at = (0.15 + tune.onset_s[:8].astype(float) + 0.3) * PITCH_HZ
            heard.append(pitch[at.astype(int)] - tune.semitones[:8] + 5.0)
        return float(np.nanstd(heard))

    plain = error()
    assert plain < 0.45
    assert error(off_key_semitones=1.5) > 2 * plain
    assert error(drift_semitones=1.0) > 2 * plain


def test_noise_is_as_loud_as_asked():
    tune, manner = scale_tune(), Manner("la", **PLAIN)
    quiet = hum(tune, manner, np.random.default_rng(1))
    noisy = hum(tune, manner, np.random.default_rng(1), snr_db=0.0)
    scale = np.dot(quiet, noisy) / np.dot(quiet, quiet)
    noise = noisy - scale * quiet
    ratio_db = 10 * np.log10(np.sum((scale * quiet) ** 2) / np.sum(noise**2))
    assert ratio_db == pytest.approx(0.0, abs=0.3)


def test_people_begin_at_phrases():
    tune = scale_tune(8)
    gap = Tune(tune.onset_s + (np.arange(8) >= 4) * np.float32(1.0), tune.length_s, tune.semitones)
    assert phrases(gap, 1.0).tolist() == [0.0, 3.0]
    assert phrases(gap, 3.0).tolist() == [0.0]
    assert phrases(tune, 60.0).tolist() == [0.0]


def test_a_manner_suits_its_style():
    tune = made_up_tune(np.random.default_rng(0))
    rng = np.random.default_rng(0)
    middle = float(np.median(tune.semitones))
    assert 80 < middle + manner_of("whistle", tune, rng).shift_semitones < 92
    assert 49 < middle + manner_of("hum", tune, rng).shift_semitones < 61
    assert 0.8 <= manner_of("la", tune, rng).tempo <= 1.25


def test_requests_without_sense():
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="no style 'yodel'; there are sing"):
        manner_of("yodel", scale_tune(), rng)
    with pytest.raises(UsageError, match="no note from 99 s on"):
        hum(scale_tune(), Manner(), rng, start_s=99.0)
    with pytest.raises(UsageError, match="no note"):
        hum(empty(), Manner(), rng)
