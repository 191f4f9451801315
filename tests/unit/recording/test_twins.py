"""Who shares sound with a recording of the index, asked by its own landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from earmark.ports import NO_NUMBER, Twinned
from earmark.recording import twins
from earmark.recording.engine import RecordingAnalysis, RecordingEngine
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.stores.segments import SegmentPostingStore

RATE_HZ = 16_000
COPY, FAST, PART = 101, 102, 103


def analysed(samples):
    analyser = RecordingAnalysis().analyser()
    analyser.feed(np.ascontiguousarray(samples, np.float32))
    return analyser.finish()


class Counting(SegmentPostingStore):
    """A posting store that counts what it is asked."""

    def __init__(self, folder) -> None:
        super().__init__(folder, HASH_BITS, RecordingParams().digest)
        self.lookups, self.read, self.fetched = 0, 0, 0

    def lookup(self, hashes):
        hits = super().lookup(hashes)
        self.lookups += 1
        self.read += len(hits.position)
        return hits

    def payload(self, number):
        self.fetched += 1
        return super().payload(number)


@pytest.fixture
def counted(tmp_path, stars, music):
    """Twelve pieces, and three that are one of them: copied, faster, a part."""
    engine = RecordingEngine(store := Counting(tmp_path / "counted"))
    engine.add((number, stars(number)) for number in range(1, 13))
    one = music(1)
    own = {
        COPY: analysed(0.4 * one[int(0.5 * RATE_HZ) :]),
        FAST: analysed(soxr.resample(one, RATE_HZ * 1.03, RATE_HZ)),
        PART: analysed(one[6 * RATE_HZ : 17 * RATE_HZ]),
    }
    engine.add(own.items())
    return engine, store, own


def test_copies_speeds_and_parts_are_found_and_nothing_else(counted, stars):
    engine, _, _ = counted
    assert isinstance(engine, Twinned)
    found = {finding.number: finding for finding in engine.twins(1, stars(1), 10)}
    assert set(found) >= {COPY, PART}
    assert all(finding.confidence > 0.9 for finding in found.values())
    copy = found[COPY].segments[0]
    assert copy.query.start_s - copy.reference.start_s == pytest.approx(0.5, abs=0.02)
    part = found[PART].segments[0]
    assert part.query.start_s == pytest.approx(6.0, abs=0.3)
    assert part.reference.start_s == pytest.approx(0.0, abs=0.3)
    assert part.reference.end_s == pytest.approx(11.0, abs=0.6)
    assert engine.twins(2, stars(2), 10) == []


def test_a_faster_copy_finds_its_original(counted):
    engine, _, own = counted
    found = {finding.number: finding for finding in engine.twins(FAST, own[FAST], 10)}
    assert found[1].time_ratio == pytest.approx(1.03, abs=1e-3)
    assert found[1].pitch_shift_semitones == pytest.approx(0.51, abs=0.05)


def test_numbers_that_are_left_out_and_the_limit(counted, stars):
    engine, _, _ = counted
    assert COPY not in {one.number for one in engine.twins(1, stars(1), 10, {COPY})}
    assert len(engine.twins(1, stars(1), 1)) == 1


def test_the_work_for_a_track_does_not_grow_with_the_library(counted, stars, monkeypatch):
    """Two look-ups, a bounded number of postings, and constellations of candidates only."""
    engine, store, _ = counted
    store.lookups = store.read = store.fetched = 0
    engine.twins(2, stars(2), 10)
    assert store.lookups == 2
    assert store.fetched <= 2
    store.read = 0
    engine.twins(1, stars(1), 10)
    all_read, store.read = store.read, 0
    monkeypatch.setattr(twins, "READS", 900)
    found = engine.twins(1, stars(1), 10)
    assert 0 < store.read <= 2 * 900 < all_read
    assert {COPY, PART} <= {one.number for one in found}


def test_two_that_no_index_knows(counted, music):
    engine, _, _ = counted
    laid = engine.laid(analysed(music(21, 15.0)), analysed(music(21, 20.0)))
    assert laid is not None
    assert (laid.number, laid.kind) == (NO_NUMBER, "recording")
    assert len(laid.evidence.landmarks) == laid.evidence.figures["aligned_count"] > 100
    assert engine.laid(analysed(music(21)), analysed(music(22))) is None
