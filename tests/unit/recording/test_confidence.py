from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.recording.confidence import ACCEPT, CERTAIN, Calibration, Figures

NAMES = [f.name for f in fields(Figures)]
NONE = Figures(**dict.fromkeys(NAMES, 0.0))


def test_every_figure_has_a_weight():
    assert {f.name for f in fields(Calibration)} >= set(NAMES)
    assert 0 < ACCEPT < CERTAIN < 1


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_counts_as_its_weight_says(name):
    even = Calibration(**({f.name: 0.0 for f in fields(Calibration)}))
    assert even(NONE) == 0.5
    up = replace(even, **{name: 2.0})
    assert up(replace(NONE, **{name: 1.0})) == pytest.approx(0.880797)
    assert up(replace(NONE, **{name: -1.0})) == pytest.approx(0.119203)
    assert even(replace(NONE, **{name: 9.0})) == 0.5


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.floats(-1e9, 1e9), min_size=len(NAMES), max_size=len(NAMES)))
def test_a_probability_whatever_the_figures(values):
    confidence = Calibration()(Figures(**dict(zip(NAMES, values, strict=True))))
    assert 0.0 <= confidence <= 1.0


def test_the_bias_is_the_verdict_on_nothing():
    assert Calibration(bias=0.0)(NONE) == 0.5
    assert Calibration()(NONE) < ACCEPT
