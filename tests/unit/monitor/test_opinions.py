"""Tunes sung by formula, hummed in another key and tempo where no recording is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings, StoreUnavailableError, UsageError
from earmark.monitor.options import MonitorOptions
from earmark.monitor.session import Monitor

RATE_HZ = 16_000
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
SONG_S = 130.0
"""Longer than what is kept of a source: what lies before it must be asked about in time."""


def sung(seed, seconds, start_s=0.0, key=0.0, tempo=1.0, harmonics=8):
    """A tune that walks a scale, by its seed; a little vibrato, every note attacked."""
    rng = np.random.default_rng([seed, 5])
    length_s = rng.choice([0.25, 0.5, 0.5, 0.75, 1.0], 90) * rng.uniform(0.6, 1.0)
    steps = np.cumsum(rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 4], 90))
    steps = steps - np.round(np.linspace(0, steps[-1], 90)).astype(int)
    notes = 60 + key + rng.integers(-5, 6) + 12 * (steps // 7) + SCALE[steps % 7]
    onset_s = np.concatenate(([0.0], np.cumsum(length_s)[:-1]))
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    at_s = start_s + time_s * tempo
    note = np.searchsorted(onset_s, at_s, "right") - 1
    pitch = notes[note] + 0.15 * np.sin(2 * np.pi * 5.5 * time_s)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / RATE_HZ
    loud = 0.3 * np.minimum(1.0, (at_s - onset_s[note]) / 0.05)
    tones = sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))
    return (tones * loud + rng.normal(0, 1e-3, len(time_s))).astype(np.float32)


def hummed(seed, seconds):
    return sung(seed, seconds, start_s=4.0, key=3.3, tempo=1.1, harmonics=3)


def noise(seconds):
    rng = np.random.default_rng(0)
    return rng.normal(0.0, 0.003, round(seconds * RATE_HZ)).astype(np.float32)


@pytest.fixture(scope="module")
def song(music):
    return np.tile(music(1, 20.0), 7)[: round(SONG_S * RATE_HZ)]


@pytest.fixture(scope="module")
def library(tmp_path_factory, song):
    folder = tmp_path_factory.mktemp("opinions")
    for seed in range(4):
        soundfile.write(folder / f"tune{seed}.wav", sung(seed, 30.0), RATE_HZ)
    soundfile.write(folder / "song.wav", song, RATE_HZ)
    with Library.open(
        create=True, settings=Settings(library=str(folder / "library"), workers=1)
    ) as opened:
        opened.switch("sound", False)
        assert not opened.add(sorted(folder.glob("*.wav"))).failed
        yield opened


@pytest.fixture
def monitor(library):
    def opened(**how):
        ids = itertools.count()
        options = MonitorOptions(also=("melody",), repeats=False)
        return Monitor(library, options, new_id=lambda: f"d{next(ids)}", **how)

    return opened


def fed(session, *parts):
    samples = np.concatenate(parts).astype(np.float32)
    told = []
    for at in range(0, len(samples), 2 * RATE_HZ):
        told += session.feed(samples[at : at + 2 * RATE_HZ])
    return told


def opinions(told):
    return [h for h in told if h.kind == "close" and h.detection.second]


def names(told):
    return [h.detection.track.source.rpartition("/")[2] for h in opinions(told)]


def test_a_short_hum_before_a_long_song_is_named_while_the_song_goes_on(monitor, song):
    session = monitor()
    told = fed(session, hummed(2, 12.0), song)
    assert names(told) == ["tune2.wav"]
    (close,) = opinions(told)
    assert [d.track.source[-8:] for d in session.open] == ["song.wav"]
    assert close.detection.kind == "melody"
    assert close.detection.start_s == pytest.approx(0.0, abs=1.5)
    assert close.detection.end_s == pytest.approx(12.0, abs=0.5)
    assert close.detection.longest.pitch_shift_semitones == pytest.approx(3.3, abs=0.5)
    assert close.clip.start_s == close.detection.start_s
    assert close.clip.duration_s == pytest.approx(12.0, abs=1.5)


def test_it_is_told_when_it_is_over_and_not_joined_to_the_next(monitor):
    session = monitor()
    told = fed(session, hummed(3, 14.0), np.zeros(132 * RATE_HZ, np.float32))
    assert names(told) == ["tune3.wav"]  # before the end, and with its clip
    assert opinions(told)[0].clip.duration_s >= 13.0
    rest = fed(session, hummed(3, 14.0)) + session.finish()
    assert names(rest) == ["tune3.wav"]
    first, second = (h.detection for h in opinions(told + rest))
    assert first.end_s < 21.0
    assert second.start_s > 141.0
    assert first.id != second.id


def test_what_goes_on_through_several_questions_is_one_detection(monitor):
    session = monitor()
    told = fed(session, sung(1, 26.0, key=-2.0, tempo=1.1), noise(8.0)) + session.finish()
    (close,) = opinions(told)
    assert close.detection.end_s - close.detection.start_s > 22.0
    assert close.clip.duration_s == pytest.approx(15.0, abs=0.1)


def test_a_scan_goes_on_before_what_was_not_asked_or_told(monitor):
    samples = np.concatenate([noise(20.0), hummed(2, 18.0), np.zeros(110 * RATE_HZ, np.float32)])
    for stop_s in (126, 138):
        first = monitor()
        half = opinions(fed(first, samples[: stop_s * RATE_HZ]))
        kept = [h for h in half if h.detection.end_s <= first.settled_s]
        second = monitor(start_s=first.settled_s)
        rest = fed(second, samples[round(first.settled_s * RATE_HZ) :]) + second.finish()
        assert [*names(kept), *names(rest)] == ["tune2.wav"], stop_s


def test_noise_and_silence_are_no_opinion(monitor):
    session = monitor()
    told = fed(session, noise(30.0), np.zeros(30 * RATE_HZ, np.float32)) + session.finish()
    assert opinions(told) == []


def test_an_engine_that_is_off_is_told_at_once(library, monitor):
    library.switch("melody", False)
    try:
        with pytest.raises(UsageError, match="engines --on melody"):
            monitor()
    finally:
        library.switch("melody", True)


def test_a_library_that_is_away_keeps_no_detection_from_being_told(
    library, monitor, music, monkeypatch
):
    def away(*_args, **_how):
        raise StoreUnavailableError("the library is away")

    session = monitor()
    monkeypatch.setattr(library, "identify", away)
    told = fed(session, hummed(2, 12.0), music(1, 20.0)) + session.finish()
    assert [h.detection.kind for h in told if h.kind == "close"] == ["recording"]
