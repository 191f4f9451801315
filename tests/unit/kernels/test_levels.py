"""Squares, extremes, flat tops and averages of channels, against plain numpy and Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earmark.kernels import levels as kernel

QUICK = settings(deadline=None, max_examples=80, derandomize=True)
VALUES = st.sampled_from([0.0, 0.5, 0.9, 0.95, 1.0, -0.9, -0.95, -1.0])


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 16, 17])
@pytest.mark.parametrize("frames", [1, 2, 15, 1000])
def test_one_sweep_tells_squares_and_extremes_of_each_channel(frames, channels):
    x = np.random.default_rng(frames).normal(0, 1, (frames, channels)).astype(np.float32)
    got = kernel.sweep(x, 100.0)
    np.testing.assert_allclose(got.squares, np.square(x, dtype=np.float64).sum(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(got.high, x.max(axis=0))
    np.testing.assert_array_equal(got.low, x.min(axis=0))
    assert got.broken == 0


@pytest.mark.parametrize("at", [0, 5, 47, 98, 99])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 101.0, -101.0])
def test_what_is_no_number_or_absurd_is_counted_wherever_it_is(at, value):
    x = np.full((33, 3), 100.0, np.float32)
    x.reshape(-1)[at % 99] = value
    x[20, 1] = np.nan
    assert kernel.sweep(x, 100.0).broken == 2


def one_by_one(values, top, floor, shortest, tail):
    at_top = in_runs = 0
    run = tail
    for value in values:
        run = run + 1 if value == top else 0
        at_top += value == top
        in_runs += shortest if run == shortest else run > shortest
    under = [value for value in values if floor <= value < top]
    return at_top, in_runs, run, under.count(max(under)) if under else 0, max(under, default=None)


@QUICK
@given(
    x=hnp.arrays(np.float32, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=VALUES),
    repeats=st.integers(1, 5),
    sign=st.sampled_from([1, -1]),
    tail=st.integers(0, 5),
    floor=st.sampled_from([0.89, 0.95]),
)
def test_the_top_of_a_channel(x, repeats, sign, tail, floor):
    frames = np.repeat(x, repeats, axis=0)
    channel = frames.shape[1] - 1
    values = sign * frames[:, channel]
    got = kernel.top_of(frames, channel, sign, 1.0, float(np.float32(floor)), 3, tail)
    want = one_by_one(values.tolist(), 1.0, float(np.float32(floor)), 3, tail)
    assert (got.at_top, got.in_runs, got.tail, got.at_below) == want[:4]
    if want[4] is not None:
        assert got.below == want[4]


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_the_average_adds_shares_in_order(channels):
    x = np.random.default_rng(3).normal(0, 1, (100, channels)).astype(np.float32)
    share = np.float32(1 / channels)
    want = x[:, 0] * share
    for channel in range(1, channels):
        want = want + x[:, channel] * share
    got = kernel.average(x)
    np.testing.assert_array_equal(got, want)
    assert not np.shares_memory(got, x)
