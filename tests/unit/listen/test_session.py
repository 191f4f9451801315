from __future__ import annotations

import threading

import numpy as np
import pytest

from earmark import StoppedError, UsageError
from earmark.listen import Listening

RATE_HZ = 16000


def kinds(events):
    return [event.kind for event in events if event.kind != "level"]


def test_clean_music_is_named_within_two_seconds(shop, play, music):
    events = play(Listening(shop, rate_hz=RATE_HZ), music(1)[5 * RATE_HZ :])
    assert kinds(events)[-2:] == ["match", "end"]
    match, end = events[-2:]
    assert match.at_s <= 2.25
    assert end.reason == "certain"
    best = match.answer.best
    assert (best.kind, best.track.source[-11:]) == ("recording", "music 1.wav")
    assert best.segments[0].reference.start_s == pytest.approx(5.0, abs=0.05)


def test_unknown_music_is_listened_to_up_to_the_limit(shop, play, music):
    session = Listening(shop, rate_hz=RATE_HZ, limit_s=5.0)
    events = play(session, music(99))
    assert kinds(events) == ["partial"] * 4 + ["no_match", "end"]
    assert [event.at_s for event in events if event.kind == "partial"] == [1.5, 2.0, 3.0, 4.0]
    assert (events[-1].reason, events[-1].at_s) == ("limit", 5.0)
    assert {c.mode for c in events[-2].answer.considered} >= {"recording", "melody"}
    assert session.hear(music(0)[:RATE_HZ, np.newaxis]) == []
    assert session.look() == session.finish() == []


def test_what_it_is_told_at_the_end_counts_all_that_was_heard(shop, play, music):
    noise = np.random.default_rng(1).standard_normal(3 * RATE_HZ).astype(np.float32) * 0.1
    events = play(
        Listening(shop, rate_hz=RATE_HZ), np.concatenate((noise, music(2)))[: 9 * RATE_HZ]
    )
    best = events[-2].answer.best
    assert best.track.source.endswith("music 2.wav")
    assert events[-2].answer.query.duration_s == pytest.approx(events[-2].at_s, abs=0.01)


def test_nobody_is_asked_while_all_is_silent(shop, play, music):
    silence = np.zeros(10 * RATE_HZ, np.float32)
    events = play(Listening(shop, rate_hz=RATE_HZ, limit_s=10.0), silence)
    assert kinds(events) == ["no_match", "end"]
    assert {event.verdict for event in events if event.kind == "level"} == {"silent"}
    assert "silent" in events[-2].answer.reason
    # Looks are counted from the first sound, not from the first silence.
    late = play(Listening(shop, rate_hz=RATE_HZ), np.concatenate((silence, music(0))))
    assert kinds(late)[-2:] == ["match", "end"]
    assert 11.5 <= late[-1].at_s <= 14.0


def test_too_quiet_is_said_with_what_to_do(shop, play, music):
    events = play(Listening(shop, rate_hz=RATE_HZ, limit_s=3.0), music(99) * np.float32(0.006))
    assert {event.verdict for event in events if event.kind == "level"} == {"quiet"}
    assert "bring the microphone nearer" in events[-2].answer.reason


@pytest.mark.parametrize(("heard_s", "code"), [(0.0, "empty"), (0.3, "too_short")])
def test_stopped_too_early_is_no_match_that_says_why(shop, play, music, heard_s, code):
    session = Listening(shop, rate_hz=RATE_HZ)
    events = play(session, music(0)[: int(heard_s * RATE_HZ)])
    assert kinds(events) == ["no_match", "end"]
    assert (events[0].answer.code, events[-1].reason) == (code, "stopped")


def test_levels_come_each_half_second_however_the_sound_is_cut(shop, music):
    sound = music(0)[: 2 * RATE_HZ, np.newaxis]
    whole = Listening(shop, rate_hz=RATE_HZ).hear(sound)
    pieces = Listening(shop, rate_hz=RATE_HZ)
    cut = [event for at in range(0, len(sound), 777) for event in pieces.hear(sound[at : at + 777])]
    assert whole == cut
    assert [event.at_s for event in whole] == [0.5, 1.0, 1.5, 2.0]
    assert set(whole[0].as_dict()) == {"type", "at_s", "level_dbfs", "peak_dbfs", "verdict"}


def test_sound_cut_off_is_told(shop, music):
    loud = np.clip(20 * music(0)[:RATE_HZ, np.newaxis], -1, 1)
    assert [event.verdict for event in Listening(shop, rate_hz=RATE_HZ).hear(loud)] == [
        "clipped"
    ] * 2


def test_channels_and_rates_and_broken_samples_make_no_difference(shop, play, music):
    sound = np.repeat(music(1)[3 * RATE_HZ : 9 * RATE_HZ], 6)  # 96 kHz by repetition: same tune
    stereo = np.stack((sound, 0.5 * sound), 1)
    stereo[100] = np.nan
    session = Listening(shop, rate_hz=96_000, channels=2)
    events = play(session, stereo)
    assert events[-1].reason == "certain"
    assert events[-2].answer.best.track.source.endswith("music 1.wav")


def test_memory_is_bounded_by_the_limit(shop, music):
    session = Listening(shop, rate_hz=RATE_HZ, limit_s=2.0)
    session.hear(music(99)[:, np.newaxis])
    assert session.full
    assert session.due
    assert session.heard_s == 2.0
    assert session.finish()[-2].answer.query.duration_s == 2.0


def test_a_mode_that_is_asked_for_is_the_one_that_answers(shop, play, music):
    hum = play(Listening(shop, rate_hz=RATE_HZ, mode="melody", limit_s=8.0), music(1))
    assert [event.at_s for event in hum if event.kind == "partial"] == [6.0, 7.0]
    assert {c.mode for c in hum[-2].answer.considered} == {"melody"}
    with pytest.raises(UsageError, match="switched off"):
        play(Listening(shop, rate_hz=RATE_HZ, mode="sound", limit_s=2.0), music(1))


def test_an_engine_that_is_off_is_not_missed_by_auto(shop, play, music):
    shop.switch("melody", False)
    try:
        events = play(Listening(shop, rate_hz=RATE_HZ, limit_s=8.0), music(99))
    finally:
        shop.switch("melody", True)
    assert kinds(events)[-2:] == ["no_match", "end"]


def test_a_look_can_be_given_up(shop, music):
    session = Listening(shop, rate_hz=RATE_HZ)
    session.hear(music(99)[: 3 * RATE_HZ, np.newaxis])
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        session.finish(stop)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"rate_hz": 4000}, "4000"),
        ({"channels": 9}, "9"),
        ({"mode": "taste"}, "taste"),
        ({"limit": 0}, "0"),
        ({"limit_s": 0.0}, "0"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_value(shop, wrong, named):
    with pytest.raises(UsageError, match=named):
        Listening(shop, **({"rate_hz": RATE_HZ} | wrong))


def test_sound_of_another_shape_is_refused(shop, music):
    with pytest.raises(UsageError, match="2 channels"):
        Listening(shop, rate_hz=RATE_HZ, channels=2).hear(music(0)[:100, np.newaxis])
