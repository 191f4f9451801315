from __future__ import annotations

import threading

import numpy as np
import pytest

from earmark.recording.confidence import ACCEPT, Calibration
from earmark.recording.params import RecordingParams
from earmark.recording.search import StretchSearch
from earmark.timing import collecting

PARAMS = RecordingParams()


@pytest.fixture
def run(shared):
    def ran(samples, limit=5, accept=ACCEPT):
        total = int(shared.stats()["postings"])
        samples = np.ascontiguousarray(samples, np.float32)
        return StretchSearch(samples, shared, total, PARAMS, Calibration(), accept).run(limit)

    return ran


def test_a_clean_clip_takes_the_quick_way(run, cut):
    (one,) = run(cut(6, 7.5, 15.5))
    assert (one.number, one.tried) == (6, "quick")
    assert one.offset_frames == pytest.approx(7.5 * 62.5, abs=1.0)
    assert (one.time_ratio, one.pitch_ratio) == pytest.approx((1.0, 1.0), abs=0.003)
    assert one.confidence > 0.95
    assert one.score > 2 * one.rival
    assert one.votes > 0
    assert len(one.trace.evidence) > 100


def test_what_is_not_held_is_asked_for_in_every_way_and_not_found(run, music):
    with collecting() as laps:
        assert run(music(200, 6.0)) == []
    assert set(laps) == {"analyse", "search", "verify"}


def test_nearly_an_answer_can_be_studied(run, music):
    found = run(music(200, 6.0), accept=0.0, limit=3)
    assert 1 <= len(found) <= 3
    assert all(0.0 <= one.confidence < ACCEPT for one in found)
    assert {one.tried for one in found} == {"warps"}


@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_than_asked_for(run, cut, limit):
    both = (cut(3, 2, 12) + cut(8, 5, 15)) / 2
    assert len(run(both, limit=limit, accept=0.0)) == limit


def test_no_track_twice(run, cut):
    both = (cut(3, 2, 12) + cut(8, 5, 15)) / 2
    numbers = [one.number for one in run(both, limit=12, accept=0.0)]
    assert len(set(numbers)) == len(numbers) > 1
    assert set(numbers[:2]) == {3, 8}


def test_no_peaks_no_answer(run):
    assert run(np.zeros(32_000)) == []


def test_tracks_that_others_remove_meanwhile_are_nobodys_decoys(new_engine, music, monkeypatch):
    """A library that was emptied between two looks, and tracks that came and went meanwhile."""
    samples = np.ascontiguousarray(music(200, 6.0), np.float32)
    for meanwhile in (None, [1, 98, 99], [98, 99]):
        postings = new_engine((1, 2))._postings
        total, closer = postings.stats()["postings"], []

        def emptied(search, closer=closer, postings=postings, look=StretchSearch._look_closer):
            look(search)
            other = threading.Thread(target=postings.remove, args=([1, 2],))
            other.start()
            other.join()
            closer.append(search)

        monkeypatch.setattr(StretchSearch, "_look_closer", emptied)
        if meanwhile:
            known = np.array(meanwhile)
            monkeypatch.setattr(type(postings), "known", lambda _, known=known: known)
        search = StretchSearch(samples, postings, total, PARAMS, Calibration())
        assert {one.number for one in search.run(5)} <= {1, 2}
        assert closer == [search]
        monkeypatch.undo()
