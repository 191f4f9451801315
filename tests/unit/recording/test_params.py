from __future__ import annotations

import pickle
from dataclasses import fields, replace

import pytest

from earmark.recording.engine import RecordingAnalysis
from earmark.recording.params import PAGE_FRAMES, RecordingParams

PARAMS = RecordingParams()


def other(value):
    if isinstance(value, tuple):
        return (*value[:-1], other(value[-1]))
    return not value if isinstance(value, bool) else value + 1


def changed(room, name):
    part = getattr(PARAMS, room)
    return replace(PARAMS, **{room: replace(part, **{name: other(getattr(part, name))})})


def names(*rooms):
    return [(room, f.name) for room in rooms for f in fields(getattr(PARAMS, room))]


@pytest.mark.parametrize(("room", "name"), names("spectrum", "reference"))
def test_whatever_decides_an_index_is_in_the_digest(room, name):
    assert changed(room, name).digest != PARAMS.digest
    assert RecordingAnalysis(changed(room, name)).digest == changed(room, name).digest


@pytest.mark.parametrize(("room", "name"), names("query"))
def test_how_hard_a_query_is_asked_leaves_every_index_valid(room, name):
    assert changed(room, name) != PARAMS
    assert changed(room, name).digest == PARAMS.digest


def test_every_digest_is_another():
    digests = {changed(*which).digest for which in names("spectrum", "reference")}
    assert len(digests) == len(names("spectrum", "reference"))
    assert {len(digest) for digest in digests} == {12}


def test_equal_parameters_have_equal_digests_in_any_process():
    assert pickle.loads(pickle.dumps(PARAMS)).digest == RecordingParams().digest


def test_units():
    spectrum = PARAMS.spectrum
    assert spectrum.frame_s == pytest.approx(spectrum.hop / spectrum.rate_hz)
    assert spectrum.bin_hz(0) == pytest.approx(
        spectrum.first_bin * spectrum.rate_hz / spectrum.window
    )
    assert spectrum.bin_hz(10) - spectrum.bin_hz(9) == pytest.approx(15.625)


def test_a_code_holds_every_frame_and_bin():
    assert PAGE_FRAMES <= 1 << 7
    assert PARAMS.spectrum.bins <= 1 << 9
    assert PARAMS.spectrum.first_bin + PARAMS.spectrum.bins <= PARAMS.spectrum.window // 2 + 1
    assert PARAMS.reference.peaks_per_page < 1 << 8  # a page's count takes a byte
