"""Pairs of peaks as hashes, and the vote, against plain Python."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels import landmarks as kernel

QUICK = settings(deadline=None, max_examples=100, derandomize=True)
GAP = 4096
MAX_ON, MAX_UP = 63, 63


def hash_of(low, up, on):
    """Return 9 bits of bin, 7 of bins up, 6 of frames on."""
    return low << 13 | (up + 64) << 6 | on


def targets(peaks, index, least_on, fan_out):
    """Yield (bins up, frames on, target) of a peak's nearest later peaks in the zone."""
    t, f = peaks[index]
    zone = (
        (fj - f, tj - t, j)
        for j, (tj, fj) in enumerate(peaks[index + 1 :], index + 1)
        if least_on <= tj - t <= MAX_ON and abs(fj - f) <= MAX_UP
    )
    yield from itertools.islice(zone, fan_out)


def pairs_one_by_one(peaks, fan_out):
    return [
        (hash_of(f, up, on), t)
        for i, (t, f) in enumerate(peaks)
        for up, on, _ in targets(peaks, i, 2, fan_out)
    ]


def query_pairs_one_by_one(peaks, salience, fan_out, off_weight):
    out = []
    for i, (t, f) in enumerate(peaks):
        for up, on, j in targets(peaks, i, 1, fan_out):
            for guess in (-1, 0, 1):
                if 2 <= on + guess <= MAX_ON:
                    weight = salience[i] * salience[j] * (off_weight if guess else 1.0)
                    out.append((hash_of(f, up, on + guess), t, weight))
    return out


def arrays(peaks):
    table = np.array(peaks, np.uint32).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


constellations = st.lists(
    st.tuples(st.integers(0, 150), st.integers(0, 511)), max_size=60, unique=True
).map(sorted)


@QUICK
@given(constellations, st.integers(0, 5))
def test_pairs(peaks, fan_out):
    hashes, frames = kernel.pairs(*arrays(peaks), fan_out)
    got = list(zip(hashes.tolist(), frames.tolist(), strict=True))
    assert got == pairs_one_by_one(peaks, fan_out)


@QUICK
@given(constellations, st.integers(0, 5), st.integers(0, 1000))
def test_query_pairs_come_with_their_guesses(peaks, fan_out, seed):
    salience = np.random.default_rng(seed).uniform(0.3, 4, len(peaks)).astype(np.float32)
    got = kernel.query_pairs(*arrays(peaks), salience, fan_out, 0.7)
    want = query_pairs_one_by_one(peaks, salience.tolist(), fan_out, 0.7)
    assert [part.tolist() for part in got[:2]] == [
        [hash_ for hash_, _, _ in want],
        [frame for _, frame, _ in want],
    ]
    np.testing.assert_allclose(got[2], [weight for _, _, weight in want], rtol=1e-6)


@pytest.mark.parametrize(
    ("on", "up", "kept"),
    [
        (1, 0, 0),
        (2, 0, 1),
        (63, 0, 1),
        (64, 0, 0),
        (9, 63, 1),
        (9, -63, 1),
        (9, 64, 0),
        (9, -64, 0),
    ],
)
def test_the_limits_of_the_zone(on, up, kept):
    hashes, frames = kernel.pairs(*arrays([(1000, 100), (1000 + on, 100 + up)]), 2)
    assert len(hashes) == kept
    if kept:
        assert hashes.tolist() == [hash_of(100, up, on)]
        assert frames.tolist() == [1000]


@pytest.mark.parametrize(
    ("on", "guesses"), [(1, [2]), (2, [2, 3]), (30, [29, 30, 31]), (63, [62, 63])]
)
def test_a_guess_one_frame_off_stays_in_the_zone(on, guesses):
    salience = np.array([2.0, 3.0], np.float32)
    hashes, frames, weights = kernel.query_pairs(
        *arrays([(5, 100), (5 + on, 90)]), salience, 2, 0.5
    )
    assert hashes.tolist() == [hash_of(100, -10, guess) for guess in guesses]
    assert frames.tolist() == [5] * len(guesses)
    assert weights.tolist() == [6.0 if guess == on else 3.0 for guess in guesses]


def test_one_frame_of_jitter_still_meets_the_reference():
    reference = [(10, 50), (20, 60), (40, 30)]
    stored = set(kernel.pairs(*arrays(reference), 2)[0].tolist())
    for moves in itertools.product((-1, 0, 1), repeat=2):
        query = [(10, 50), (20 + moves[0], 60), (40 + moves[1], 30)]
        asked = kernel.query_pairs(*arrays(query), np.ones(3, np.float32), 2, 0.7)[0]
        own = {h for h in stored if h >> 13 == 50}  # both pairs of the anchor that stayed
        assert len(own) == 2
        assert own <= set(asked.tolist())


# --- the vote ---------------------------------------------------------------------------------


def vote(offsets, weights, top, frames=None):
    """Vote with one look-up a hit, so that any offset and weight can be had."""
    offsets = np.asarray(offsets, np.int64)
    if frames is None:
        frames = np.random.default_rng(1).integers(0, GAP, len(offsets))
    frame_of = np.asarray(frames, np.uint32)
    return kernel.vote(
        np.arange(len(offsets), dtype=np.uint32),
        offsets + frame_of,
        frame_of,
        np.asarray(weights, np.float32),
        GAP,
        top,
    )


def sums(offsets, weights):
    """Return offset -> the weight within one frame of it, for offsets that were hit."""
    exact = Counter()
    for offset, weight in zip(offsets, weights, strict=True):
        exact[offset] += weight
    return {o: exact[o - 1] + exact[o] + exact[o + 1] for o in exact}


def ballot(offsets, weights, top):
    """Return [(offset, weight)]: of offsets within two frames the heaviest, the first of equals."""
    near = sums(offsets, weights)
    best = []
    for offset, weight in near.items():
        others = [(other, near[other]) for other in range(offset - 2, offset + 3) if other in near]
        if all(weight > w or (weight == w and offset <= o) for o, w in others):
            best.append((offset, weight))
    return sorted(best, key=lambda row: (-row[1], row[0]))[:top]


def rows(result):
    return list(zip(result[0].tolist(), result[1].tolist(), strict=True))


@QUICK
@given(
    hits=st.lists(st.tuples(st.integers(-8, 30), st.integers(1, 9)), max_size=60),
    spread=st.sampled_from([1, 3, 10**6]),
    top=st.integers(0, 100),
)
def test_a_vote_equals_a_dictionary(hits, spread, top):
    offsets = [offset * spread for offset, _ in hits]
    weights = [float(weight) for _, weight in hits]
    enough = max(top, len(hits))  # all slots are kept: the answer must be exact
    assert rows(vote(offsets, weights, enough)) == ballot(offsets, weights, enough)
    assert len(vote(offsets, weights, top)[0]) <= top


@pytest.mark.parametrize("count", [1, 2, 100, 10_000, 200_000])
@pytest.mark.parametrize("reach", [10**4, 10**9, 10**13])
def test_heavy_alignments_are_found_among_any_number_of_hits(count, reach):
    rng = np.random.default_rng(count)
    stray = rng.integers(-2000, reach, count)
    heavy = rng.choice(reach // 100, 20, replace=False) * 100
    hits = [stray]
    extra = 200 + 2 * count // min(reach, 1 << 14)
    for rank, offset in enumerate(heavy):
        hits.append(offset + rng.integers(-1, 2, extra + 40 * rank))
    offsets = np.concatenate(hits)
    rng.shuffle(offsets)
    weights = rng.integers(1, 4, len(offsets)).astype(float)
    exact = sums(offsets.tolist(), weights.tolist())
    got = rows(vote(offsets, weights, 40))
    assert got == sorted(got, key=lambda row: (-row[1], row[0]))
    assert got[0] == max(exact.items(), key=lambda row: (row[1], -row[0]))
    found = [offset for offset, _ in got]
    for offset in heavy.tolist():
        assert min(abs(offset - other) for other in found) <= 2
    assert all(weight <= exact[offset] for offset, weight in got)
    assert all(b - a > 2 for a, b in itertools.pairwise(sorted(found)))


def test_alignments_that_share_a_slot_are_told_apart():
    """The sum is hashed; far-apart offsets that collide must not lend each other weight."""
    mask = (1 << 14) - 1

    def slot(offset):
        half = (offset + GAP) >> 1
        return (half ^ half >> 17) & mask

    first = 12_344
    far = np.arange(1 << 20, 1 << 24, 2)
    others = far[slot(far) == slot(first)][:30].tolist()
    assert len(others) == 30
    offsets = [first] * 50 + others
    got = rows(vote(offsets, [1.0] * len(offsets), 100))
    assert got == [(first, 50.0), *((other, 1.0) for other in others)]


@pytest.mark.parametrize(
    ("weights", "kept"),
    [
        ({100: 5, 102: 3}, [100]),
        ({100: 3, 102: 5}, [102]),
        ({100: 3, 102: 3}, [100]),
        ({100: 3, 103: 3}, [100, 103]),
        ({100: 3, 101: 2, 102: 3}, [101]),
        ({100: 1, 102: 2, 104: 3, 106: 2}, [104]),
    ],
)
def test_of_neighbours_within_two_frames_one_is_kept(weights, kept):
    got = rows(vote(list(weights), [float(w) for w in weights.values()], 9))
    assert sorted(offset for offset, _ in got) == kept


@pytest.mark.parametrize("start", [100, 101])
@pytest.mark.parametrize("halves", [(10, 12, 9), (9, 12, 10)])
def test_the_lighter_half_of_an_alignment_that_straddles_two_slots_counts(start, halves):
    """Busier slots elsewhere, so that the lighter half alone would not be looked at."""
    hits = {start + i: weight for i, weight in enumerate(halves)}
    hits |= {900: 30, 2000: 21, 3000: 21, 4000: 21}
    got = rows(vote(list(hits), [float(weight) for weight in hits.values()], 1))
    assert got == [(start + 1, 31.0)]


def test_offsets_before_the_first_frame_and_beyond_32_bits():
    offsets = [-GAP + 1, 5 * 10**12, -1, -1]
    got = rows(vote(offsets, [3.0, 2.0, 1.0, 0.5], 9, frames=[GAP - 1, 0, 3, GAP - 1]))
    assert got == [(-GAP + 1, 3.0), (5 * 10**12, 2.0), (-1, 1.5)]


def test_nothing_to_pair_or_count():
    none = np.empty(0, np.uint32)
    assert [len(part) for part in kernel.pairs(none, none, 3)] == [0, 0]
    assert [
        len(part) for part in kernel.query_pairs(none, none, none.view(np.float32), 3, 0.7)
    ] == [
        0,
        0,
        0,
    ]
    assert rows(vote([], [], 5)) == []
    assert rows(vote([3, 4], [1.0, 1.0], 0)) == []
    assert rows(vote([3], [0.0], 5)) == []  # no weight is no vote


def test_arrays_of_another_type_never_reach_the_kernel():
    with pytest.raises(TypeError, match="uint32"):
        kernel.pairs(np.zeros(3, np.int64), np.zeros(3, np.uint32), 2)
    with pytest.raises(TypeError, match="C-contiguous"):
        kernel.pairs(np.zeros(6, np.uint32)[::2], np.zeros(3, np.uint32), 2)
