import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DamagedIndexError
from earmark.melody.features import MelodyFeatures, pack_features, unpack_features
from earmark.melody.tune import TICK_S, Tune, empty, pack, unpack


def tune_of(notes):
    """Notes (gap_ticks, length_ticks, sixteenths) as a tune."""
    onset = np.cumsum([g for g, _, _ in notes]) + np.cumsum([0, *[n for _, n, _ in notes]])[:-1]
    return Tune(
        (onset * TICK_S).astype(np.float32),
        (np.array([n for _, n, _ in notes]) * TICK_S).astype(np.float32),
        (np.array([p for _, _, p in notes]) / 16).astype(np.float32),
    )


notes = st.lists(
    st.tuples(st.integers(0, 900), st.integers(1, 900), st.integers(0, 127 * 16)),
    min_size=1,
    max_size=80,
)


@given(notes)
def test_what_is_packed_comes_back(given_notes):
    tune = tune_of(given_notes)
    again = unpack(pack(tune))
    assert np.abs(again.onset_s - tune.onset_s).max() <= TICK_S / 2 + 1e-3
    assert np.abs(again.length_s - tune.length_s).max() <= TICK_S / 2 + 1e-3
    assert (again.semitones == tune.semitones).all()
    assert pack(again) == pack(tune)


def test_no_notes_are_a_tune_too():
    assert len(unpack(pack(empty()))) == 0
    assert empty().end_s == 0.0
    assert empty().voiced_s == 0.0


@given(st.binary(max_size=60))
def test_bytes_that_are_no_tune_are_refused_as_damaged(data):
    for read, write in ((unpack, pack), (unpack_features, pack_features)):
        try:
            got = read(data)
        except DamagedIndexError:
            continue
        assert write(read(write(got))) == write(got)


def test_a_tune_that_unfolds_to_more_than_it_claims_is_refused():
    bomb = b"\x01" + (1).to_bytes(4, "little") + zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(DamagedIndexError, match="not what it says"):
        unpack(bomb)


def test_a_flipped_or_cut_tune_is_refused():
    data = pack(tune_of([(0, 30, 960), (0, 30, 992), (5, 60, 1000)]))
    with pytest.raises(DamagedIndexError, match="rebuild"):
        unpack(data[:-3])
    with pytest.raises(DamagedIndexError, match="rebuild"):
        unpack(bytes([9]) + data[1:])


def test_a_note_costs_a_few_bytes():
    rng = np.random.default_rng(0)
    length = rng.choice([20, 25, 40, 50], 300)
    tune = tune_of(
        [(0, int(n), int(p)) for n, p in zip(length, rng.integers(880, 1200, 300), strict=True)]
    )
    assert len(pack(tune)) < 3 * 300


def test_a_score_wins_over_what_was_heard():
    heard, score = tune_of([(0, 30, 960)]), tune_of([(0, 60, 1000), (0, 60, 1020)])
    both = unpack_features(pack_features(MelodyFeatures(heard, score)))
    assert both.written
    assert len(both.tune) == 2
    alone = unpack_features(pack_features(MelodyFeatures(heard)))
    assert not alone.written
    assert len(alone.tune) == 1
    only = unpack_features(pack_features(MelodyFeatures(None, score)))
    assert only.heard is None
    assert only.written
