"""Log spectrum, whitening, peaks and evidence against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels import spectrum as kernel

QUICK = settings(deadline=None, max_examples=80, derandomize=True)


def box(frames, bins, reach_frames, reach_bins):
    """Yield (t, f, the slices of the box around that cell, cut at the borders)."""
    for t in range(frames):
        rows = slice(max(0, t - reach_frames), t + reach_frames + 1)
        for f in range(bins):
            yield t, f, (rows, slice(max(0, f - reach_bins), f + reach_bins + 1))


def box_mean(x, reach_frames, reach_bins):
    x = x.astype(np.float64)
    out = np.empty_like(x)
    for t, f, around in box(*x.shape, reach_frames, reach_bins):
        out[t, f] = x[around].mean()
    return out


def peaks_one_by_one(cells, begin, end, reach_frames, reach_bins, least, page, per_page):
    found = []
    for t, f, around in box(*cells.shape, reach_frames, reach_bins):
        value = cells[t, f]
        if not begin <= t < end or not value > least or value < cells[around].max():
            continue
        # of equal neighbours the earlier, then the lower one counts
        earlier = cells[around[0].start : t, around[1]]
        lower = cells[t, around[1].start : f]
        if not (earlier == value).any() and not (lower == value).any():
            found.append((t - begin, f, value))
    kept = []
    for first in range(0, end - begin, page):
        own = [peak for peak in found if first <= peak[0] < first + page]
        kept += sorted(sorted(own, key=lambda p: (-p[2], p[0], p[1]))[:per_page])
    return kept


def evidence_in_float64(cells, reach, time_reach, time_variance, share, limit, scale):
    cells = cells.astype(np.float64)

    def score(x, reach_frames, reach_bins, least_variance):
        mean = box_mean(x, reach_frames, reach_bins)
        variance = box_mean(x**2, reach_frames, reach_bins) - mean**2
        return np.clip((x - mean) / np.sqrt(np.maximum(variance, least_variance)), -limit, limit)

    padded = np.pad(cells, ((0, 0), (1, 1)), constant_values=-np.inf)
    pooled = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    whole = score(cells, reach, reach, 1e-3)
    line = score(pooled, time_reach, 0, time_variance)
    return scale * ((1 - share) * whole + share * line)


def noise(seed, frames, bins, dtype=np.float32):
    return np.random.default_rng(seed).normal(0, 1, (frames, bins)).astype(dtype)


# --- log magnitude ----------------------------------------------------------------------------


@pytest.mark.parametrize("floor", [1e-12, 1e-3, 5.0])
def test_log_magnitude_is_a_logarithm_to_a_few_millionths(floor):
    rng = np.random.default_rng(1)
    power = 10.0 ** rng.uniform(-9, 9, (50, 70))
    angle = rng.uniform(0, 2 * np.pi, power.shape)
    spectrum = (np.sqrt(power) * np.exp(1j * angle)).astype(np.complex64)
    out = np.full((50, 40), np.nan, np.float32)
    kernel.log_magnitude(spectrum, 20, out, floor)
    want = 0.5 * np.log(np.abs(spectrum[:, 20:60].astype(np.complex128)) ** 2 + floor)
    assert np.abs(out - want).max() < 4e-6


def test_log_magnitude_of_nothing_is_the_floor():
    out = np.empty((2, 3), np.float32)
    kernel.log_magnitude(np.zeros((2, 5), np.complex64), 2, out, np.exp(-10.0))
    np.testing.assert_allclose(out, -5.0, atol=4e-6)


def test_log_magnitude_refuses_bins_that_are_not_there():
    spectrum = np.zeros((2, 5), np.complex64)
    for shape, first in (((2, 4), 2), ((3, 2), 0)):
        with pytest.raises(ValueError, match="does not hold"):
            kernel.log_magnitude(spectrum, first, np.empty(shape, np.float32), 1.0)
    with pytest.raises(TypeError, match="C-contiguous complex64"):
        kernel.log_magnitude(spectrum[:, ::2], 0, np.empty((2, 2), np.float32), 1.0)
    with pytest.raises(TypeError, match="float32"):
        kernel.log_magnitude(spectrum, 0, np.empty((2, 2)), 1.0)


# --- whitening --------------------------------------------------------------------------------


@QUICK
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(0, 25),
    bins=st.integers(1, 20),
    reach_frames=st.integers(0, 30),
    reach_bins=st.integers(0, 25),
)
def test_whitening_subtracts_the_mean_of_the_box(seed, frames, bins, reach_frames, reach_bins):
    cells = noise(seed, frames, bins) * 3 - 5
    want = cells - box_mean(cells, reach_frames, reach_bins)
    kernel.whiten(cells, reach_frames, reach_bins)
    np.testing.assert_allclose(cells, want, atol=2e-5)


def test_whitening_a_long_recording_does_not_drift():
    cells = noise(2, 60_000, 3) * 4 - 8
    tail = cells[-200:].copy()
    kernel.whiten(cells, 30, 12)
    kernel.whiten(tail, 30, 12)
    np.testing.assert_allclose(cells[-100:], tail[-100:], atol=1e-3)


# --- peaks ------------------------------------------------------------------------------------


@QUICK
@given(
    seed=st.integers(0, 10_000),
    levels=st.sampled_from([2, 3, 10, 100_000]),  # few levels: many ties
    frames=st.integers(0, 30),
    bins=st.integers(1, 24),
    begin=st.integers(0, 30),
    length=st.integers(0, 30),
    reach=st.tuples(st.integers(0, 5), st.integers(1, 6)),
    page=st.integers(1, 12),
    per_page=st.integers(0, 8),
)
def test_peaks_equal_a_search_cell_by_cell(
    seed, levels, frames, bins, begin, length, reach, page, per_page
):
    cells = np.random.default_rng(seed).integers(0, levels, (frames, bins)).astype(np.float32)
    cells = cells / np.float32(levels) - np.float32(0.3)
    begin = min(begin, frames)
    end = min(frames, begin + length)
    where = (begin, end, *reach)
    got = kernel.peaks(cells, *where, 0.1, page, per_page)
    want = peaks_one_by_one(cells, *where, np.float32(0.1), page, per_page)
    assert list(zip(*(part.tolist() for part in got), strict=True)) == want


def test_of_equal_neighbours_the_earlier_then_the_lower_one_counts():
    cells = np.zeros((5, 6), np.float32)
    cells[1:4, 2:5] = 1.0
    t, f, s = kernel.peaks(cells, 0, 5, 1, 1, 0.5, 64, 10)
    assert (t.tolist(), f.tolist(), s.tolist()) == ([1], [2], [1.0])
    assert [part.tolist() for part in kernel.peaks(cells, 0, 5, 0, 1, 0.5, 64, 10)[:2]] == [
        [1, 2, 3],
        [2, 2, 2],
    ]


def test_frames_outside_the_stretch_are_context():
    cells = np.zeros((6, 3), np.float32)
    cells[1, 1], cells[2, 1], cells[4, 1] = 3.0, 2.0, 1.0
    assert kernel.peaks(cells, 2, 6, 1, 1, 0.5, 64, 10)[0].tolist() == [2]
    assert kernel.peaks(cells[2:], 0, 4, 1, 1, 0.5, 64, 10)[0].tolist() == [0, 2]


def test_every_page_keeps_its_strongest_in_time_order():
    cells = np.zeros((8, 9), np.float32)
    for page in (0, 4):
        cells[page, [1, 4, 7]] = (0.5, 0.9, 0.7)
        cells[page + 2, [1, 4, 7]] = (0.8, 0.6, 0.4)
    t, f, _ = kernel.peaks(cells, 0, 8, 1, 1, 0.1, 4, 3)
    pairs = list(zip(t.tolist(), f.tolist(), strict=True))
    assert pairs == [(0, 4), (0, 7), (2, 1), (4, 4), (4, 7), (6, 1)]
    assert len(kernel.peaks(cells, 0, 8, 1, 1, 0.1, 4, 0)[0]) == 0


def test_noise_fills_no_more_room_than_there_is():
    cells = noise(3, 500, 318)
    t, f, s = kernel.peaks(cells, 0, 500, 0, 1, -9.0, 64, 10_000)
    assert list(zip(t.tolist(), f.tolist(), s.tolist(), strict=True)) == peaks_one_by_one(
        cells, 0, 500, 0, 1, -9.0, 64, 10_000
    )


@pytest.mark.parametrize(("begin", "end"), [(-1, 2), (0, 6), (3, 2)])
def test_frames_that_are_not_there_are_refused(begin, end):
    with pytest.raises(ValueError, match="lie outside the 5 given"):
        kernel.peaks(noise(0, 5, 5), begin, end, 1, 1, 0.0, 64, 5)


# --- evidence ---------------------------------------------------------------------------------


@QUICK
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(0, 20),
    bins=st.integers(1, 20),
    reach=st.integers(0, 15),
    time_reach=st.integers(0, 30),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    limit=st.sampled_from([0.5, 3.0]),
)
def test_evidence_is_two_standard_scores(seed, frames, bins, reach, time_reach, share, limit):
    cells = noise(seed, frames, bins)
    got = kernel.evidence(cells, reach, time_reach, 0.1, share, limit, 40.0)
    want = evidence_in_float64(cells, reach, time_reach, 0.1, share, limit, 40.0)
    assert got.dtype == np.int8
    np.testing.assert_allclose(got, want, atol=0.55)  # half a unit of rounding


@pytest.mark.parametrize(("begin", "end"), [(0, 70), (1, 6), (13, 61), (30, 30), (69, 70)])
def test_evidence_of_some_frames_is_that_of_all(begin, end):
    cells = noise(5, 70, 33)
    whole = kernel.evidence(cells, 15, 30, 0.1, 0.4, 3.0, 40.0)
    part = kernel.evidence(cells, 15, 30, 0.1, 0.4, 3.0, 40.0, begin, end)
    np.testing.assert_array_equal(part, whole[begin:end])
    with pytest.raises(ValueError, match="lie outside"):
        kernel.evidence(cells, 15, 30, 0.1, 0.4, 3.0, 40.0, begin, 71)


def test_evidence_of_a_sustained_tone_is_weak():
    cells = noise(4, 120, 60) * 0.3
    cells[:, 30] += 4.0  # a tone all along
    cells[60, 15] += 4.0  # and one onset
    got = kernel.evidence(cells, 15, 30, 0.1, 0.5, 3.0, 40.0)
    assert got[60, 15] == 120
    assert got[20:100, 30].mean() < 70


@pytest.mark.parametrize("shape", [(0, 5), (0, 0)])
def test_no_frames(shape):
    cells = np.empty(shape, np.float32)
    kernel.whiten(cells, 3, 3)
    kernel.log_magnitude(np.empty((0, 9), np.complex64), 0, cells, 1.0)
    assert [len(part) for part in kernel.peaks(cells, 0, 0, 2, 2, 0.0, 64, 5)] == [0, 0, 0]
    assert kernel.evidence(cells, 3, 3, 0.1, 0.5, 3.0, 40.0).shape == shape
