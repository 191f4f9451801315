"""The peaks that are kept to find repeats do not depend on how sheets are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import cut, sheet

from earmark.monitor.repeating.peaks import PeakPicker
from earmark.recording.params import ReferenceParams


@pytest.fixture(scope="module")
def whole(music):
    return sheet(music(5, 30.0), 2.0)


def picked(parts):
    picker, found = PeakPicker(ReferenceParams()), []
    for part in parts:
        found += picker.take(part)
    found += picker.tail()
    frames = np.concatenate([stretch.frames for stretch in found])
    return frames.tolist(), np.concatenate([stretch.bins for stretch in found]).tolist()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 1870), max_size=12))
def test_peaks_do_not_depend_on_cuts(whole, frames):
    assert picked(cut(whole, frames)) == picked([whole])


def test_peaks_begin_where_the_sheets_do(whole):
    frames, bins = picked([whole])
    assert min(frames) >= round(2.0 / whole.frame_s)
    assert max(frames) < round(2.0 / whole.frame_s) + len(whole.salience)
    assert 10 * 30 < len(frames) == len(bins) < 26 * 33
