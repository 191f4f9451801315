from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.kernels import spectrum as kernel
from earmark.recording.constellation import pack
from earmark.recording.params import PAGE_FRAMES, RecordingParams
from earmark.recording.peaks import PeakAnalyser, query_peaks
from earmark.recording.spectrum import salience

PARAMS = RecordingParams()
HOP, WINDOW = PARAMS.spectrum.hop, PARAMS.spectrum.window
# Where chunks of 16 pages are judged: their frames and the context behind them.
CONTEXT = PARAMS.spectrum.whiten_frames + PARAMS.reference.peak_frames
CHUNK = (16 * PAGE_FRAMES + CONTEXT - 1) * HOP + WINDOW


def analysed(blocks):
    analyser = PeakAnalyser(PARAMS)
    for block in blocks:
        analyser.feed(block)
    return analyser.finish()


@pytest.fixture(scope="module")
def long(music):
    """Forty seconds: two borders of chunks inside."""
    return music(1, 40.0)


@pytest.fixture(scope="module")
def whole(long):
    return pack(analysed([long]))


@settings(deadline=None, max_examples=15, derandomize=True)
@given(cuts=st.lists(st.integers(0, 640_000), max_size=12))
def test_the_same_bytes_however_the_samples_are_cut(long, whole, cuts):
    assert pack(analysed(np.split(long, sorted(cuts)))) == whole


@pytest.mark.parametrize("size", [997, HOP, WINDOW, 16_000, CHUNK, CHUNK - 1, CHUNK + 1, 300_000])
def test_the_same_bytes_in_even_blocks(long, whole, size):
    assert pack(analysed(np.split(long, range(size, len(long), size)))) == whole


@pytest.mark.parametrize("over", [-HOP, -1, 0, 1, HOP])
def test_audio_that_ends_at_a_border(long, over):
    samples = long[: CHUNK + over]
    one = analysed([samples])
    assert pack(one) == pack(analysed([samples[:1], samples[1:-1], samples[-1:]]))
    assert one.span_frames == (len(samples) - WINDOW) // HOP + 1


def test_one_sample_at_a_time(long):
    samples = long[: 3 * WINDOW + 17]
    assert pack(analysed(np.split(samples, len(samples)))) == pack(analysed([samples]))


def test_as_if_it_had_been_judged_in_one_piece(long, whole):
    reference = PARAMS.reference
    cells = salience(long, PARAMS.spectrum)
    frames, bins, _ = kernel.peaks(
        cells,
        0,
        len(cells),
        reference.peak_frames,
        reference.peak_bins,
        reference.least_salience,
        PAGE_FRAMES,
        reference.peaks_per_page,
    )
    stars = analysed([long])
    got = set(zip(stars.frames.tolist(), stars.bins.tolist(), strict=True))
    want = set(zip(frames.tolist(), bins.tolist(), strict=True))
    assert len(want) > 500
    assert len(got ^ want) <= 4  # sums of floats round differently


def test_peaks_come_in_time_order_at_their_density(long):
    stars = analysed([long])
    assert (np.diff(stars.frames.astype(np.int64)) >= 0).all()
    assert stars.frames.max() < stars.span_frames
    assert stars.bins.max() < PARAMS.spectrum.bins
    count = np.bincount(stars.frames // PAGE_FRAMES)
    assert count.max() <= PARAMS.reference.peaks_per_page
    assert np.median(count) >= PARAMS.reference.peaks_per_page // 2


@pytest.mark.parametrize("blocks", [[], [0], [0, 0], [1], [WINDOW - 1], [WINDOW // 2, 100, 0]])
def test_less_than_a_window(blocks):
    stars = analysed([np.full(size, 0.1, np.float32) for size in blocks])
    assert (len(stars.frames), stars.span_frames, stars.pages) == (0, 0, 0)


@pytest.mark.parametrize("samples", [np.zeros(100_000), np.full(700_000, 0.5)])
def test_nothing_stands_out_of_nothing(samples):
    stars = analysed([samples.astype(np.float32)])
    assert len(stars.frames) == 0
    assert stars.span_frames == (len(samples) - WINDOW) // HOP + 1


def test_a_click_is_where_it_is():
    samples = np.zeros(100_000, np.float32)
    samples[50_000] = 1.0
    stars = analysed([samples])
    assert len(stars.frames) > 0
    centre = (stars.frames * HOP + WINDOW / 2 - 50_000) / 16_000
    assert np.abs(centre).max() < WINDOW / 16_000


def test_a_query_lists_many_more_peaks(long):
    cells = salience(long[: 10 * 16_000], PARAMS.spectrum)
    frames, bins, strength = query_peaks(cells, PARAMS)
    stars = analysed([long[: 10 * 16_000]])
    assert len(frames) > 3 * len(stars.frames)
    assert np.bincount(frames // PAGE_FRAMES).max() <= PARAMS.query.peaks_per_page
    np.testing.assert_array_equal(cells[frames, bins], strength)
    listed = set(zip(frames.tolist(), bins.tolist(), strict=True))
    kept = set(zip(stars.frames.tolist(), stars.bins.tolist(), strict=True))
    assert len(kept - listed) <= 0.02 * len(kept)
