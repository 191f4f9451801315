from __future__ import annotations

import pytest

from earmark.units import amplitude_to_db, clock, ratio_to_semitones, semitones_to_ratio


@pytest.mark.parametrize("semitones", [-12.0, -0.5, 0.0, 1.0, 7.02])
def test_semitones_and_ratios_are_each_others_inverse(semitones):
    assert ratio_to_semitones(semitones_to_ratio(semitones)) == pytest.approx(semitones)


def test_decibels():
    assert amplitude_to_db(1.0) == 0.0
    assert amplitude_to_db(0.1) == pytest.approx(-20.0)
    assert amplitude_to_db(1e-12) == -120.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0:00.0"), (59.96, "1:00.0"), (75.2, "1:15.2"), (3599.99, "1:00:00.0"), (-1, "0:00.0")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text
