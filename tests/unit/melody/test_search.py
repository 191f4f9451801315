"""The engine on tunes made here, sung by formula: it finds, places, transposes, and says no."""

import numpy as np
import pytest

from earmark.errors import TooLittleVoiceError
from earmark.hearing import VOICED_S, listening
from earmark.melody.engine import MelodyEngine
from earmark.melody.features import MelodyFeatures
from earmark.melody.params import RATE_HZ, MelodyParams, WindowParams
from earmark.melody.tune import Tune
from earmark.melody.windows import windows_of
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.types import Clip

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def make_tune(seed, notes=60):
    """A tune that walks a major scale in a key and a rhythm of its own."""
    rng = np.random.default_rng([seed, 5])
    length = rng.choice([0.25, 0.5, 0.5, 0.75, 1.0], notes) * rng.uniform(0.6, 1.0)
    steps = np.cumsum(rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 4], notes))
    steps = steps - np.round(np.linspace(0, steps[-1], notes)).astype(int)
    pitch = 60 + rng.integers(-5, 6) + 12 * (steps // 7) + SCALE[steps % 7]
    onset = np.concatenate(([0.0], np.cumsum(length)[:-1]))
    return Tune(onset.astype(np.float32), length.astype(np.float32), pitch.astype(np.float32))


def sing(tune, start_note, seconds, *, key=0.0, tempo=1.0, seed=0, harmonics=8, level=0.3):
    """Sing a tune from a note on: ``tempo`` > 1 is faster; a little vibrato and wavering."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    at = tune.onset_s[start_note] + time_s * tempo
    note = np.searchsorted(tune.onset_s, at, "right") - 1
    wrong = rng.normal(0, 0.15, len(tune.onset_s))
    pitch = tune.semitones[note] + wrong[note] + key + 0.15 * np.sin(2 * np.pi * 5.5 * time_s)
    pitch = np.convolve(np.pad(pitch, 320, "edge"), np.ones(641) / 641, "valid")[: len(time_s)]
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / RATE_HZ
    into = at - tune.onset_s[note]
    loud = np.minimum(1.0, into / 0.05) * level
    tones = sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))
    return (tones * loud + rng.normal(0, 1e-3, len(time_s))).astype(np.float32)


TUNES = [make_tune(seed) for seed in range(30)]


def shelf(tunes=TUNES, written=True, accept=None):
    engine = (
        MelodyEngine(MemoryVectorStore(64))
        if accept is None
        else MelodyEngine(MemoryVectorStore(64), accept=accept)
    )
    features = [MelodyFeatures(None, t) if written else MelodyFeatures(t) for t in tunes]
    engine.add(enumerate(features, start=1))
    return engine


@pytest.fixture(scope="module")
def engine():
    return shelf()


@pytest.mark.parametrize(
    ("key", "tempo"), [(0.0, 1.0), (5.0, 1.0), (-7.3, 1.0), (0.4, 1.2), (2.0, 0.85)]
)
def test_a_tune_is_named_placed_and_transposed(engine, key, tempo):
    tune = TUNES[11]
    clip = Clip(sing(tune, 14, 7.0, key=key, tempo=tempo), RATE_HZ)
    best = engine.search(clip, 5)[0]
    assert best.number == 12
    assert best.confidence > 0.5
    assert best.time_ratio == pytest.approx(tempo, rel=0.06)
    assert best.pitch_shift_semitones == pytest.approx(key, abs=0.4)
    segment = best.segments[0]
    begins_s = segment.reference.start_s - segment.query.start_s * best.time_ratio
    assert begins_s == pytest.approx(float(tune.onset_s[14]), abs=0.35)


def test_a_whistle_above_the_voice_band_is_followed(engine):
    clip = Clip(sing(TUNES[4], 3, 7.0, key=36.0, harmonics=1), RATE_HZ)
    best = engine.search(clip, 3)[0]
    assert best.number == 5
    assert best.pitch_shift_semitones == pytest.approx(36.0, abs=0.4)


def test_ranks_are_by_confidence_and_at_most_the_limit(engine):
    clip = Clip(sing(TUNES[2], 5, 6.0), RATE_HZ)
    assert len(engine.search(clip, 4)) <= 4  # what is hopeless beside a sure answer is not told
    found = shelf(accept=0.0).search(clip, 4)
    assert len(found) == 4
    assert [f.confidence for f in found] == sorted((f.confidence for f in found), reverse=True)
    assert len({f.number for f in found}) == 4


def test_too_little_voice_says_what_was_heard_and_what_is_needed(engine):
    clip = Clip(sing(TUNES[2], 5, 1.2), RATE_HZ)
    with listening() as told, pytest.raises(TooLittleVoiceError, match=r"1\.\d s of voice.*2 s"):
        engine.search(clip, 5)
    assert told[VOICED_S] == pytest.approx(1.1, abs=0.2)


@pytest.mark.parametrize("samples", [0, 1, 255, 256, 257, 1000])
def test_hardly_any_audio_is_too_little_voice(engine, samples):
    with pytest.raises(TooLittleVoiceError):
        engine.search(Clip(np.full(samples, 0.1, np.float32), RATE_HZ), 5)


def noise(seconds):
    return np.random.default_rng(1).normal(0, 0.1, int(seconds * RATE_HZ)).astype(np.float32)


def clicks(seconds):
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    burst = np.random.default_rng(2).normal(0, 1, 1600) * np.exp(-np.arange(1600) / 200)
    for at in range(0, len(out) - 1600, 6400):
        out[at : at + 1600] += (0.4 * burst).astype(np.float32)
    return out


@pytest.mark.parametrize("make", [noise, clicks])
def test_noise_and_drums_are_no_tune(engine, make):
    try:
        found = engine.search(Clip(make(8.0), RATE_HZ), 5)
    except TooLittleVoiceError:
        return
    assert found == []


def test_one_long_note_is_not_an_answer(engine):
    time_s = np.arange(8 * RATE_HZ) / RATE_HZ
    drone = sum(np.sin(2 * np.pi * 220 * k * time_s) / k for k in range(1, 6)) * 0.2
    found = engine.search(Clip(drone.astype(np.float32), RATE_HZ), 5)
    assert not found or found[0].confidence < 0.5


def test_the_same_tune_in_another_key_is_told_as_a_duplicate():
    twin = Tune(TUNES[3].onset_s, TUNES[3].length_s, TUNES[3].semitones + 3)
    found = shelf([*TUNES, twin]).search(Clip(sing(TUNES[3], 8, 7.0), RATE_HZ), 5)
    assert {found[0].number, *found[0].alike} == {4, 31}
    assert all(f.number not in (4, 31) for f in found[1:])


def test_a_heard_tune_is_found_too():
    engine = shelf(written=False)
    assert engine.search(Clip(sing(TUNES[7], 10, 7.0), RATE_HZ), 3)[0].number == 8


def test_a_long_clip_is_searched_in_stretches(engine):
    clip = Clip(
        np.concatenate([sing(TUNES[1], 0, 16.0), sing(TUNES[20], 0, 16.0)]).astype(np.float32),
        RATE_HZ,
    )
    found = engine.search(clip, 4)
    assert {f.number for f in found[:2]} == {2, 21}
    starts = {f.number: f.segments[0].query.start_s for f in found[:2]}
    assert starts[2] < 6 < starts[21]


def test_an_empty_index_finds_nothing():
    assert shelf([]).search(Clip(sing(TUNES[1], 0, 5.0), RATE_HZ), 4) == []


def test_a_removed_tune_is_not_found_and_one_without_notes_is_known():
    engine = shelf(TUNES[:5])
    none = Tune(*(np.zeros(0, np.float32),) * 3)
    engine.add([(99, MelodyFeatures(none))])
    assert 99 in engine.known()
    engine.remove([2])
    found = engine.search(Clip(sing(TUNES[1], 0, 6.0), RATE_HZ), 4)
    assert all(f.number not in (2, 99) for f in found)


def test_a_tune_of_four_notes_can_be_found():
    four = Tune(
        np.array([0, 1, 2, 3], np.float32),
        np.ones(4, np.float32),
        np.array([60, 67, 64, 72], np.float32),
    )
    engine = shelf([*TUNES[:6], four], accept=0.0)
    found = engine.search(Clip(sing(four, 0, 4.0), RATE_HZ), 5)
    assert 7 in [f.number for f in found[:3]]


def test_the_contours_to_draw_lie_on_one_another(engine):
    best = engine.search(Clip(sing(TUNES[9], 4, 7.0, key=4.0), RATE_HZ), 1)[0]
    lines = best.evidence.contours
    both = ~np.isnan(lines.sung_semitones) & ~np.isnan(lines.tune_semitones)
    apart = lines.sung_semitones[both] - lines.tune_semitones[both] - best.pitch_shift_semitones
    assert both.mean() > 0.8
    assert np.median(np.abs(apart)) < 0.5


def test_written_windows_begin_at_notes_and_heard_ones_at_steps():
    params = WindowParams()
    written = windows_of(TUNES[0], True, params)
    assert np.isin(written.start_s, TUNES[0].onset_s).all()
    heard = windows_of(TUNES[0], False, params)
    assert set(np.unique(heard.length_s)) == {np.float32(s) for s in params.heard_lengths_s}
    one = heard.start_s[heard.length_s == np.float32(params.heard_lengths_s[0])]
    assert np.diff(one) == pytest.approx(params.heard_gap_s)
    assert windows_of(Tune(*(np.zeros(0, np.float32),) * 3), True, params).values.shape == (0, 80)


def test_windows_where_hardly_anything_sounds_are_left_out():
    sparse = Tune(
        np.array([0.0, 40.0], np.float32),
        np.array([8.0, 8.0], np.float32),
        np.array([60, 62], np.float32),
    )
    found = windows_of(sparse, False, MelodyParams().windows)
    assert not ((found.start_s > 8.0) & (found.start_s < 35.0)).any()
