"""Packed buckets against plain numpy, and against bytes that lie."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels import buckets as kernel
from earmark.kernels.postings import DamageError
from earmark.ports import GAP_FRAMES

BITS = 10


def made(seed, count, numbers, frames):
    rng = np.random.default_rng(seed)
    hashes = (rng.exponential(60, count)).astype(np.uint32) % (1 << BITS)
    number = np.sort(rng.integers(0, numbers, count)).astype(np.uint32)
    frame = np.minimum(rng.exponential(frames / 4, count), frames - 1).astype(np.uint32)
    return hashes, number, frame


def bitmap(numbers):
    flags = np.zeros(max([0, *numbers]) + 1, np.uint8)
    flags[list(numbers)] = 1
    return np.packbits(flags).tobytes()


def as_set(hashes, number, frame):
    return sorted(zip(hashes.tolist(), number.tolist(), frame.tolist(), strict=True))


def unpacked(buckets, values, group):
    got = kernel.decode(kernel.Values.of(values), np.full(len(values), group, np.uint8))
    return as_set((buckets[got.value] << group) + got.low, got.number, got.frame)


@settings(deadline=None, max_examples=80, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 2000),
    numbers=st.sampled_from([1, 7, 3000, 2**31]),
    frames=st.sampled_from([1, 2, 15_000, 2**24]),
    group=st.integers(0, 6),
)
def test_what_is_packed_is_decoded_and_found(seed, count, numbers, frames, group):
    hashes, number, frame = made(seed, count, numbers, frames)
    buckets, chunks = kernel.pack(hashes >> group, hashes, number, frame, group)
    assert buckets.tolist() == np.unique(hashes >> group).tolist()
    assert unpacked(buckets, chunks, group) == as_set(hashes, number, frame)
    if numbers == 2**31:
        return  # a bitmap of all numbers is 256 MB
    asked = np.random.default_rng(seed).integers(0, 1 << BITS, 99).astype(np.uint32)
    asked = np.concatenate([asked, asked[:7], asked[:7], hashes[:9]])
    known = set(range(0, numbers, 2))
    index, position = kernel.find(
        kernel.Values.of(chunks),
        (buckets << group).astype(np.uint32),
        np.full(len(chunks), group, np.uint8),
        kernel.Wanted.of(asked),
        bitmap(known),
    )
    live = number % 2 == 0
    at = (number[live].astype(np.int64) << 24) + GAP_FRAMES + frame[live]
    assert sorted(zip(index.tolist(), position.tolist(), strict=True)) == sorted(
        (question, place)
        for question, value in enumerate(asked)
        for place in at[hashes[live] == value].tolist()
    )


@settings(deadline=None, max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**32), whole=st.integers(2, 6), less=st.integers(0, 4))
def test_merging_keeps_every_posting_and_drops_the_dead(seed, whole, less):
    finer = max(0, whole - less)
    mine = whole - 1
    coarse = [made(seed + k, 600, 500, 9000) for k in range(2)]
    fine = made(seed + 2, 600, 400, 9000)
    parts = []
    for one, group in ((coarse[0], whole), (coarse[1], whole), (fine, mine)):
        buckets, chunks = kernel.pack(one[0] >> group, *one, group)
        parts += [
            (int(b << group >> whole), int(b & ((1 << (whole - group)) - 1)), group, chunk)
            for b, chunk in zip(buckets, chunks, strict=True)
        ]
    parts.sort(key=lambda row: row[:3])
    unit, part, group, chunks = zip(*parts, strict=True)
    dead = set(range(0, 500, 3))
    units = 1 << (BITS - whole)
    merged = kernel.merge(
        kernel.Values.of(chunks),
        np.array(unit, np.uint32),
        np.array(part, np.uint8),
        np.array(group, np.uint8),
        units,
        whole,
        finer,
        bitmap(dead),
        1 << 20,
    )
    assert merged.left_out == 0
    assert len(merged.values) == units * merged.parts == 1 << (BITS - finer)
    hashes, number, frame = (np.concatenate(c) for c in zip(*coarse, fine, strict=True))
    keep = number % 3 != 0
    got = unpacked(np.arange(1 << (BITS - finer), dtype=np.uint32), merged.values, finer)
    assert got == as_set(hashes[keep], number[keep], frame[keep])


def test_a_value_that_grows_too_long_keeps_the_lowest_numbers():
    hashes, number, frame = made(1, 4000, 4000, 9000)
    hashes[:] = 5
    _, chunks = kernel.pack(hashes >> 2, hashes, number, frame, 2)
    merged = kernel.merge(
        kernel.Values.of(chunks),
        np.zeros(1, np.uint32),
        np.ones(1, np.uint8),
        np.full(1, 2, np.uint8),
        1,
        4,
        2,
        b"",
        1000,
    )
    got = kernel.decode(kernel.Values.of(merged.values), np.full(4, 2, np.uint8))
    assert 900 < len(merged.values[1]) <= 1000
    assert len(got.number) + merged.left_out == 4000
    assert sorted(got.number.tolist()) == sorted(number.tolist())[: len(got.number)]


def test_a_posting_of_a_large_library_takes_about_three_bytes():
    rng = np.random.default_rng(3)
    number = np.sort(rng.integers(0, 6667, 50)).astype(np.uint32)
    hashes = rng.integers(0, 4, 50).astype(np.uint32)
    frame = rng.integers(0, 15_000, 50).astype(np.uint32)
    _, chunks = kernel.pack(hashes >> 2, hashes, number, frame, 2)
    assert len(chunks[0]) <= 3.3 * 50


@settings(deadline=None, max_examples=300, derandomize=True)
@given(data=st.binary(max_size=200), group=st.integers(0, 6))
def test_any_bytes_are_survived(data, group):
    _survives(data, group)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    seed=st.integers(0, 99),
    at=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=5),
    cut=st.integers(0, 50),
)
def test_spoilt_values_are_survived(seed, at, cut):
    hashes, number, frame = made(seed, 40, 300, 15_000)
    _, chunks = kernel.pack(hashes >> 10, hashes & 3, number, frame, 2)
    spoilt = bytearray(chunks[0][: max(1, len(chunks[0]) - cut)])
    for place, flip in at:
        spoilt[place % len(spoilt)] ^= flip
    _survives(bytes(spoilt), 2)


def _survives(data, group):
    values = kernel.Values.of([data])
    groups = np.full(1, group, np.uint8)
    wanted = kernel.Wanted.of(np.arange(1 << group, dtype=np.uint32))
    for ask in (
        lambda: kernel.decode(values, groups),
        lambda: kernel.find(values, np.zeros(1, np.uint32), groups, wanted, b"\xff" * 99),
        lambda: kernel.merge(
            values, np.zeros(1, np.uint32), np.zeros(1, np.uint8), groups, 1, group, 0, b"", 10**6
        ),
    ):
        with suppress(DamageError):
            ask()


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_one_spoilt_byte_is_noticed(place):
    hashes, number, frame = made(7, 60, 300, 15_000)
    _, chunks = kernel.pack(hashes >> 10, hashes & 3, number, frame, 2)
    spoilt = bytearray(chunks[0])
    assert len(spoilt) > 100
    spoilt[place] ^= 64
    with pytest.raises(DamageError):
        kernel.decode(kernel.Values.of([bytes(spoilt)]), np.full(1, 2, np.uint8))
