from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from earmark.recording.line import Block, Line
from earmark.recording.turns import Turns, fading, likely

FRAMES = 256


def line(*shares, misses=0):
    """A line of one block a chunk, the last share in the newest."""
    blocks = []
    for index, share in enumerate(shares):
        hits = (np.arange(100) < 100 * share).astype(float)
        blocks.append(Block(index * FRAMES, np.arange(100) + index * FRAMES, hits, 0.0, 0.0))
    new = Line(1, 1.0, 1.0, 0.0, 0.0, 0.9, 20.0)
    new.blocks, new.misses = blocks, misses
    return new


def chunks(newest):
    return [SimpleNamespace(first=at * FRAMES) for at in (newest - 1, newest)]


def dark(turns, count):
    """What is tried in so many chunks that nothing explains."""
    tried = []
    for index in range(count):
        assert turns.heard([], chunks(index + 1))
        turns.looked(told=False)
        kind = "deep" if turns.deep else "early" if turns.early else "-"
        if kind == "deep":
            turns.next_deep()
        tried.append(kind)
    return tried


def test_a_line_fades_where_it_is_heard_worse_than_before():
    assert fading([line(0.9, 0.95, 0.6)])
    assert not fading([line(0.6, 0.65, 0.6)])  # a voice over all of it
    assert not fading([line(0.9)])  # nothing is usual yet
    assert not fading([])
    assert not fading([line(0.9, 0.9, 0.5), line(0.9, 0.9, 0.9)])


def test_likely_speeds_come_first_and_everything_in_turn():
    tried = dark(Turns(1.0), 40)
    assert tried[:2] == ["early", "deep"]
    deep = [index for index, kind in enumerate(tried) if kind == "deep"]
    gaps = np.diff(deep)
    assert (np.diff(gaps) >= 0).all()
    assert gaps.max() <= 10
    assert tried.count("early") <= 40 / 3 + 1


def test_the_hypotheses_of_turns_differ():
    turns = Turns(1.0)
    first, second = turns.next_deep(), turns.next_deep()
    assert not set(first) & set(second)
    assert all(warp.time == warp.pitch for warp in likely())
    assert set(likely()) < set(first)


@pytest.mark.parametrize("effort", [0.1, 0.5])
def test_less_effort_tries_less(effort):
    less, full = dark(Turns(effort), 60), dark(Turns(1.0), 60)
    assert less.count("deep") < full.count("deep")
    assert less.count("early") < full.count("early")


def test_silence_starts_anew():
    turns = Turns(1.0)
    dark(turns, 30)
    turns.silence()
    assert dark(turns, 2) == ["early", "deep"]


def test_a_fade_is_tried_at_growing_intervals():
    turns = Turns(1.0)
    tried = []
    for _ in range(9):
        assert turns.heard([line(0.95, 0.95, 0.95, 0.6)], chunks(3))
        turns.looked(told=False)
        assert not turns.deep
        tried.append(turns.early)
    assert [index + 1 for index, early in enumerate(tried) if early] == [1, 2, 4, 8]


def test_a_clear_line_rests_two_chunks_of_three():
    turns = Turns(1.0)
    clear = line(0.95, 0.95, 0.95)
    assert [turns.heard([clear], chunks(2)) for _ in range(6)] == [False, False, True] * 2
    assert turns.covered
    assert turns.heard([line(0.95, 0.95, 0.8)], chunks(2))
    assert not turns.early
