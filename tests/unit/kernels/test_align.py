"""The compiled alignment against the same written plainly in numpy."""

import numpy as np
import pytest

from earmark.kernels.align import Lines, Scaled, scale, warp

RATE_HZ = 20.0
FINE = np.array([0.9, 1.0, 1.1], np.float32)
KEYS = (-0.5, 0.0, 0.5)


def lines_of(rng, counts, written=1):
    onsets, pitches, first, at = [], [], [], 0
    for count in counts:
        onsets.append(np.cumsum(rng.choice([0.2, 0.3, 0.5], count)).astype(np.float32))
        pitches.append(rng.integers(55, 75, count).astype(np.float32))
        first.append(at)
        at += count
    start = np.array(first, np.int64)
    return Lines(
        np.concatenate(onsets),
        np.concatenate(pitches),
        start,
        start + np.array(counts, np.int64),
        np.full(len(counts), written, np.uint8),
    )


def under(lines, tune, start_s, ratio, frames):
    onset = lines.onset_s[lines.first[tune] : lines.stop[tune]]
    pitch = lines.semitones[lines.first[tune] : lines.stop[tune]]
    step = np.float32(ratio) / np.float32(RATE_HZ)
    at = np.float32(start_s) + (np.arange(frames, dtype=np.float32) + np.float32(0.5)) * step
    return pitch[np.maximum(np.searchsorted(onset, at, "right") - 1, 0)]


def cost_of(query, reference, most=4.0):
    difference = query - reference
    middle = np.sort(difference)[len(difference) // 2]
    return np.minimum(np.abs(difference - middle), most).mean(), middle


def sung(rng, lines, tune, start_s, ratio, frames, key):
    return (under(lines, tune, start_s, ratio, frames) + key + rng.normal(0, 0.2, frames)).astype(
        np.float32
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("written", [0, 1])
def test_scaling_finds_the_least_cost_of_all_it_tries(seed, written):
    rng = np.random.default_rng(seed)
    lines = lines_of(rng, [40, 25, 60], written)
    query = sung(rng, lines, 1, 2.0, 1.05, 90, -3.0)
    which = np.array([0, 1, 2, 1], np.int64)
    start = np.array([1.0, 2.1, 3.0, 0.5], np.float32)
    ratio = np.array([1.0, 1.0, 0.8, 1.3], np.float32)
    found = scale(query, RATE_HZ, lines, which, start, ratio, FINE, 2, 0.25, 4.0, 0.03)
    for row, tune in enumerate(which):
        onset = lines.onset_s[lines.first[tune] : lines.stop[tune]]
        near = max(0, int(np.searchsorted(onset, start[row] + np.float32(0.05), "right")) - 1)
        if written:
            tried = onset[max(0, near - 2) : near + 3]
        else:
            tried = start[row] + np.arange(-2, 3) * np.float32(0.25)
        costs = [
            cost_of(query, under(lines, tune, at, ratio[row] * factor, len(query)))[0]
            for at in tried
            for factor in FINE
        ]
        assert found.cost[row] == pytest.approx(min(costs), abs=2e-3)
        again, middle = cost_of(
            query, under(lines, tune, found.start_s[row], found.time_ratio[row], len(query))
        )
        assert again == pytest.approx(found.cost[row], abs=2e-3)
        assert middle == pytest.approx(found.shift_semitones[row], abs=1e-3)


def test_two_keys_forgive_a_singer_who_drifts():
    rng = np.random.default_rng(9)
    lines = lines_of(rng, [60])
    begin = lines.onset_s[3:4].copy()
    query = sung(rng, lines, 0, begin[0], 1.0, 120, 0.0)
    query[60:] += 1.5
    zero, one = np.zeros(1, np.int64), np.ones(1, np.float32)
    found = scale(query, RATE_HZ, lines, zero, begin, one, FINE, 1, 0.25, 4.0, 0.03)
    assert found.two_key_cost[0] < 0.5 * found.cost[0]


def plain_warp(query, reference, key, band, growth, most, penalty):
    count = len(query)
    previous = np.where(np.arange(len(reference) + 1) <= int(band), 0.0, np.inf)
    for q in range(count):
        current = np.full(len(reference) + 1, np.inf)
        reach = band + growth * q
        for j in range(max(1, int(q + 1 - reach)), min(len(reference), int(q + 1 + reach)) + 1):
            error = min(abs(query[q] - key - reference[j - 1]), most)
            before = min(previous[j - 1], previous[j] + penalty)
            if j >= 2:
                before = min(before, previous[j - 2] + penalty)
            current[j] = before + error
        previous = current
    reach = band + growth * count
    low = max(1, int(count - reach))
    return previous[low : int(count + reach) + 1].min() / count


@pytest.mark.parametrize("seed", range(3))
def test_warping_is_the_plain_recursion(seed):
    rng = np.random.default_rng(seed)
    lines = lines_of(rng, [50, 30])
    query = sung(rng, lines, 0, 1.0, 1.1, 70, 2.0)
    which = np.array([0, 1, 0], np.int64)
    placed = Scaled(
        np.zeros(3, np.float32),
        np.array([1.0, 0.5, 3.0], np.float32),
        np.array([1.0, 1.2, 0.9], np.float32),
        np.array([2.0, 0.0, -1.0], np.float32),
        np.zeros(3, np.float32),
    )
    found = warp(query, RATE_HZ, lines, which, placed, KEYS, 6.0, 0.12, 4.0, 0.15)
    count = len(query)
    for row, tune in enumerate(which):
        reference = under(
            lines, tune, placed.start_s[row], placed.time_ratio[row], count + count // 4 + 32
        )
        expected = min(
            plain_warp(query, reference, placed.shift_semitones[row] + key, 6.0, 0.12, 4.0, 0.15)
            for key in KEYS
        )
        assert found[row] == pytest.approx(expected, abs=2e-3)


def test_a_warp_forgives_uneven_time_that_stretching_cannot():
    rng = np.random.default_rng(5)
    lines = lines_of(rng, [60])
    even = under(lines, 0, 1.0, 1.0, 200)
    uneven = even[np.clip((np.arange(160) + 8 * np.sin(np.arange(160) / 25)).astype(int), 0, 199)]
    query = uneven.astype(np.float32)
    zero, one = np.zeros(1, np.int64), np.ones(1, np.float32)
    placed = scale(query, RATE_HZ, lines, zero, one, one, FINE, 0, 0.25, 4.0, 0.03)
    warped = warp(query, RATE_HZ, lines, zero, placed, KEYS, 6.0, 0.12, 4.0, 0.15)
    assert warped[0] < 0.6 * placed.cost[0]


def test_bad_calls_are_refused_before_c_sees_them():
    rng = np.random.default_rng(0)
    lines = lines_of(rng, [10, 10])
    query = np.zeros(40, np.float32)
    good, one = np.zeros(1, np.int64), np.ones(1, np.float32)
    asked = (FINE, 1, 0.25, 4.0, 0.03)
    with pytest.raises(ValueError, match="2 to 1024"):
        scale(query[:1], RATE_HZ, lines, good, one, one, *asked)
    with pytest.raises(ValueError, match="differ in length"):
        scale(query, RATE_HZ, lines, good, np.ones(2, np.float32), one, *asked)
    with pytest.raises(ValueError, match="back"):
        scale(query, RATE_HZ, lines, good, one, one, FINE, 99, 0.25, 4.0, 0.03)
    with pytest.raises(ValueError, match="no notes"):
        scale(query, RATE_HZ, lines._replace(stop=lines.first), good, one, one, *asked)
    with pytest.raises(TypeError, match="float32"):
        scale(query.astype(float), RATE_HZ, lines, good, one, one, *asked)
