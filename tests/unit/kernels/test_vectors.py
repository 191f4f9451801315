"""The search kernel against numpy, and every instruction set against the portable path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels.vectors import (
    AUTO,
    AVX2,
    AVX512,
    MAX_DIMENSION,
    PORTABLE,
    STEP,
    Nearest,
    quantised,
    restored,
    row_bytes,
    runs,
)

PATHS = [path for path in (AUTO, PORTABLE, AVX2, AVX512) if runs(path)]


def unit(rng, n, dimension):
    rows = rng.standard_normal((n, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def table(rng, n):
    """Few different starts, so that ties go deep."""
    return rng.integers(0, 5, n).astype(np.uint32), rng.integers(0, 99, n).astype(np.uint32)


def stretches(rng, n):
    """Some of the rows, in stretches; numbers in no order."""
    cuts = np.unique(rng.integers(0, n + 1, 20))
    begin, end = cuts[:-1:2].copy(), cuts[1::2].copy()
    return begin, end, rng.permutation(len(begin)).astype(np.int64) + 5


def search(rows, scale, columns, spans, queries, k, path):
    nearest = Nearest(queries, k, path)
    nearest.offer(rows, scale, *columns, *spans)
    return nearest.best()


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 300),
    dimension=st.sampled_from([1, 15, 16, 17, 64, 130]),
    asked=st.integers(0, 9),
    k=st.sampled_from([0, 1, 7, 1000]),
    coarse=st.booleans(),
)
def test_every_path_finds_what_sorting_finds(seed, n, dimension, asked, k, coarse):
    rng = np.random.default_rng(seed)
    rows, scale = quantised(unit(rng, n, dimension))
    if coarse:  # many equal similarities
        rows, scale = np.sign(rows, dtype=np.int8), np.full(n, 4000, np.uint16)
    queries = unit(rng, asked, dimension)
    columns, (begin, end, number) = table(rng, n), stretches(rng, n)
    first, held = search(rows, scale, columns, (begin, end, number), queries, k, PORTABLE)
    for path in PATHS:
        again, count = search(rows, scale, columns, (begin, end, number), queries, k, path)
        assert again.tobytes() == first.tobytes()
        assert count.tolist() == held.tolist()
    at = np.concatenate([np.arange(*pair) for pair in zip(begin, end, strict=True)] or [[]])
    at = at.astype(np.int64)
    owner = np.repeat(number, end - begin)
    window = at - np.repeat(begin, end - begin)
    right = queries @ restored(rows, scale, dimension)[at].T
    assert held.tolist() == [min(k, len(at))] * asked
    for q in range(asked):
        got = first[q, : held[q]]
        best = np.sort(right[q])[::-1][:k]
        np.testing.assert_allclose(got["similarity"], best, atol=2e-4)
        keys = list(zip(-got["similarity"], got["number"], got["start"], got["window"]))  # noqa: B905
        assert keys == sorted(keys)
        for one in got:
            (place,) = np.flatnonzero((owner == one["number"]) & (window == one["window"]))
            assert columns[0][at[place]] == one["start"]
            assert columns[1][at[place]] == one["length"]
            assert abs(right[q, place] - one["similarity"]) < 2e-4


def test_at_the_border_of_k_ties_go_to_the_lower_number():
    rows, scale = np.full((64, 16), 9, np.int8), np.full(64, 100, np.uint16)
    start = np.tile(np.arange(4, dtype=np.uint32)[::-1], 16)
    begin = np.arange(0, 64, 4)
    number = np.random.default_rng(0).permutation(16).astype(np.int64)
    for path in PATHS:
        nearest = Nearest(np.ones((1, 16), np.float32), 10, path)
        for part in (slice(8, 16), slice(0, 8)):  # the best come with a second offer
            nearest.offer(rows, scale, start, start, begin[part], begin[part] + 4, number[part])
        best, _ = nearest.best()
        assert best["number"].tolist() == [[0] * 4 + [1] * 4 + [2] * 2]
        assert best["start"].tolist() == [[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]]


@pytest.mark.parametrize("dimension", [4, 64, 1024, MAX_DIMENSION])
def test_the_largest_values_do_not_overflow(dimension):
    rows = np.full((17, row_bytes(dimension)), -128, np.int8)  # as damage might have it
    scale = np.full(17, 65535, np.uint16)
    none = np.zeros(17, np.uint32)
    one = np.array([0]), np.array([17]), np.array([1])
    queries = np.stack([np.ones(dimension), -np.ones(dimension)]).astype(np.float32)
    right = np.float32(dimension * 128 * 65535 * STEP)
    for path in PATHS:
        nearest = Nearest(queries, 17, path)
        nearest.offer(rows, scale, none, none, *one)
        best, _ = nearest.best()
        np.testing.assert_allclose(best["similarity"][0], -right, rtol=1e-6)
        np.testing.assert_allclose(best["similarity"][1], right, rtol=1e-6)


@pytest.mark.parametrize("dimension", [1, 16, 64, 2048])
def test_eight_bits_are_half_a_step_off_at_most(dimension):
    vectors = unit(np.random.default_rng(1), 50, dimension)
    rows, scale = quantised(vectors)
    assert rows.shape == (50, row_bytes(dimension))
    assert rows.min() >= -127
    assert not rows[:, dimension:].any()
    half = scale * np.float32(STEP / 2)
    assert (np.abs(restored(rows, scale, dimension) - vectors) <= half[:, None] * 1.0001).all()
    assert (np.abs(rows).max(axis=1) >= 120).all()  # no bits are wasted
    again, _ = quantised(np.zeros((1, dimension), np.float32))
    assert not again.any()


def test_what_c_cannot_check_is_checked_before():
    rows, scale = quantised(unit(np.random.default_rng(2), 4, 20))
    column = np.zeros(4, np.uint32)
    one = np.array([0]), np.array([4]), np.array([1])
    nearest = Nearest(np.ones((1, 20), np.float32), 3)
    with pytest.raises(ValueError, match="rows with 3"):
        nearest.offer(rows, scale[:3], column, column, *one)
    with pytest.raises(ValueError, match="rows with"):
        nearest.offer(rows[:, :16].copy(), scale, column, column, *one)
    with pytest.raises(ValueError, match="outside"):
        nearest.offer(rows, scale, column, column, np.array([0]), np.array([5]), np.array([1]))
    with pytest.raises(ValueError, match="outside"):
        nearest.offer(rows, scale, column, column, np.array([-1]), np.array([2]), np.array([1]))
    with pytest.raises(ValueError, match="2 ends"):
        nearest.offer(rows, scale, column, column, one[0], np.array([1, 2]), one[2])
    with pytest.raises(TypeError, match="int64"):
        nearest.offer(rows, scale, column, column, one[0], one[1], one[2].astype(np.int32))
    with pytest.raises(TypeError, match="contiguous"):
        nearest.offer(rows[::2], scale[::2], column[::2], column[::2], *one[:1], one[2], one[2])
    with pytest.raises(ValueError, match="dimensions"):
        Nearest(np.ones((1, MAX_DIMENSION + 1), np.float32), 3)
    with pytest.raises(ValueError, match="finite"):
        Nearest(np.full((1, 20), np.nan, np.float32), 3)
    with pytest.raises(ValueError, match=r"1\.98"):
        quantised(np.full((1, 3), 2.0, np.float32))
