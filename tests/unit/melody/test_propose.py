"""Votes of nearest windows, and hypotheses about where the query lies."""

import numpy as np
import pytest

from earmark.melody.contour import Line
from earmark.melody.params import SearchParams
from earmark.melody.propose import propose
from earmark.melody.windows import PART, WHOLE, asked_of
from earmark.ports import Neighbours


def line(seconds):
    frames = int(seconds * 20)
    pitch = (60 + (np.arange(frames) // 10) % 5).astype(np.float32)
    return Line(pitch, np.ones(frames, bool), np.arange(0, frames, 10), 0.0)


def neighbours(rows, k):
    """Rows of (number, start_s, length_s, similarity), padded to k as stores do."""
    shape = (len(rows), k)
    found = Neighbours(
        np.full(shape, -1, np.int64),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.full(shape, -np.inf, np.float32),
    )
    for index, row in enumerate(rows):
        for place, (number, start_s, length_s, similarity) in enumerate(row):
            found.number[index, place] = number
            found.start_s[index, place] = start_s
            found.length_s[index, place] = length_s
            found.similarity[index, place] = similarity
    return found


def test_a_query_is_asked_whole_and_in_parts():
    asked = asked_of(line(9.0), SearchParams())
    assert asked.windows.values.shape[1] == 80
    assert (asked.role == WHOLE).sum() == 2
    assert asked.windows.length_s[asked.role == WHOLE].tolist() == pytest.approx([9.0, 7.2])
    starts = np.unique(asked.windows.start_s[asked.role == PART])
    assert len(starts) >= 3
    assert (asked.windows.start_s + asked.windows.length_s <= 9.01).all()


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0, 4.1, 20.0])
def test_any_length_is_asked_somehow(seconds):
    asked = asked_of(line(seconds), SearchParams())
    assert (asked.role == WHOLE).any()
    assert (asked.role == PART).any()


def test_the_track_that_wins_both_votes_comes_first_with_its_place():
    asked = asked_of(line(9.0), SearchParams())
    rows = []
    for start_s, length_s in zip(asked.windows.start_s, asked.windows.length_s, strict=True):
        # Track 7 holds the query from 30 s on at half its speed; track 9 is a little like it.
        rows.append([(7, 30.0 + start_s / 2, length_s / 2, 0.9), (9, 5.0, length_s, 0.6)])
    found = propose(asked, neighbours(rows, 3), SearchParams())
    assert found.numbers.tolist() == [7, 9]
    assert found.whole[0] > found.whole[1]
    mine = found.which == 0
    assert found.time_ratio[mine] == pytest.approx(0.5, rel=0.01)
    assert found.start_s[mine] == pytest.approx(30.0, abs=0.3)


def test_what_is_not_among_the_nearest_is_no_nearer_than_the_last_of_them():
    asked = asked_of(line(5.0), SearchParams())
    rows = [[(1, 0.0, 5.0, 0.8), (2, 0.0, 5.0, 0.7)] for _ in asked.role]
    rows[0] = [(1, 0.0, 5.0, 0.8), (3, 0.0, 5.0, 0.75)]
    found = propose(asked, neighbours(rows, 2), SearchParams())
    part = dict(zip(found.numbers.tolist(), found.part.tolist(), strict=True))
    assert part[1] == pytest.approx(0.8)
    assert part[3] <= 0.75


def test_candidates_and_hypotheses_are_bounded():
    asked = asked_of(line(9.0), SearchParams())
    rng = np.random.default_rng(1)
    rows = [
        [(int(n), float(rng.uniform(0, 60)), 6.3, float(rng.uniform(0, 1))) for n in range(400)]
        for _ in asked.role
    ]
    params = SearchParams(candidates=50, alignments=3)
    found = propose(asked, neighbours(rows, 400), params)
    assert len(found.numbers) == 50
    assert np.bincount(found.which, minlength=50).max() <= 3
    assert np.bincount(found.which, minlength=50).min() >= 1
