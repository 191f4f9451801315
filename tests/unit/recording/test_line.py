from __future__ import annotations

import numpy as np
import pytest

from earmark.recording.edges import end_frame, start_frame
from earmark.recording.line import Block, Line, goes_on

FRAMES = 256


def block(index, share, reference=None, peaks=100, seed=0):
    """A block of one chunk whose peaks coincide with a chance of ``share``."""
    rng = np.random.default_rng(seed + index)
    frames = np.sort(rng.integers(0, FRAMES, peaks)) + index * FRAMES
    hits = (rng.random(peaks) < share).astype(float)
    middle = (index + 0.5) * FRAMES
    return Block(index * FRAMES, frames, hits, middle, middle if reference is None else reference)


def line(*blocks, time=1.0):
    new = Line(1, time, 1.0, blocks[0].middle, blocks[0].reference, 0.9, 20.0)
    new.blocks = list(blocks)
    return new


def test_a_block_with_few_peaks_says_nothing():
    assert goes_on(block(0, 1.0, peaks=5)) is None
    assert goes_on(block(0, 0.9)) is True
    assert goes_on(block(0, 0.1)) is False


def test_the_speed_is_fitted_to_the_blocks():
    blocks = [block(i, 0.9, reference=100.0 + 1.03 * (i + 0.5) * FRAMES) for i in range(5)]
    new = line(blocks[0], time=1.02)
    new.blocks = []
    for one in blocks:
        new.put(one)
    assert new.time == pytest.approx(1.03)
    assert new.at(10 * FRAMES) == pytest.approx(100.0 + 1.03 * 10 * FRAMES)
    x, y, slope = new.straight()
    assert y - slope * x == pytest.approx(100.0)


def test_a_line_that_drifts_is_carried_on():
    bent = [(i + 0.5) * FRAMES * (1.0 if i < 4 else 1.0 + 0.01 * (i - 3)) for i in range(8)]
    new = line(*(block(i, 0.9, reference=bent[i]) for i in range(8)))
    assert new.bends()
    following = new.carried()
    assert [b.first for b in following.blocks] == [6 * FRAMES, 7 * FRAMES]
    assert following.begin == 6 * FRAMES
    assert len(new.blocks) == 6
    straight = line(*(block(i, 0.9) for i in range(8)))
    assert not straight.bends()


def test_edges_lie_where_coincidence_begins_and_ends():
    first, last = block(0, 0.1), block(3, 0.1)
    first.hits[first.frames >= 150] = 1.0
    last.hits[last.frames < 3 * FRAMES + 60] = 1.0
    blocks = [first, block(1, 0.95), block(2, 0.95), last]
    assert start_frame(blocks) == pytest.approx(150, abs=12)
    assert end_frame(blocks) == pytest.approx(3 * FRAMES + 60, abs=12)


def test_an_edge_moves_out_through_a_fade():
    fade = [block(0, 0.05), block(1, 0.28), block(2, 0.9), block(3, 0.95)]
    assert start_frame(fade) == pytest.approx(FRAMES, abs=25)
    out = [block(0, 0.95), block(1, 0.9), block(2, 0.28), block(3, 0.05)]
    assert end_frame(out) == pytest.approx(3 * FRAMES, abs=25)


def test_music_that_coincides_elsewhere_too_is_no_fade():
    """Music in the same key agrees with the track at any place: that is measured beside it."""
    cut = [block(0, 0.95), block(1, 0.95), block(2, 0.28), block(3, 0.05)]
    assert end_frame(cut) == pytest.approx(3 * FRAMES, abs=25)
    cut[2].chance = 0.25
    assert end_frame(cut) == pytest.approx(2 * FRAMES, abs=60)


def test_the_better_line_of_a_track_takes_over_what_it_knows_better():
    old = line(*(block(i, 0.95 if i < 4 else 0.4, seed=50) for i in range(7)))
    new = line(*(block(i, 0.4 if i < 4 else 0.95) for i in range(7)))
    assert new.beats(old)
    assert not old.beats(new)
    assert new.take_over(old)
    assert new.blocks[0].first <= 4 * FRAMES
    assert old.blocks[-1].first in (3 * FRAMES, 4 * FRAMES)


def test_of_two_that_agree_alike_the_one_that_goes_on_has_all():
    old = line(*(block(i, 0.95, seed=9) for i in range(4)))
    new = line(*(block(i, 0.95) for i in range(7)))
    assert new.beats(old)
    assert not new.take_over(old)
    assert len(new.blocks) == 7


def test_only_the_sounding_blocks_are_told():
    new = line(*(block(i, 0.9 if 3 <= i <= 4 else 0.1) for i in range(9)))
    assert [b.first // FRAMES for b in new.sounding()] == [1, 2, 3, 4, 5, 6]
