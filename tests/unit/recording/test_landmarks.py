from __future__ import annotations

import numpy as np
import pytest

from earmark.recording.constellation import Constellation
from earmark.recording.landmarks import (
    Peaks,
    Warp,
    query_landmarks,
    reference_landmarks,
    warps,
)
from earmark.recording.params import PAGE_FRAMES, RecordingParams
from earmark.units import ratio_to_semitones

PARAMS = RecordingParams()
FIRST, BINS = PARAMS.spectrum.first_bin, PARAMS.spectrum.bins
PLENTY = 1_000_000


@pytest.fixture(scope="module")
def made():
    """Twenty seconds of random peaks, fifteen a page."""
    rng = np.random.default_rng(3)
    pages = 20
    frames = np.sort(rng.integers(0, pages * PAGE_FRAMES, 15 * pages)).astype(np.uint32)
    bins = rng.integers(30, 270, len(frames)).astype(np.uint32)
    return Constellation(frames, bins, pages * PAGE_FRAMES)


def heard_as(stars, warp):
    """The peaks of a query that holds the reference so warped, each as salient as any."""
    frames = np.rint(stars.frames / warp.time).astype(np.uint32)
    bins = np.rint((stars.bins + FIRST) * warp.pitch - FIRST).astype(np.int64)
    keep = (bins >= 0) & (bins < BINS)
    salience = np.ones(int(keep.sum()), np.float32)
    span = round(stars.span_frames / warp.time)
    return Peaks.of(frames[keep], bins[keep].astype(np.uint32), salience, span)


def met(stars, warp, assumed):
    """The share of the reference's landmarks that the query looks up where it should."""
    asked = query_landmarks(heard_as(stars, warp), PLENTY, assumed, PARAMS.spectrum, PARAMS.query)
    known = set(
        zip(*(part.tolist() for part in reference_landmarks(stars, PARAMS.reference)), strict=True)
    )
    looked = zip(asked.hashes.tolist(), asked.frames.tolist(), strict=True)
    near = {(h, t + move) for h, t in looked for move in (-1, 0, 1)}
    return len(known & near) / len(known)


def test_ranks_are_by_salience_within_a_page():
    frames = np.array([0, 1, 2, 64, 65, 200], np.uint32)
    salience = np.array([0.5, 2.0, 1.0, 1.0, 3.0, 0.1], np.float32)
    peaks = Peaks.of(frames, np.zeros(6, np.uint32), salience, 256)
    assert peaks.rank.tolist() == [2, 0, 1, 1, 0, 0]


def test_a_reference_has_about_its_fan_out_a_peak(made):
    hashes, frames = reference_landmarks(made, PARAMS.reference)
    assert len(hashes) == len(frames) <= PARAMS.reference.fan_out * len(made.frames)
    assert len(hashes) > 0.9 * PARAMS.reference.fan_out * len(made.frames)
    assert set(frames.tolist()) <= set(made.frames.tolist())


def test_an_unchanged_query_meets_every_landmark(made):
    assert met(made, Warp(), Warp()) == 1.0


@pytest.mark.parametrize(
    "warp",
    [
        Warp(1.05, 1.05),
        Warp(0.95, 0.95),
        Warp(1.05),
        Warp(0.95),
        Warp(1, 2 ** (1 / 12)),
        Warp(1, 2 ** (-1 / 12)),
    ],
)
def test_a_warp_is_undone(made, warp):
    """A query second holds ``time`` of the reference and sounds ``pitch`` times as high."""
    assert met(made, warp, warp) > 0.8
    assert met(made, warp, Warp()) < 0.5
    assert met(made, warp, Warp(1 / warp.time, 1 / warp.pitch)) < 0.2


@pytest.mark.parametrize("budget", [1000, 9000, 12_000, 100_000])
def test_look_ups_stay_near_the_budget(budget):
    rng = np.random.default_rng(4)
    pages = 10
    frames = np.sort(rng.integers(0, pages * PAGE_FRAMES, 300 * pages)).astype(np.uint32)
    bins = rng.integers(0, BINS, len(frames)).astype(np.uint32)
    salience = rng.uniform(0.3, 3, len(frames)).astype(np.float32)
    peaks = Peaks.of(frames, bins, salience, pages * PAGE_FRAMES)
    asked = query_landmarks(peaks, budget, Warp(), PARAMS.spectrum, PARAMS.query)
    assert 0.2 * budget < len(asked.hashes) < 2 * budget + 3 * 3 * 8 * pages


def test_the_most_salient_peaks_are_asked_first():
    rng = np.random.default_rng(5)
    frames = np.sort(rng.integers(0, 64, 250)).astype(np.uint32)
    bins = rng.permutation(BINS)[:250].astype(np.uint32)
    salience = rng.permutation(250).astype(np.float32) + 1
    peaks = Peaks.of(frames, bins, salience, 64)
    asked = query_landmarks(peaks, 1000, Warp(), PARAMS.spectrum, PARAMS.query)
    anchors = {h >> 13 for h in asked.hashes.tolist()}
    strength = dict(zip(bins.tolist(), salience.tolist(), strict=True))
    assert 0 < len(anchors) < 100
    assert min(strength[low] for low in anchors) > 150


def test_peaks_moved_out_of_range_are_left_out():
    frames = np.arange(0, 60, 3, dtype=np.uint32)
    for low, warp in ((BINS - 1, Warp(1.0, 0.9)), (0, Warp(1.0, 1.1))):
        peaks = Peaks.of(frames, np.full(20, low, np.uint32), np.ones(20, np.float32), 64)
        assert len(query_landmarks(peaks, PLENTY, Warp(), PARAMS.spectrum, PARAMS.query).hashes)
        assert not len(query_landmarks(peaks, PLENTY, warp, PARAMS.spectrum, PARAMS.query).hashes)


def test_no_peaks():
    none = np.empty(0, np.uint32)
    peaks = Peaks.of(none, none, np.empty(0, np.float32), 100)
    for warp in (Warp(), Warp(1.05, 1.05)):
        assert not len(query_landmarks(peaks, 1000, warp, PARAMS.spectrum, PARAMS.query).hashes)
    assert [
        len(part) for part in reference_landmarks(Constellation(none, none, 0), PARAMS.reference)
    ] == [0, 0]


def test_the_hypotheses_leave_no_hole():
    tried = warps()
    assert len(set(tried)) == len(tried)
    assert Warp() not in tried
    for percent in np.arange(-6, 6.1, 0.25):
        ratio = 1 + percent / 100
        for wanted in ((ratio, ratio), (ratio, 1.0)):
            gap = min(
                max(abs(w.time - wanted[0]), abs(w.pitch - wanted[1])) for w in (*tried, Warp())
            )
            assert gap < 0.0051
    for semitones in np.arange(-2, 2.01, 0.25):
        shifts = [ratio_to_semitones(w.pitch) for w in (*tried, Warp()) if w.time == 1.0]
        assert min(abs(semitones - shift) for shift in shifts) < 0.2501
