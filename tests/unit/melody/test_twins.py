"""The same tune in another key and at another tempo, as tunes, without any audio."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.melody.encoder import DIMENSION
from earmark.melody.engine import MelodyEngine
from earmark.melody.features import MelodyFeatures
from earmark.melody.tune import Tune
from earmark.melody.twins import confidence_of, line_of_tune
from earmark.ports import Twinned
from earmark.stores.memory_vectors import MemoryVectorStore


def tune(seed: int, seconds: float = 50.0) -> Tune:
    """Notes that step and leap about a scale."""
    rng = np.random.default_rng([seed, 9])
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    onset, at, place = [], 0.0, 4
    pitches = []
    while at < seconds:
        onset.append(at)
        place = int(np.clip(place + rng.integers(-3, 4), 0, 9))
        pitches.append(60.0 + scale[place])
        at += float(rng.choice([0.25, 0.5, 0.5, 0.75, 1.0]))
    onsets = np.array(onset, np.float32)
    lengths = np.diff(onsets, append=at).astype(np.float32)
    return Tune(onsets, lengths, np.array(pitches, np.float32))


def cover(of: Tune, up: float, slower: float) -> Tune:
    """The same in another key and tempo, sung a little out of tune."""
    wobble = np.random.default_rng(1).normal(0, 0.15, len(of)).astype(np.float32)
    pace = np.float32(slower)
    return Tune(of.onset_s * pace, of.length_s * pace, of.semitones + np.float32(up) + wobble)


@pytest.fixture(scope="module")
def engine():
    made = MelodyEngine(MemoryVectorStore(DIMENSION))
    features = {seed: MelodyFeatures(tune(seed)) for seed in range(1, 7)}
    features[11] = MelodyFeatures(cover(tune(1), 3.0, 1.1))
    made.add(features.items())
    return made, features


def test_a_cover_is_found_in_its_key_and_tempo_and_nothing_else(engine):
    made, features = engine
    assert isinstance(made, Twinned)
    found = [one for one in made.twins(11, features[11], 5) if one.confidence >= 0.9]
    assert [one.number for one in found] == [1]
    assert found[0].pitch_shift_semitones == pytest.approx(3.0, abs=0.5)
    assert found[0].time_ratio == pytest.approx(1 / 1.1, abs=0.05)
    assert found[0].evidence.figures["agreeing"] >= 2
    assert made.twins(11, features[11], 5, {1}) == [] or all(
        one.confidence < 0.9 for one in made.twins(11, features[11], 5, {1})
    )
    assert all(one.confidence < 0.9 for one in made.twins(2, features[2], 5))


def test_two_tunes_that_no_index_knows(engine):
    made, _ = engine
    own = MelodyFeatures(tune(21))
    laid = made.laid(MelodyFeatures(cover(tune(21), -4.0, 0.9)), own)
    assert laid.confidence >= 0.9
    other = made.laid(MelodyFeatures(tune(22)), own)
    assert other is None or other.confidence < 0.9
    assert made.laid(MelodyFeatures(None), own) is None
    assert made.twins(1, MelodyFeatures(None), 5) == []


def test_one_stretch_alone_never_suffices():
    assert confidence_of(1, 0.0) < 0.9 < confidence_of(2, 0.3)


def test_too_few_notes_are_no_line():
    short = tune(1, 3.0)
    assert line_of_tune(short) is None
    line = line_of_tune(tune(1))
    assert line is not None
    assert line.duration_s == pytest.approx(tune(1).end_s, abs=0.1)
    assert set(np.unique(line.semitones)) <= set(np.unique(tune(1).semitones))
