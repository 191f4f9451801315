"""The packed postings against plain numpy, and against bits that lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels.postings import DEAD_MOVE, Block, DamageError, Shape, encode, merge, plan


def reference(hashes, positions, queries):
    """(query index, position), by query, then ascending position."""
    order = np.lexsort((positions, hashes))
    hashes, positions = hashes[order], positions[order]
    left = np.searchsorted(hashes, queries, "left")
    count = np.searchsorted(hashes, queries, "right") - left
    index = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(np.arange(len(queries)), count), positions[index + np.repeat(left, count)]


def make(seed, count, frames, bits, skew):
    rng = np.random.default_rng(seed)
    hashes = ((1 << bits) * rng.random(count) ** skew).astype(np.uint32)
    positions = rng.integers(0, frames, count).astype(np.uint32)
    return hashes, positions, rng


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 3000),
    frames=st.sampled_from([1, 2, 63, 4096, 5000, 1 << 20, (1 << 32) - 1]),
    bits=st.sampled_from([1, 6, 12, 16]),
    skew=st.sampled_from([1.0, 4.0, 40.0]),
)
def test_lookup_and_counts_equal_numpy(seed, count, frames, bits, skew):
    hashes, positions, rng = make(seed, count, frames, bits, skew)
    block = encode(hashes, positions, frames, bits)
    block.check()
    queries = rng.integers(0, (1 << bits) + 2, 500).astype(np.uint32)
    query, position = block.lookup(queries, base=10**12)
    wanted_query, wanted_position = reference(hashes, positions, queries)
    np.testing.assert_array_equal(query, wanted_query)
    np.testing.assert_array_equal(position - 10**12, wanted_position)
    np.testing.assert_array_equal(
        block.counts(queries), np.bincount(wanted_query, minlength=len(queries))
    )


@pytest.mark.parametrize(("group_bits", "low_bits"), [(0, 20), (0, 14), (0, 12), (5, 20), (12, 20)])
def test_every_shape_answers_alike(group_bits, low_bits):
    hashes, positions, _ = make(1, 5000, 1 << 20, 12, 3.0)
    wanted = encode(hashes, positions, 1 << 20, 12)
    shape = Shape(5000, 1 << 20, 12, group_bits, low_bits)
    assert shape.sound
    queries = np.arange(1 << 12, dtype=np.uint32)
    # A merge into a planned shape is the only door to a shape of one's own choice.
    block = Block.empty(shape)
    _encode_into(block, hashes, positions)
    np.testing.assert_array_equal(block.counts(queries), wanted.counts(queries))
    for got, want in zip(block.lookup(queries), wanted.lookup(queries), strict=True):
        np.testing.assert_array_equal(got, want)


def _encode_into(block, hashes, positions):
    import ctypes

    from earmark.kernels import library, pointer

    keys = np.sort((hashes.astype(np.uint64) << np.uint64(32)) | positions)
    structure = block._c()
    library().em_encode.restype = ctypes.c_int64
    assert library().em_encode(pointer(keys, np.uint64), ctypes.byref(structure)) == len(keys)


def test_dead_stretches_are_left_out():
    hashes, positions, _ = make(2, 4000, 40_960, 8, 2.0)
    block = encode(hashes, positions, 40_960, 8)
    alive = np.ones(11, np.uint8)
    alive[3:7] = 0
    queries = np.arange(256, dtype=np.uint32)
    kept = alive[positions >> 12] == 1
    wanted = reference(hashes[kept], positions[kept], queries)
    for got, want in zip(block.lookup(queries, 0, alive), wanted, strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ValueError, match="alive has 9 items"):
        block.lookup(queries, 0, alive[:9])


@pytest.mark.parametrize("sources", [1, 2, 5, 64])
def test_a_merge_equals_encoding_all_at_once(sources):
    rng = np.random.default_rng(sources)
    blocks, moves, all_hashes, all_positions, start = [], [], [], [], 0
    for seed in range(sources):
        frames = int(rng.integers(1, 30_000))
        hashes, positions, _ = make(seed, int(rng.integers(0, 2000)), frames, 10, 3.0)
        blocks.append(encode(hashes, positions, frames, 10))
        move = np.full(frames // 4096 + 1, start, np.int64)
        dead = rng.random(len(move)) < 0.3
        move[dead] = DEAD_MOVE
        kept = ~dead[positions >> 12]
        moves.append(move)
        all_hashes.append(hashes[kept])
        all_positions.append(positions[kept].astype(np.int64) + start)
        start += frames + 4096
    hashes = np.concatenate(all_hashes)
    positions = np.concatenate(all_positions).astype(np.uint32)
    got = merge(blocks, moves, len(hashes), start)
    want = encode(hashes, positions, start, 10)
    assert got.shape == want.shape
    for name in ("directory", "high", "low"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))


def test_a_merge_that_was_planned_wrongly_says_so():
    hashes, positions, _ = make(3, 1000, 5000, 10, 2.0)
    block = encode(hashes, positions, 5000, 10)
    move = [np.zeros(2, np.int64)]
    for postings, frames in ((999, 5000), (1001, 5000), (1000, 4000)):
        with pytest.raises(DamageError):
            merge([block], move, postings, frames)


def test_three_bytes_a_posting():
    hashes, positions, _ = make(4, 1_000_000, 1_500_000, 22, 3.0)
    block = encode(hashes, positions, 1_500_000, 22)
    assert (block.directory.nbytes + block.high.nbytes + block.low.nbytes) / 1_000_000 < 3.5


def test_nothing_fits_is_an_error():
    with pytest.raises(ValueError, match="do not fit"):
        plan(2**33, 100, 22)


def test_arrays_of_the_wrong_length_never_reach_the_kernel():
    block = Block.empty(plan(10, 10, 4))
    with pytest.raises(ValueError, match="lengths"):
        replace(block, low=block.low[:-1])


@pytest.mark.parametrize("part", ["directory", "high", "low"])
@pytest.mark.parametrize("bits", [6, 16])
def test_random_bits_are_damage_or_answers_but_never_a_crash(part, bits):
    hashes, positions, rng = make(5, 3000, 100_000, bits, 3.0)
    sound = encode(hashes, positions, 100_000, bits)
    queries = np.arange(1 << bits, dtype=np.uint32)
    moves = [np.zeros(100_000 // 4096 + 1, np.int64)]
    damaged = 0
    for trial in range(200):
        array = getattr(sound, part).copy()
        raw = array.view(np.uint8)
        if trial % 2:
            raw[rng.integers(0, len(raw), 1 + trial // 4)] ^= np.uint8(1 << rng.integers(0, 8))
        else:
            raw[:] = rng.integers(0, 256, len(raw)) if trial % 4 else 255 * (trial % 8 == 0)
        block = replace(sound, **{part: array})
        for call in (
            lambda b=block: b.check() or b.lookup(queries),
            lambda b=block: b.check() or b.counts(queries),
            lambda b=block: b.check() or merge([b], moves, 3000, 100_000),
        ):
            try:
                call()
            except DamageError:
                damaged += 1
    assert damaged > 0
