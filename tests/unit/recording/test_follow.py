from __future__ import annotations

import numpy as np
import pytest

from earmark.ports import Follower, Following
from earmark.recording.engine import RecordingEngine
from earmark.recording.follow import KEPT

RATE_HZ = 16_000


@pytest.fixture
def engine(shared):
    return RecordingEngine(shared)


def followed(engine, samples, block_s=1.0):
    """The last that was told of every run, and all that was told."""
    follower = engine.follower()
    told = []
    step = round(block_s * RATE_HZ)
    for at in range(0, len(samples), step):
        told += follower.feed(np.asarray(samples[at : at + step], np.float32))
    told += follower.finish()
    last = {run.key: run for run in told}
    return [run for run in last.values() if run.query.duration_s > 0.0], told


def programme(music, *parts):
    """Parts are (seed, start_s, stop_s), or a number of seconds of quiet noise."""
    rng = np.random.default_rng(0)
    made = []
    for part in parts:
        if isinstance(part, tuple):
            seed, start_s, stop_s = part
            made.append(music(seed, stop_s)[round(start_s * RATE_HZ) :])
        else:
            made.append(rng.normal(0.0, 0.003, round(part * RATE_HZ)))
    return np.concatenate(made).astype(np.float32)


def test_an_engine_can_follow(engine):
    assert isinstance(engine, Following)
    follower: Follower = engine.follower()
    assert follower.feed(np.zeros(100, np.float32)) == []


def test_each_track_from_its_start_to_its_end(engine, music):
    runs, told = followed(engine, programme(music, 7.0, (3, 1.0, 19.0), (8, 2.0, 18.0), 9.0))
    assert [run.number for run in runs] == [3, 8]
    third, eighth = runs
    assert third.query.start_s == pytest.approx(7.0, abs=0.3)
    assert third.query.end_s == pytest.approx(25.0, abs=0.3)
    assert third.reference.start_s == pytest.approx(1.0, abs=0.3)
    assert third.time_ratio == pytest.approx(1.0, abs=0.002)
    assert eighth.query.start_s == pytest.approx(25.0, abs=0.3)
    assert eighth.query.end_s == pytest.approx(41.0, abs=0.3)
    assert all(run.closed for run in runs)
    assert not told[0].closed  # it was told while it played


def test_two_at_once(engine, music):
    both = 0.5 * music(3, 18.0) + 0.5 * music(8, 18.0)
    runs, _ = followed(engine, np.concatenate([both, np.zeros(16_000)]))
    assert {run.number for run in runs} == {3, 8}
    assert all(run.query.duration_s > 15.0 for run in runs)


def test_a_bent_speed_is_found_and_told_from_its_start(engine, music):
    import soxr

    fast = soxr.resample(music(5, 20.0), RATE_HZ * 1.04, RATE_HZ)
    runs, _ = followed(engine, np.concatenate([fast, np.zeros(16_000)]).astype(np.float32))
    (run,) = runs
    assert run.number == 5
    assert run.time_ratio == pytest.approx(1.04, abs=0.004)
    assert run.query.start_s == pytest.approx(0.0, abs=0.5)
    assert run.pitch_shift_semitones == pytest.approx(12 * np.log2(1.04), abs=0.1)


def test_another_speed_is_tried_at_once_where_a_song_ends(engine, music):
    import soxr

    fast = soxr.resample(music(5, 12.0), RATE_HZ * 1.03, RATE_HZ)
    follower = engine.follower()
    opened = {}
    samples = np.concatenate([music(3, 14.0), fast]).astype(np.float32)
    for at in range(0, len(samples), RATE_HZ):
        for run in follower.feed(samples[at : at + RATE_HZ]):
            opened.setdefault(run.number, at / RATE_HZ)
    assert opened[5] <= 14.0 + 10.0
    assert follower.stats["deep"] == 0


def test_a_song_at_another_speed_on_top_of_one_that_goes_on(engine, music):
    import soxr

    samples = music(3, 24.0).copy()
    top = soxr.resample(music(5, 12.0), RATE_HZ * 0.98, RATE_HZ)[: 12 * RATE_HZ]
    samples[8 * RATE_HZ :][: len(top)] += 1.2 * top
    runs, _ = followed(engine, np.concatenate([samples, np.zeros(RATE_HZ)]))
    assert {run.number for run in runs} == {3, 5}
    (over,) = [run for run in runs if run.number == 5]
    assert over.query.start_s == pytest.approx(8.0, abs=0.8)
    assert over.query.end_s == pytest.approx(20.0, abs=0.8)
    assert over.time_ratio == pytest.approx(0.98, abs=0.003)


def test_a_cut_begins_another_run(engine, music):
    runs, _ = followed(engine, programme(music, (4, 0.0, 9.0), (4, 2.0, 14.0), 3.0))
    assert [run.number for run in runs] == [4, 4]
    before, after = runs
    assert before.query.end_s == pytest.approx(9.0, abs=1.0)
    assert after.query.start_s == pytest.approx(9.0, abs=0.5)
    assert before.query.end_s <= after.query.start_s
    assert after.reference.start_s == pytest.approx(2.0, abs=0.5)


def test_what_is_not_held_is_not_told(engine, music):
    unknown = programme(music, *((seed, 0.0, 12.0) for seed in range(200, 206)))
    runs, told = followed(engine, unknown)
    assert runs == told == []


def test_silence_is_never_looked_up(engine):
    follower = engine.follower()
    follower.feed(np.zeros(RATE_HZ * 30, np.float32))
    assert follower.finish() == []
    assert follower.stats == {"quick": 0, "early": 0, "deep": 0}


def test_the_answer_does_not_depend_on_the_blocks(engine, music):
    samples = programme(music, 5.0, (2, 3.0, 17.0), 6.0)
    once, _ = followed(engine, samples, block_s=60.0)
    often, _ = followed(engine, samples, block_s=0.13)
    assert once == often


def test_work_is_by_length_not_by_blocks(engine, music):
    """One look for each chunk, however the source comes; costly ones are rarer and rarer."""
    follower = engine.follower()
    samples = programme(music, *((seed, 0.0, 16.0) for seed in range(210, 215)))
    for at in range(0, len(samples), 1000):
        follower.feed(samples[at : at + 1000])
    chunks = len(samples) / RATE_HZ / 4.096
    assert follower.stats["quick"] <= chunks
    assert 1 <= follower.stats["deep"] <= chunks / 3
    assert 1 <= follower.stats["early"] <= chunks / 3


def test_time_goes_on_after_the_end(engine, music):
    follower = engine.follower()
    follower.feed(music(3, 12.0))
    (first,) = [run for run in follower.finish() if run.closed]
    follower.feed(music(3, 12.0))
    (second,) = [run for run in follower.finish() if run.closed]
    assert second.key != first.key
    assert second.query.start_s == pytest.approx(first.query.start_s + 12.0, abs=0.4)


def test_memory_does_not_grow(engine, music):
    follower = engine.follower()
    samples = programme(music, (3, 0.0, 20.0), (201, 0.0, 6.0))
    for _ in range(5):
        follower.feed(samples)
        follower.sheets()
    assert len(follower._chunks) == KEPT
    assert len(follower._lines) <= 1
    assert follower.settled_s > 5 * 26.0 - KEPT * 4.2 - 6.0


def test_a_track_that_is_removed_meanwhile_ends(new_engine, music):
    engine = new_engine((3,))
    follower = engine.follower()
    opened = follower.feed(music(3, 12.0))
    assert opened
    engine.remove([3])
    told = follower.feed(music(3, 18.0)[12 * RATE_HZ :])
    assert [(run.number, run.closed) for run in told] == [(3, True)]
    assert told[0].query.end_s < 12.5
    assert follower.finish() == []
