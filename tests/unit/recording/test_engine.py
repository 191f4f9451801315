"""The engine as its users meet it: made-up music in, findings out."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import AudioTooShortError, DamagedIndexError
from earmark.evaluation.degrade import (
    degrade,
    pitch_shift_semitones,
    source_length_s,
    time_ratio,
)
from earmark.recording.constellation import pack
from earmark.recording.engine import RecordingAnalysis, RecordingEngine, plugin
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.types import Clip

RATE_HZ = 16_000
EXACT_S = 0.02
WARPS = [
    *("speed+2", "speed-2", "speed+5", "speed-5"),
    *("pitch+1", "pitch-1", "tempo+5", "tempo-5"),
]


def reference_s(finding, query_s):
    """Where a second of the query lies in the reference, by the rule of `Finding`."""
    own = finding.segments[0]
    return own.reference.start_s + (query_s - own.query.start_s) * finding.time_ratio


def search(engine, samples, limit=5):
    return engine.search(Clip(np.ascontiguousarray(samples, np.float32), RATE_HZ), limit)


def numbers(findings):
    return [finding.number for finding in findings]


# --- where and how ----------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "at_s"), [(1, 0.0), (2, 3.137), (5, 7.009), (9, 11.9)])
@pytest.mark.parametrize("length_s", [2, 5, 8])
def test_a_clean_clip_is_found_to_the_frame(hear, cut, number, at_s, length_s):
    first = hear(cut(number, at_s, at_s + length_s))[0]
    assert first.number == number
    assert first.kind == "recording"
    assert first.confidence > 0.9
    assert reference_s(first, 0.0) == pytest.approx(at_s, abs=EXACT_S)
    assert reference_s(first, length_s) == pytest.approx(at_s + length_s, abs=EXACT_S)
    own = first.segments[0]
    assert own.query.start_s == pytest.approx(0.0, abs=0.05)
    assert own.query.end_s == pytest.approx(length_s, abs=0.05)
    assert own.reference.duration_s == pytest.approx(own.query.duration_s * first.time_ratio)
    assert first.pitch_shift_semitones == pytest.approx(0.0, abs=0.06)


@pytest.mark.parametrize("condition", WARPS)
@pytest.mark.parametrize("number", [3, 8])
def test_speed_tempo_and_pitch(hear, music, bank, number, condition):
    """Reference time = start + (query time - start) * ratio; pitch is up where it sounds higher."""
    length_s, at_s = 8.0, 5.0
    source = music(number)[int(at_s * RATE_HZ) :][: int((source_length_s(length_s) + 1) * RATE_HZ)]
    clip = degrade(source, condition, length_s, bank, np.random.default_rng(3))
    first = hear(clip)[0]
    assert first.number == number
    assert first.time_ratio == pytest.approx(time_ratio(condition), abs=0.004)
    assert first.pitch_shift_semitones == pytest.approx(pitch_shift_semitones(condition), abs=0.1)
    assert reference_s(first, 0.0) == pytest.approx(at_s, abs=2 * EXACT_S)
    assert reference_s(first, length_s) == pytest.approx(
        at_s + length_s * time_ratio(condition), abs=2 * EXACT_S
    )


@pytest.mark.parametrize(
    "condition", ["pink0", "babble5", "telephone", "mp3_32k", "reverb", "phone"]
)
def test_a_spoiled_clip(hear, music, bank, condition):
    for number in (3, 8):
        clip = degrade(music(number)[5 * RATE_HZ :], condition, 8.0, bank, np.random.default_rng(3))
        first = hear(clip)[0]
        assert first.number == number
        assert reference_s(first, 0.0) == pytest.approx(5.0, abs=2 * EXACT_S)


def test_one_second_is_enough(hear, cut):
    """Of a dozen tracks, two clean seconds each; one may be missed, none may be wrong."""
    clips = [(number, at_s) for number in range(1, 13) for at_s in (6.25, 13.1)]
    right = 0
    for number, at_s in clips:
        found = hear(cut(number, at_s, at_s + 1))
        assert numbers(found) in ([], [number])
        if found:
            assert reference_s(found[0], 0.5) == pytest.approx(at_s + 0.5, abs=2 * EXACT_S)
            right += 1
    assert right >= len(clips) - 1


def test_a_clean_second_is_not_taken_for_a_warped_one(hear, cut):
    ratios = [hear(cut(number, 6.25, 7.25))[0].time_ratio for number in (1, 2, 5, 7)]
    assert ratios == pytest.approx([1.0] * 4, abs=0.01)


def test_too_short_says_what_is_needed(hear, cut, new_engine):
    least_s = RecordingParams().query.least_s
    for length_s in (0.0, 0.05, least_s - 0.01):
        with pytest.raises(AudioTooShortError, match=f"{least_s:g} s are needed"):
            hear(cut(1, 5, 5 + length_s))
        with pytest.raises(AudioTooShortError):
            search(new_engine(()), cut(1, 5, 5 + length_s))
    hear(cut(1, 5, 5 + least_s))


def test_a_query_that_begins_before_and_ends_after_its_track(hear, music):
    quiet = np.random.default_rng(1).normal(0, 1e-4, 3 * RATE_HZ).astype(np.float32)
    (found,) = hear(np.concatenate([quiet, music(4)[: 5 * RATE_HZ]]))
    own = found.segments[0]
    assert own.reference.start_s >= 0
    assert own.query.start_s == pytest.approx(3.0, abs=0.5)
    assert reference_s(found, 3.0) == pytest.approx(0.0, abs=EXACT_S)
    (found,) = hear(np.concatenate([music(4)[-5 * RATE_HZ :], quiet]))
    assert found.segments[0].query.end_s == pytest.approx(5.0, abs=0.6)
    assert reference_s(found, 0.0) == pytest.approx(15.0, abs=EXACT_S)


# --- several at once --------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [(3, 6), (1, 10), (12, 5)])
@pytest.mark.parametrize("length_s", [6, 10])
def test_a_transition_is_both_with_their_ranges(hear, cut, one, other, length_s):
    found = hear(np.concatenate([cut(one, 0, length_s), cut(other, 8, 8 + length_s)]))
    assert sorted(numbers(found)) == sorted((one, other))
    for finding in found:
        (own,) = finding.segments
        begin = 0.0 if finding.number == one else length_s
        assert own.query.start_s == pytest.approx(begin, abs=0.6)
        assert own.query.end_s == pytest.approx(begin + length_s, abs=0.6)
        expected = 0.0 if finding.number == one else 8.0
        middle = begin + length_s / 2
        assert reference_s(finding, middle) == pytest.approx(
            expected + length_s / 2, abs=2 * EXACT_S
        )


@pytest.mark.parametrize(("one", "other"), [(3, 6), (1, 10), (12, 5)])
def test_a_mashup_is_both(hear, cut, one, other):
    found = hear((cut(one, 3, 11) + cut(other, 8, 16)) / 2)
    assert sorted(numbers(found)) == sorted((one, other))
    for finding in found:
        begin = 3.0 if finding.number == one else 8.0
        assert reference_s(finding, 0.0) == pytest.approx(begin, abs=EXACT_S)
    assert found[0].confidence >= found[1].confidence


def test_the_limit(hear, cut):
    both = (cut(3, 3, 11) + cut(6, 8, 16)) / 2
    assert len(hear(both, 1)) == 1
    assert hear(both, 1)[0].number in (3, 6)
    assert len(hear(both, 2)) == 2


def test_the_same_recording_under_two_numbers_is_found_as_both(new_engine, stars, cut):
    engine = new_engine()
    engine.add([(50, stars(4))])
    found = search(engine, cut(4, 5, 10))
    assert sorted(numbers(found)) == [4, 50]
    assert min(finding.confidence for finding in found) > 0.9
    for finding in found:
        assert reference_s(finding, 0.0) == pytest.approx(5.0, abs=EXACT_S)
    engine.remove([4])
    assert numbers(search(engine, cut(4, 5, 10))) == [50]


def test_another_copy_of_a_recording_is_no_rival(new_engine, music, cut):
    """Begun half a frame later quieter and with noise: other peaks, the same music."""
    copy = np.asarray(music(4)[RATE_HZ + 128 :], np.float32) * np.float32(0.3)
    copy += np.random.default_rng(1).normal(0, 0.01, len(copy)).astype(np.float32)
    analyser = RecordingAnalysis().analyser()
    analyser.feed(copy)
    engine = new_engine()
    engine.add([(50, analyser.finish())])
    found = search(engine, cut(4, 5, 10))
    assert sorted(numbers(found)) == [4, 50]
    assert min(finding.confidence for finding in found) > 0.9
    places = {finding.number: reference_s(finding, 0.0) for finding in found}
    assert places[4] == pytest.approx(5.0, abs=EXACT_S)
    assert places[50] == pytest.approx(4.0 - 128 / RATE_HZ, abs=EXACT_S)


def test_a_query_of_several_stretches_is_one_segment(new_engine, music):
    query = RecordingParams().query
    length_s = 2.5 * query.window_s
    whole = music(60, length_s + 5.0)
    analyser = RecordingAnalysis().analyser()
    analyser.feed(whole)
    engine = new_engine((1, 2, 3))
    engine.add([(60, analyser.finish())])
    (found,) = search(engine, whole[3 * RATE_HZ : round((3 + length_s) * RATE_HZ)])
    (own,) = found.segments
    assert found.number == 60
    assert (own.query.start_s, own.query.end_s) == pytest.approx((0.0, length_s), abs=0.1)
    assert (own.reference.start_s, own.reference.end_s) == pytest.approx(
        (3.0, 3.0 + length_s), abs=0.1
    )


def test_the_middle_of_a_long_query(hear, cut, music):
    long = np.concatenate([music(300, 20.0), cut(7, 2, 14), music(301, 20.0)])
    (found,) = hear(long)
    own = found.segments[0]
    assert found.number == 7
    assert own.query.start_s == pytest.approx(20.0, abs=1.0)
    assert own.query.end_s == pytest.approx(32.0, abs=1.0)
    assert reference_s(found, 20.0) == pytest.approx(2.0, abs=EXACT_S)
    marks = [mark.query_s for mark in found.evidence.landmarks]
    assert marks
    assert own.query.start_s <= min(marks)
    assert max(marks) <= own.query.end_s


# --- nothing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(400, 412))
def test_music_that_is_not_held_is_not_found(hear, music, seed):
    assert hear(music(seed, 6.0)) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_nor_in_a_library_of_very_few(new_engine, music, cut, count):
    """Without rivals to compare with, chance must be known otherwise."""
    engine = new_engine(range(1, count + 1))
    clips = [music(seed, 6.0) for seed in range(400, 405)] + [cut(n, 5, 10) for n in (4, 5, 6)]
    assert [numbers(search(engine, clip)) for clip in clips] == [[]] * len(clips)
    assert numbers(search(engine, cut(1, 5, 10))) == [1]


def noise(level=0.1, seconds=6.0):
    return level * np.random.default_rng(7).standard_normal(int(seconds * RATE_HZ))


def sine(hz, seconds=5.0):
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


NOTHINGS = {
    "zeros": lambda: np.zeros(3 * RATE_HZ),
    "steady": lambda: np.ones(3 * RATE_HZ),
    "hardly anything": lambda: np.full(3 * RATE_HZ, 1e-38),
    "denormal": lambda: np.full(3 * RATE_HZ, 1e-44),
    "noise": noise,
    "loudest noise": lambda: noise(1e15),
    "clicks": lambda: (np.arange(5 * RATE_HZ) % 8000 == 0) * 1.0,
    "one click": lambda: (np.arange(5 * RATE_HZ) == 30_000) * 1.0,
    "square": lambda: np.sign(sine(440.0)),
    "sine": lambda: sine(1000.0),
    "beyond hearing": lambda: sine(7990.0),
    "sweep": lambda: np.sin(np.cumsum(np.linspace(0.05, 2.0, 6 * RATE_HZ))),
    "steps": lambda: np.repeat(noise(1.0, 0.01), 600),
}


@pytest.mark.parametrize("what", NOTHINGS)
def test_what_is_no_music_is_not_found(hear, what):
    samples = NOTHINGS[what]().astype(np.float32)
    assert np.isfinite(samples).all()
    assert hear(samples) == []


def test_an_empty_index_answers(new_engine, cut):
    assert search(new_engine(()), cut(1, 0, 5)) == []
    engine = new_engine()
    engine.remove(engine.known().tolist())
    assert search(engine, cut(1, 0, 5)) == []


def test_tracks_of_nothing_can_be_held(new_engine, cut):
    engine = new_engine((1, 2))
    analyser = RecordingAnalysis().analyser()
    analyser.feed(np.zeros(RATE_HZ, np.float32))
    engine.add([(70, analyser.finish()), (71, RecordingAnalysis().analyser().finish())])
    assert engine.known().tolist() == [1, 2, 70, 71]
    assert numbers(search(engine, cut(2, 5, 10))) == [2]
    engine.flush()
    assert numbers(search(engine, cut(2, 5, 10))) == [2]


# --- changes ----------------------------------------------------------------------------------


def test_removed_is_hidden_at_once(new_engine, cut):
    engine = new_engine()
    clip = cut(4, 5, 10)
    assert numbers(search(engine, clip)) == [4]
    engine.remove([4])
    assert search(engine, clip) == []
    engine.flush()
    engine.reload()
    assert search(engine, clip) == []
    assert 4 not in engine.known()


def test_added_is_found_at_once_and_after_a_flush(new_engine, stars, cut):
    engine = new_engine((1, 2))
    assert search(engine, cut(4, 5, 10)) == []
    engine.add([(4, stars(4))])
    before = search(engine, cut(4, 5, 10))
    assert numbers(before) == [4]
    engine.flush()
    after = search(engine, cut(4, 5, 10))
    assert [f.segments for f in after] == [f.segments for f in before]
    assert engine.stats()["pending"] == 0
    assert engine.verify() == []
    engine.drop()
    assert search(engine, cut(4, 5, 10)) == []


def test_the_same_answer_twice(hear, cut, music):
    for clip in (cut(4, 5, 10), music(400, 6.0), (cut(3, 3, 11) + cut(6, 8, 16)) / 2):
        assert hear(clip) == hear(clip)


# --- the pure half ----------------------------------------------------------------------------


def test_features_are_the_same_bytes_in_every_process(music, tmp_path):
    samples = music(1)
    np.save(tmp_path / "music.npy", samples)
    code = (
        "import sys, hashlib, numpy\n"
        "from earmark.recording.engine import RecordingAnalysis as A\n"
        "a = A(); one = a.analyser(); one.feed(numpy.load(sys.argv[1]))\n"
        "print(hashlib.sha256(a.pack(one.finish())).hexdigest())"
    )
    source = str(Path(__file__).parents[3] / "src")
    seen = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "music.npy")],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": source, "PYTHONHASHSEED": hashseed},
        ).stdout
        for hashseed in ("1", "2")
    }
    assert len(seen) == 1
    import hashlib

    analysis = pickle.loads(pickle.dumps(RecordingAnalysis()))
    analyser = analysis.analyser()
    analyser.feed(samples)
    assert seen == {hashlib.sha256(analysis.pack(analyser.finish())).hexdigest() + "\n"}


def test_the_analysis_is_what_a_library_asks_for(stars):
    analysis = RecordingAnalysis()
    assert (analysis.name, analysis.rate_hz) == ("recording", 16_000)
    assert analysis.digest == RecordingParams().digest
    data = analysis.pack(stars(1))
    assert pack(analysis.unpack(data)) == data
    with pytest.raises(DamagedIndexError):
        analysis.unpack(data[:-1])


def test_two_bytes_a_peak_and_little_else(stars):
    own = stars(1)
    assert len(pack(own)) <= 2 * len(own.frames) + own.pages + 4
    hour = len(pack(own)) * 180
    assert hour < 250_000


def test_the_plug_in_opens_its_index_under_its_digest(tmp_path):
    asked = []

    class Room:
        def postings(self, hash_bits, digest):
            from earmark.stores.segments import SegmentPostingStore

            asked.append((hash_bits, digest))
            return SegmentPostingStore(tmp_path, hash_bits, digest)

    engine = plugin(Room())
    assert isinstance(engine, RecordingEngine)
    assert (engine.kind, asked) == ("recording", [(HASH_BITS, RecordingParams().digest)])
    assert json.dumps(dict(engine.stats()))
