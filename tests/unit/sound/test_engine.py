"""The engine as its users meet it: sounds in, the moments like them out."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from earmark.errors import AudioTooShortError, ModelUnavailableError, UsageError
from earmark.homes import FolderRoom
from earmark.ports import Choosing, Compared, Comparing, Outgrowing
from earmark.sound.analysis import Chosen
from earmark.sound.catalogue import model_plugin
from earmark.sound.engine import MOST_MOMENTS, SHORTEST_S, SoundEngine, plugin
from earmark.types import Clip

RATE_HZ = 8000


def numbers(findings):
    return [finding.number for finding in findings]


def test_it_offers_what_engines_may(engine):
    for port in (Comparing, Outgrowing, Choosing):
        assert isinstance(engine, port)
    assert engine.kind == "sound"
    assert engine.choices == {"model": "ears"}


@pytest.mark.parametrize(("number", "at_s"), [(1, 0.0), (4, 4.0), (12, 7.5)])
@pytest.mark.parametrize("length_s", [1.0, 3.0])
def test_a_stretch_finds_its_track(engine, ask, sound, number, at_s, length_s):
    first = round(at_s * RATE_HZ)
    found = ask(engine, sound(number)[first : first + round(length_s * RATE_HZ)])
    assert found[0].number == number
    assert found[0].score == max(finding.score for finding in found)
    assert len(numbers(found)) == len(set(numbers(found)))
    for finding in found:
        assert finding.kind == "sound"
        for segment in finding.segments:
            assert 0.0 <= segment.query.start_s < segment.query.end_s <= length_s + 0.01
            assert 0.0 <= segment.reference.start_s < segment.reference.end_s <= 12.01


def test_the_moment_of_a_long_track_is_told(new_engine, hear, sound, ask):
    engine = new_engine()
    samples = np.concatenate([sound(1, 30.0), sound(50, 10.0), sound(2, 30.0)])
    engine.add([(1, hear(samples)), (2, hear(sound(3, 60.0)))])
    best = ask(engine, sound(50, 10.0))[0]
    assert best.number == 1
    assert best.segments[0].reference.start_s == pytest.approx(30.0, abs=5.0)
    assert best.confidence > 0.8


def test_a_long_query_tells_where_it_matches(engine, sound, ask):
    samples = np.concatenate([sound(77, 20.0), sound(5)])
    best = ask(engine, samples)[0]
    assert best.number == 5
    assert best.segments[0].query.start_s >= 15.0
    assert best.segments[0].query.end_s <= 32.01


def test_the_whole_clip_is_certain_and_a_stranger_is_not(engine, sound, ask):
    assert ask(engine, sound(7))[0].confidence > 0.8
    assert ask(engine, sound(7))[0].confidence > ask(engine, sound(99))[0].confidence + 0.1


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.9])
def test_a_one_shot_finds_itself(new_engine, hear, sound, ask, seconds):
    engine = new_engine()
    shots = {n: sound(n, 4.0)[: round(seconds * RATE_HZ)] for n in range(1, 9)}
    engine.add((n, hear(shot)) for n, shot in shots.items())
    for number, shot in shots.items():
        assert ask(engine, shot)[0].number == number


@pytest.mark.parametrize("count", [0, 1, round(SHORTEST_S * RATE_HZ) - 1])
def test_too_short_says_what_is_needed(engine, ask, sound, count):
    with pytest.raises(AudioTooShortError, match=r"0\.05 s are needed"):
        ask(engine, sound(1)[:count])


def test_silence_is_like_nothing_and_half_silence_like_its_half(new_engine, ask, hear, sound):
    engine = new_engine()
    engine.add((n, hear(sound(n, 4.0))) for n in range(1, 10))
    still = np.zeros(3 * RATE_HZ, np.float32)
    assert ask(engine, still) == []
    best = ask(engine, np.concatenate([still, sound(9, 4.0)]))[0]
    assert best.number == 9
    assert best.segments[0].query.end_s == pytest.approx(7.0)


def test_an_empty_engine_answers(new_engine, ask, sound):
    assert ask(new_engine(), sound(1)) == []
    assert new_engine().verify() == []
    assert new_engine().stats()["vectors"] == 0
    with pytest.raises(KeyError):
        new_engine().similar(1, None, 5, Compared())


def test_limits(engine, ask, sound):
    few = ask(engine, sound(1), 2)
    assert len(few) == 2
    assert numbers(few) == numbers(ask(engine, sound(1), 5))[:2]


def test_only_tracks_without_a_sound(new_engine, hear, sound, ask):
    engine = new_engine()
    engine.add([(1, hear(np.zeros(0, np.float32)))])
    assert ask(engine, sound(1)) == []
    engine.flush()
    assert engine.known().tolist() == [1]
    with pytest.raises(UsageError, match="nothing sounds"):
        engine.similar(1, None, 5, Compared())
    engine.add([(2, hear(sound(2)))])
    assert numbers(ask(engine, sound(2))) == [2]
    with pytest.raises(UsageError, match="nothing sounds"):
        engine.similar(1, None, 5, Compared())


def test_flushed_and_opened_again_it_answers_the_same(engine, new_engine, sound, ask):
    before = [(f.number, round(f.score, 2)) for f in ask(engine, sound(3))[:1]]
    engine.flush()
    other = new_engine()
    assert other.known().tolist() == list(range(1, 13))
    assert [(f.number, round(f.score, 2)) for f in ask(other, sound(3))[:1]] == before
    assert other.verify() == []
    stats = other.stats()
    assert (stats["vectors"], stats["pending"], stats["segments"]) == (24, 0, 1)
    assert stats["bytes"] > 24 * 32


def test_removed_and_added_again(engine, hear, sound, ask):
    engine.remove([3])
    assert 3 not in numbers(ask(engine, sound(3)))
    engine.flush()
    engine.add([(3, hear(sound(3)))])
    assert ask(engine, sound(3))[0].number == 3


# --- what else sounds like it -------------------------------------------------------------------


def test_similar_leaves_the_track_out(engine, hear, sound):
    engine.add([(20, hear(sound(4) + 0.001))])
    found = engine.similar(4, None, 5, Compared())
    assert found[0].number == 20
    assert 4 not in numbers(found)


def test_similar_at_a_moment(new_engine, hear, sound):
    engine = new_engine()
    still = np.zeros(20 * RATE_HZ, np.float32)
    first, second = sound(1, 8.0), sound(2, 8.0)
    engine.add([(1, hear(np.concatenate([first, still, second])))])
    engine.add([(2, hear(first)), (3, hear(second)), (4, hear(sound(9)))])
    assert engine.similar(1, 2.0, 1, Compared())[0].number == 2
    found = engine.similar(1, 33.0, 1, Compared())[0]
    assert found.number == 3
    query = found.segments[0].query
    assert query.start_s <= 33.0 <= query.end_s
    for at_s in (19.0, 400.0):
        with pytest.raises(UsageError, match=f"at {at_s:g} s"):
            engine.similar(1, at_s, 1, Compared())


def test_similar_of_an_unknown_number(engine):
    with pytest.raises(KeyError):
        engine.similar(99, None, 5, Compared())


def test_whole_files(engine, hear, sound):
    found = engine.similar(4, None, 3, Compared(whole=True))
    assert len(found) <= 3
    for finding in found:
        (segment,) = finding.segments
        assert (segment.query.start_s, segment.query.end_s) == (0.0, pytest.approx(12.0))
    clip = Clip(sound(6), RATE_HZ)
    assert engine.search_among(clip, 1, Compared(whole=True))[0].number == 6


def test_among(engine, sound):
    clip = Clip(sound(6), RATE_HZ)
    assert set(numbers(engine.search_among(clip, 9, Compared(np.array([2, 3]))))) <= {2, 3}
    assert engine.search_among(clip, 9, Compared(np.zeros(0, np.int64))) == []
    assert engine.search_among(clip, 9, Compared(np.array([1234]))) == []


# --- labels -------------------------------------------------------------------------------------


def tone(hz, seconds=3.0):
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


@pytest.fixture
def named(new_engine, hear):
    """Low, high, and both."""
    engine = new_engine()
    engine.add([(1, hear(tone(70))), (2, hear(tone(3000))), (3, hear(tone(70) + tone(3100)))])
    return engine


def test_labels_stand_in_the_evidence(named, ask):
    (best, *_) = ask(named, tone(3000))
    assert best.number == 2
    assert best.evidence.labels["Dog whistle"] > 0.9
    assert best.evidence.as_dict()["labels"] == dict(best.evidence.labels)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("hum", {1, 3}), ("Dog whistle", {2, 3}), ("whist", {2, 3}), ("Tone", set())],
)
@pytest.mark.parametrize("at_once", [2, 4096])
def test_a_label_narrows(named, label, expected, at_once, monkeypatch):
    monkeypatch.setattr("earmark.sound.engine._PAYLOADS_AT_ONCE", at_once)
    found = named.search_among(Clip(tone(70) + tone(3000), RATE_HZ), 9, Compared(label=label))
    assert set(numbers(found)) <= expected
    payload_numbers = named._labelled(named._index.settled(), label, None)
    assert set(payload_numbers.tolist()) == expected


def test_a_label_and_numbers(named):
    clip = Clip(tone(70) + tone(3000), RATE_HZ)
    assert numbers(named.search_among(clip, 9, Compared(np.array([1, 9]), "dog whistle"))) == []
    assert numbers(named.search_among(clip, 9, Compared(np.array([3]), "dog whistle"))) == [3]


def test_no_such_label(named, tmp_path, ears, hear):
    clip = Clip(tone(70), RATE_HZ)
    with pytest.raises(UsageError, match=r"no label 'horse'; it has Hum, Tone, Whistle \.\.\."):
        named.search_among(clip, 9, Compared(label="horse"))
    with pytest.raises(UsageError, match="no label"):
        named.similar(1, None, 9, Compared(label=" "))


def test_a_model_without_labels_says_so(ears, room, sound):
    engine = SoundEngine(room, Chosen(model_plugin("ear-horn").info))
    analyser = engine.analysis.analyser()
    analyser.feed(sound(1))
    engine.add([(1, analyser.finish())])
    (found,) = engine.search(Clip(sound(1), 16000), 5)
    assert found.evidence.labels == {}
    with pytest.raises(UsageError, match=r"'ear-horn' has no label 'Hum' \(none\)"):
        engine.similar(1, None, 5, Compared(label="Hum"))


# --- models -------------------------------------------------------------------------------------


def test_without_its_weights_what_is_there_can_be_compared(ears, room, sound, hear, monkeypatch):
    """Asking with audio needs the network; asking with a track does not."""
    engine = SoundEngine(room, Chosen(model_plugin("far-ears").info))
    engine.add((n, hear(sound(n))) for n in (1, 2, 3))
    with pytest.raises(ModelUnavailableError, match=r"far_ears\.bin"):
        engine.search(Clip(sound(1), RATE_HZ), 5)
    found = engine.similar(1, None, 5, Compared())
    assert 1 not in numbers(found)
    assert all(not finding.evidence.labels for finding in found)
    with pytest.raises(ModelUnavailableError):
        engine.similar(1, None, 5, Compared(label="Hum"))


def test_the_recorded_model_goes_before_the_one_wished_for(ears, tmp_path):
    wishing = {"model": "ear-horn"}
    assert plugin(FolderRoom(tmp_path, {"model": "ears"}, wishing)).choices == {"model": "ears"}
    assert plugin(FolderRoom(tmp_path, {}, wishing)).choices == {"model": "ear-horn"}
    assert plugin(FolderRoom(tmp_path)).choices == {"model": "builtin"}
    with pytest.raises(UsageError, match="no sound model is called 'nonsense'"):
        plugin(FolderRoom(tmp_path, {}, {"model": "nonsense"}))


# --- many at once -------------------------------------------------------------------------------


def test_four_threads_search_while_one_changes(new_engine, hear, sound):
    """Number 1 is found all the time, numbers that come and go never break a search."""
    engine = new_engine()
    features = {n: hear(sound(n, 4.0)) for n in range(1, 25)}
    engine.add([(1, features[1])])
    clip = Clip(sound(1, 4.0), RATE_HZ)
    stop, trouble = threading.Event(), []

    def search(compared):
        try:
            while not stop.is_set():
                found = engine.search_among(clip, 30, compared)
                assert found[0].number == 1
        except BaseException as error:
            trouble.append(error)

    asked = [Compared(), Compared(whole=True), Compared(label="e"), Compared(np.arange(1, 9))]
    threads = [threading.Thread(target=search, args=(compared,)) for compared in asked]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 1.5
    while time.monotonic() < until and not trouble:
        for number in range(2, 25):
            engine.add([(number, features[number])])
        engine.flush()
        engine.remove(list(range(2, 25)))
    stop.set()
    for thread in threads:
        thread.join()
    assert trouble == []


def test_a_long_track_is_compared_by_some_of_its_moments(new_engine, hear, sound, monkeypatch):
    engine = new_engine()
    engine.add([(1, hear(sound(1, 400.0))), (2, hear(sound(2)))])
    moments = engine._index.settled().moments
    assert len(moments.embedded(1).start_s) == 79
    asked, search = [], type(moments).search

    def counted(store, queries, k, among=None):
        asked.append(len(queries))
        return search(store, queries, k, among)

    monkeypatch.setattr(type(moments), "search", counted)
    assert 1 not in numbers(engine.similar(1, None, 3, Compared()))
    assert set(asked) == {MOST_MOMENTS}
