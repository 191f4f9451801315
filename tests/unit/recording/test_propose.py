from __future__ import annotations

import numpy as np
import pytest

from earmark.ports import Posted
from earmark.recording.landmarks import Peaks, QueryLandmarks, Warp, query_landmarks
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.recording.peaks import query_peaks
from earmark.recording.propose import Alignments, propose
from earmark.recording.spectrum import salience
from earmark.stores.memory_postings import MemoryPostingStore

PARAMS = RecordingParams()
PLENTY = 1_000_000


def landmarks_of(samples, warp=None):
    cells = salience(samples, PARAMS.spectrum)
    peaks = Peaks.of(*query_peaks(cells, PARAMS), len(cells))
    return query_landmarks(peaks, 12_000, warp or Warp(), PARAMS.spectrum, PARAMS.query)


def index(**tracks):
    """A store of tracks ``_1=[(hash, frame), ...]``."""
    store = MemoryPostingStore(HASH_BITS)
    for name, rows in tracks.items():
        hashes, frames = np.array(rows, np.uint32).reshape(-1, 2).T
        store.add(
            [Posted(int(name[1:]), hashes.copy(), frames.copy(), 1000, np.zeros(4, np.uint8))]
        )
    return store


def ask(*rows):
    hashes, frames = np.array([row[:2] for row in rows], np.uint32).reshape(-1, 2).T
    weights = np.array([row[2] for row in rows], np.float32)
    return QueryLandmarks(hashes.copy(), frames.copy(), weights)


@pytest.mark.parametrize(("number", "at_s"), [(3, 0.0), (7, 9.37), (12, 14.0)])
def test_a_clip_proposes_its_track_and_place_first(shared, cut, number, at_s):
    at = propose(shared, landmarks_of(cut(number, at_s, at_s + 5)), Warp(), 50, 10_000, PLENTY)
    assert at.numbers[0] == number
    assert at.offsets[0] == pytest.approx(at_s * 62.5, abs=1.1)
    assert (np.diff(at.votes) <= 0).all()
    assert len(at) <= 50
    assert set(at.time) == set(at.pitch) == {1.0}
    assert at.votes[0] > 3 * at.votes[at.numbers != number].max()


def test_votes_weigh_salience_times_rarity():
    store = index(_1=[(5, 100), (6, 110)], _2=[(5, 40), (7, 50)])
    total = 140_000
    at = propose(
        store, ask((5, 10, 2.0), (6, 20, 3.0), (7, 20, 1.0)), Warp(1.02, 0.9), 10, total, PLENTY
    )
    rare, common = np.log(total / 14), np.log(total / 28)
    found = {(int(n), o): v for n, o, v in zip(at.numbers, at.offsets, at.votes, strict=True)}
    assert found == {
        (1, 90.0): pytest.approx(2 * common + 3 * rare, rel=1e-5),
        (2, 30.0): pytest.approx(2 * common + 1 * rare, rel=1e-5),
    }
    assert set(at.time) == {1.02}
    assert set(at.pitch) == {0.9}


def test_a_large_library_is_read_where_a_posting_weighs_most():
    store = index(_1=[(5, 100)] * 20 + [(6, 300)], _2=[(7, 50), (7, 60)])
    asked = ask((5, 0, 9.0), (6, 0, 1.0), (7, 0, 1.5))
    total = 1_000_000  # two hundred look-ups of so common hashes would cost that many reads

    def found(reads):
        at = propose(store, asked, Warp(), 10, total, reads)
        return sorted(zip(at.numbers.tolist(), at.offsets.tolist(), strict=True))

    everything = [(1, 100.0), (1, 300.0), (2, 50.0), (2, 60.0)]
    assert found(PLENTY) == everything
    assert found(3) == everything[1:]
    assert found(1) == everything[1:2]


def test_what_every_track_has_never_weighs_less_than_one():
    at = propose(index(_1=[(5, 100)] * 20), ask((5, 0, 1.0)), Warp(), 10, 20, PLENTY)
    assert at.votes.tolist() == [20.0]


def test_a_query_may_begin_before_its_track():
    at = propose(index(_1=[(5, 3)]), ask((5, 200, 1.0)), Warp(), 10, 1000, PLENTY)
    assert (at.numbers.tolist(), at.offsets.tolist()) == ([1], [-197.0])


def test_nothing_known_nothing_proposed(shared, cut):
    assert len(propose(index(), landmarks_of(cut(1, 0, 3)), Warp(), 10, 0, PLENTY)) == 0
    assert len(propose(shared, ask(), Warp(), 10, 10_000, PLENTY)) == 0


def test_rows_of_alignments():
    at = Alignments(np.arange(4), *(np.arange(4) * 1.0 + k for k in (10, 20, 30, 40)))
    assert len(at) == 4
    picked = at.rows(np.array([2, 0]))
    columns = (picked.numbers, picked.offsets, picked.time, picked.pitch, picked.votes)
    assert [column.tolist() for column in columns] == [
        [2, 0],
        [12, 10],
        [22, 20],
        [32, 30],
        [42, 40],
    ]
    assert Alignments.joined([picked, at]).numbers.tolist() == [2, 0, 0, 1, 2, 3]
    assert at.rows(at.numbers > 1).votes.tolist() == [42, 43]
