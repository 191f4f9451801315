"""Unknown music that repeats is grouped; what a song repeats of itself is not."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sheets import RATE_HZ, sheet

from earmark.monitor.repeats import Repeats
from earmark.types import Span

JINGLE_S = 8.0


@pytest.fixture(scope="module")
def jingle(music):
    return music(100, JINGLE_S)[: int(JINGLE_S * RATE_HZ)]


def programme(music, first: int, play: np.ndarray) -> np.ndarray:
    """Eight seconds of one song, the jingle, eight seconds of another."""
    return np.concatenate([music(first, 8.0), play, music(first + 1, 8.0)])


def spans(repeat):
    return [(play.source, play.span.start_s, play.span.end_s) for play in repeat.plays]


def test_a_jingle_is_found_in_two_sources(music, jingle):
    repeats = Repeats()
    repeats.take("a", sheet(programme(music, 1, jingle)))
    repeats.take("b", sheet(programme(music, 3, jingle[RATE_HZ // 2 :] * 0.2)))
    (found,) = repeats.find()
    assert [play.source for play in found.plays] == ["a", "b"]
    begins = len(music(1, 8.0)) / RATE_HZ
    # Half a second is cut off the second play: what both hold is told.
    assert found.plays[0].span.start_s == pytest.approx(begins + 0.5, abs=0.5)
    assert found.plays[0].span.end_s == pytest.approx(begins + JINGLE_S, abs=0.7)
    assert found.plays[1].span.duration_s == pytest.approx(JINGLE_S - 0.5, abs=1.0)


def test_it_is_found_under_talk(music, jingle):
    talk = music(40, JINGLE_S)[: len(jingle)]
    talk = talk * np.sqrt(np.mean(jingle**2) / np.mean(talk**2))
    repeats = Repeats()
    repeats.take("a", sheet(programme(music, 1, jingle)))
    repeats.take("b", sheet(programme(music, 3, 0.5 * (jingle + talk))))
    (found,) = repeats.find()
    assert len(found.plays) == 2
    assert found.duration_s > 0.6 * JINGLE_S


def test_three_plays_are_one_group(music, jingle):
    repeats = Repeats()
    for number in range(3):
        repeats.take(f"s{number}", sheet(programme(music, 2 * number, jingle)))
    (found,) = repeats.find()
    assert [play.source for play in found.plays] == ["s0", "s1", "s2"]
    assert found.id == repeats.find()[0].id


@pytest.mark.parametrize(("later_s", "told"), [(60.0, 0), (900.0, 1)])
def test_near_plays_of_one_source_may_be_one_song(music, jingle, later_s, told):
    repeats = Repeats()
    repeats.take("a", sheet(programme(music, 1, jingle)))
    repeats.take("a", sheet(programme(music, 3, jingle), later_s))
    assert len(repeats.find()) == told


@pytest.mark.parametrize("later_s", [50.0, 120.0])
def test_a_known_recording_between_parts_near_plays(music, jingle, later_s):
    repeats = Repeats()
    repeats.take("a", sheet(programme(music, 1, jingle)))
    repeats.take("a", sheet(programme(music, 3, jingle), later_s))
    repeats.explained("a", Span(26.0, later_s - 2.0))
    (found,) = repeats.find()
    assert len(found.plays) == 2


def test_what_a_known_recording_explains_is_not_told(music, jingle):
    repeats = Repeats()
    repeats.take("a", sheet(programme(music, 1, jingle)))
    repeats.take("b", sheet(programme(music, 3, jingle)))
    begins = len(music(3, 8.0)) / RATE_HZ
    repeats.explained("b", Span(begins - 0.5, begins + JINGLE_S + 0.5))
    assert repeats.find() == ()


def test_a_song_played_twice_is_told_once_and_whole(music):
    song = music(7, 24.0)
    repeats = Repeats()
    for source, first in (("a", 1), ("b", 3)):
        repeats.take(source, sheet(programme(music, first, song)))
    (found,) = repeats.find()
    assert len(found.plays) == 2
    assert found.duration_s == pytest.approx(len(song) / RATE_HZ, abs=2.0)


def test_songs_played_once_give_nothing(music):
    repeats = Repeats()
    for number in range(8):
        repeats.take(f"s{number}", sheet(music(number, 8.0)))
    assert repeats.find() == ()


def test_what_other_processes_heard_is_as_good(music, jingle):
    alone, parts = Repeats(), []
    for source, first in (("a", 1), ("b", 3)):
        told = sheet(programme(music, first, jingle))
        worker = Repeats()
        for each in (alone, worker):
            each.take(source, told)
            each.explained(source, Span(0.0, 1.0))
        parts.append(pickle.dumps(worker.extract()))
    together = Repeats()
    for part in parts:
        together.absorb(pickle.loads(part))
    assert together.find() == alone.find() != ()


def test_absorbing_the_same_twice_changes_nothing(music, jingle):
    worker = Repeats()
    worker.take("a", sheet(programme(music, 1, jingle)))
    together = Repeats()
    together.absorb(worker.extract())
    once = together.extract()
    together.absorb(worker.extract())
    assert pickle.dumps(together.extract()) == pickle.dumps(once)


def test_the_oldest_is_forgotten(music, jingle):
    repeats = Repeats(hours=60.0 / 3600.0)
    for number in range(4):
        play = jingle if number in (0, 3) else music(60 + number, JINGLE_S)
        repeats.take(f"s{number}", sheet(programme(music, 2 * number, play)))
    kept = repeats.extract().sources
    assert [source.source for source in kept][-1] == "s3"
    assert "s0" not in [source.source for source in kept]
    assert repeats.find() == ()


def test_silence_and_nothing_give_nothing():
    assert Repeats().find() == ()
    repeats = Repeats()
    for source in "ab":
        repeats.take(source, sheet(np.zeros(20 * RATE_HZ, np.float32)))
    assert repeats.find() == ()


def test_of_streams_side_by_side_the_oldest_is_forgotten_not_the_first(music):
    repeats = Repeats(hours=100.0 / 3600.0)
    piece = sheet(music(5, 30.0))
    heard_s = len(piece.salience) * piece.frame_s
    for turn in range(4):
        for source in "ab":
            repeats.take(source, replace(piece, start_s=turn * heard_s))
    kept = repeats.extract().sources
    assert [source.source for source in kept] == ["a", "b"]
    firsts_s = [source.stretches[0].first * source.frame_s for source in kept]
    assert min(firsts_s) >= heard_s - 10.0
    assert abs(firsts_s[0] - firsts_s[1]) <= heard_s + 1.0
