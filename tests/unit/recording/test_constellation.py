from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import DamagedIndexError
from earmark.recording.constellation import Constellation, between, pack, payload, unpack
from earmark.recording.params import PAGE_FRAMES

QUICK = settings(deadline=None, max_examples=150, derandomize=True)


def make(peaks, span):
    table = np.array(sorted(peaks), np.uint32).reshape(-1, 2)
    return Constellation(table[:, 0].copy(), table[:, 1].copy(), span)


@st.composite
def constellations(draw):
    span = draw(st.integers(0, 400))
    if span == 0:
        return make([], 0)
    peak = st.tuples(st.integers(0, span - 1), st.integers(0, 511))
    return make(draw(st.sets(peak, max_size=80)), span)


def peaks_of(stars):
    return list(zip(stars.frames.tolist(), stars.bins.tolist(), strict=True))


@QUICK
@given(constellations())
def test_pack_and_unpack(stars):
    data = pack(stars)
    assert len(data) == 4 + stars.pages + 2 * len(stars.frames)
    back = unpack(data)
    assert (peaks_of(back), back.span_frames) == (peaks_of(stars), stars.span_frames)
    assert (back.frames.dtype, back.bins.dtype) == (np.uint32, np.uint32)
    assert pack(back) == data


@QUICK
@given(constellations(), st.floats(-300, 500), st.floats(-10, 500))
def test_between_finds_what_a_filter_finds(stars, start, length):
    data = payload(stars)
    assert len(data) % 4 == 0
    frames, bins = between(data, start, start + length)
    want = [(t, f) for t, f in peaks_of(stars) if start <= t < start + length]
    assert list(zip(frames.tolist(), bins.tolist(), strict=True)) == want
    assert (frames.dtype, bins.dtype) == (np.uint32, np.uint32)


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [(63, 64, [63]), (63, 65, [63, 64]), (64, 128, [64, 127]), (63.5, 127, [64]), (127.5, 128, [])],
)
def test_between_at_the_edge_of_a_page(start, stop, found):
    data = payload(make([(63, 1), (64, 2), (127, 3), (128, 4)], 200))
    assert between(data, start, stop)[0].tolist() == found


def test_the_widest_peak():
    stars = make([(PAGE_FRAMES - 1, 511), (PAGE_FRAMES, 0)], 2 * PAGE_FRAMES)
    assert peaks_of(unpack(pack(stars))) == peaks_of(stars)


def test_a_whole_page_of_peaks():
    stars = make([(t, f) for t in range(17) for f in range(0, 300, 20)], 64)
    assert len(stars.frames) == 255
    assert peaks_of(unpack(pack(stars))) == peaks_of(stars)


@QUICK
@given(constellations(), st.data())
def test_a_length_that_does_not_fit_is_damage(stars, data):
    sound = pack(stars)
    cut = data.draw(st.integers(0, len(sound) - 1))
    with pytest.raises(DamagedIndexError, match="earmark doctor"):
        unpack(sound[:cut])
    with pytest.raises(DamagedIndexError):
        unpack(sound + b"\0")


@settings(deadline=None, max_examples=300, derandomize=True)
@given(constellations(), st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=4))
def test_any_bytes_are_a_constellation_or_damage(stars, damage):
    data = bytearray(pack(stars))
    for at, value in damage:
        data[at % len(data)] = value
    try:
        read = unpack(bytes(data))
    except DamagedIndexError:
        return
    assert pack(read) == data
    frames, bins = between(payload(read), 0, 1 << 33)
    assert (frames.tolist(), bins.tolist()) == (read.frames.tolist(), read.bins.tolist())


@pytest.mark.parametrize("data", [b"", b"\0", bytes(3), b"\xff" * 4, b"\xff" * 40, bytes(5)])
def test_bytes_that_are_none(data):
    with pytest.raises(DamagedIndexError):
        unpack(data)
