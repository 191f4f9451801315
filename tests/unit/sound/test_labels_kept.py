"""Nine bytes a window, and names from them."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.sound.features import features_of
from earmark.sound.labels_kept import label_named, labels_of, pack_labels, windows_with

NAMES = ("Dog", "Dog whistle", "Cat", "Speech")


@pytest.fixture
def payload():
    odds = [[0.0, 0.05, 0.93, 0.4], None, [0.11, 0.099, 0.0, 0.0], [0.6, 0.7, 0.8, 0.9]]
    columns = [None if row is None else np.array(row, np.float32) for row in odds]
    ones = [np.ones(2, np.float32)] * 4
    return pack_labels(features_of([(i, 1) for i in range(4)], ones, ones, columns, 2, 2))


def test_nine_bytes_a_window(payload):
    assert len(payload) == 36
    assert labels_of(b"", NAMES) == []


def test_names_likeliest_first_and_none_that_is_unlikely(payload):
    told = labels_of(payload, NAMES)
    assert [list(row) for row in told] == [
        ["Cat", "Speech"],
        [],
        ["Dog"],
        ["Speech", "Cat", "Dog whistle"],
    ]
    assert told[0]["Cat"] == pytest.approx(0.93, abs=0.005)


def test_labels_that_the_names_do_not_reach_are_left_out(payload):
    assert labels_of(payload, NAMES[:1]) == [{}, {}, {"Dog": 0.11}, {}]
    assert labels_of(payload, ()) == [{}] * 4


def test_windows_with_a_label(payload):
    assert windows_with(payload, 2) == [0, 3]
    assert windows_with(payload, 0) == [2]
    assert windows_with(payload, 7) == []
    assert windows_with(b"", 0) == []


def test_windows_without_labels_are_not_those_of_the_first(payload):
    """None is -1, not 0."""
    assert 1 not in windows_with(payload, 0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(" dOg ", [0]), ("do", [0, 1]), ("whistle", [1]), ("horse", []), ("", []), ("  ", [])],
)
def test_which_labels_a_text_means(text, wanted):
    assert label_named(text, NAMES) == wanted
