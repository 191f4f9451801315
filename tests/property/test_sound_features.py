"""Packed features and statistics: any finite figures survive, any damage is told."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earmark.errors import DamagedIndexError
from earmark.sound.features import STEP, features_of, pack, unpack
from earmark.sound.params import JoinParams
from earmark.sound.statistics import Statistics, fit

LARGE = 2.0**100
quick = settings(deadline=None, max_examples=100, derandomize=True)


def figures(shape, most=LARGE):
    numbers = st.floats(-most, most, width=32)
    return hnp.arrays(np.float32, shape, elements=numbers, fill=numbers)


def some(vectors, timbres=None):
    count = len(vectors)
    timbres = np.zeros((count, 2), np.float32) if timbres is None else timbres
    spans = [(i * 5.0, 10.0) for i in range(count)]
    dimensions = vectors.shape[1], timbres.shape[1]
    return features_of(spans, list(vectors), list(timbres), [None] * count, *dimensions)


shapes = st.tuples(st.integers(0, 6), st.integers(1, 80))


@quick
@given(vectors=shapes.flatmap(figures), timbres=st.floats(-19.0, 19.0, width=32))
@example(vectors=np.zeros((2, 5), np.float32), timbres=0.0)
@example(vectors=np.array([[1e30] * 5, [-1e30, 0, 0, 0, 1]], np.float32), timbres=19.0)
def test_vectors_are_kept_within_half_a_step(vectors, timbres):
    told = some(vectors, np.full((len(vectors), 3), timbres, np.float32))
    back = unpack(pack(told))
    assert abs(back.timbres - told.timbres).max(initial=0.0) <= 0.0751
    for row, kept in zip(vectors.astype(np.float64), back.vectors, strict=True):
        rms = np.sqrt(np.mean(row**2))
        step = max(STEP * rms, abs(row).max() / 127)
        assert abs(row - kept).max() <= 0.501 * step + 1e-42


@quick
@given(data=st.binary(max_size=400))
def test_any_bytes_are_features_or_damage(data):
    with suppress(DamagedIndexError):
        unpack(data)


@quick
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), seed=st.integers(0, 3))
def test_a_flipped_bit_raises_nothing_but_damage(at, bit, seed):
    vectors = np.random.default_rng(seed).normal(0, 1, (seed, 16)).astype(np.float32)
    data = bytearray(pack(some(vectors)))
    data[at % len(data)] ^= 1 << bit
    with suppress(DamagedIndexError):
        unpack(bytes(data))


@quick
@given(cut=st.integers(0, 10_000), seed=st.integers(0, 3))
def test_cut_features_are_damage(cut, seed):
    data = pack(some(np.full((seed, 16), 0.3, np.float32)))
    with pytest.raises(DamagedIndexError):
        unpack(data[: cut % len(data)])


PARAMS = JoinParams(dimension=5)
STATISTICS = fit(
    *(np.random.default_rng(0).normal(1, 1, (30, d)).astype(np.float32) for d in (6, 4)),
    np.full(30, 10.0, np.float32),
    PARAMS,
    np.random.default_rng(0),
)


@quick
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_the_statistics_is_found(at, bit):
    data = bytearray(STATISTICS.to_bytes())
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(DamagedIndexError):
        Statistics.from_bytes(bytes(data))


@quick
@given(data=st.binary(max_size=300))
def test_any_bytes_are_no_statistics(data):
    with pytest.raises(DamagedIndexError):
        Statistics.from_bytes(data)


@quick
@given(
    vectors=st.integers(1, 5).flatmap(lambda n: figures((n, 6))),
    timbre=st.floats(-1e6, 1e6, width=32),
    length_s=st.floats(0.01, 10.0),
    fresh=st.booleans(),
)
@example(vectors=np.zeros((1, 6), np.float32), timbre=0.0, length_s=1.0, fresh=True)
def test_joined_rows_are_unit_vectors(vectors, timbre, length_s, fresh):
    """In the space of a library of any windows, down to these alone."""
    count = len(vectors)
    timbres = np.full((count, 4), timbre, np.float32)
    lengths = np.full(count, length_s, np.float32)
    own = STATISTICS
    if fresh:
        own = fit(vectors, timbres, lengths, PARAMS, np.random.default_rng(1))
        own = Statistics.from_bytes(own.to_bytes())
    rows = own.joined(vectors, timbres, lengths, PARAMS)
    assert rows.shape == (count, 5)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows.astype(float), axis=1) == pytest.approx(np.ones(count), abs=1e-4)
