"""Which tracks are the same recording; and the audio of tracks, to look at and to hear."""

from __future__ import annotations

import io
import shutil
import threading

import numpy as np
import pytest
import soundfile

from earmark import Library, NoMediaError, Settings, StoppedError, TrackNotFoundError, UsageError

RATE_HZ = 16000


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("room")


@pytest.fixture(scope="module")
def lib(room, music):
    """Two different pieces; one of them as two files, once more as Ogg, and inside a longer one."""
    one, other = music(1, 12.0), music(2, 12.0)
    soundfile.write(room / "one.wav", one, RATE_HZ)
    shutil.copy(room / "one.wav", room / "copy.wav")
    soundfile.write(room / "one.ogg", one, RATE_HZ)
    soundfile.write(room / "mix.wav", np.concatenate([music(3, 8.0), one]), RATE_HZ)
    soundfile.write(room / "other.wav", other, RATE_HZ)
    with Library.open(room / "library", create=True, settings=Settings(workers=1)) as library:
        for name in ("melody", "sound"):
            library.switch(name, False)
        for path in sorted(room.glob("*.*")):
            library.put(path, track_id=path.name, again=True)
        yield library


def told(answer):
    return {match.track.id: match for match in answer.matches}


def test_the_same_audio_first_then_what_is_recognised(lib):
    answer = lib.duplicates("one.wav")
    assert (answer.input, answer.outcome, answer.reason) == ("one.wav", "match", None)
    found = told(answer)
    assert next(iter(found)) == "copy.wav"
    assert set(found) == {"copy.wav", "one.ogg", "mix.wav"}
    copy = found["copy.wav"]
    assert (copy.confidence, copy.kind, copy.time_ratio) == (1.0, "recording", 1.0)
    assert copy.evidence.as_dict() == {"same_audio": 1}
    assert copy.segments[0].query.duration_s == pytest.approx(12.0)
    assert found["mix.wav"].segments[0].reference.start_s == pytest.approx(8.0, abs=0.5)
    assert [asked.note for asked in answer.considered] == [
        "1 other track of the same audio",
        "2 alike",
    ]
    assert answer.as_dict()["matches"][0]["evidence"] == {"same_audio": 1}


def test_a_limit_and_a_track_of_its_own(lib):
    assert list(told(lib.duplicates("one.wav", 1))) == ["copy.wav"]
    assert len(lib.duplicates("one.wav", 2).matches) == 2
    alone = lib.duplicates("other.wav")
    assert (alone.outcome, alone.matches) == ("no_match", ())
    assert "same recording" in alone.reason


def test_requests_without_sense(lib):
    with pytest.raises(TrackNotFoundError):
        lib.duplicates("nobody")
    with pytest.raises(UsageError, match="at least 1"):
        lib.duplicates("one.wav", 0)


def test_what_cannot_be_asked_is_said(lib, room):
    moved = room / "moved.wav"
    shutil.move(room / "one.wav", moved)
    try:
        answer = lib.duplicates("one.wav")
        assert list(told(answer)) == ["copy.wav"]
        assert "not there any more" in answer.considered[1].skipped
        with pytest.raises(NoMediaError, match="not there any more"):
            lib.waveform("one.wav")
        shutil.copy(room / "other.wav", room / "one.wav")
        assert "has changed" in lib.duplicates("one.wav").considered[1].skipped
    finally:
        shutil.move(moved, room / "one.wav")
    lib.switch("melody", True)
    lib.switch("recording", False)
    try:
        assert "switched off" in lib.duplicates("one.wav").considered[1].skipped
    finally:
        lib.switch("recording", True)
        lib.switch("melody", False)


def test_a_waveform_of_a_track(lib, music):
    shape = lib.waveform("one.wav", points=120)
    assert (shape.start_s, shape.end_s, shape.duration_s) == (0.0, 12.0, 12.0)
    parts = music(1, 12.0).reshape(120, -1)
    np.testing.assert_allclose(shape.peaks[:, 0], parts.min(axis=1), atol=1e-4)
    np.testing.assert_allclose(shape.peaks[:, 1], parts.max(axis=1), atol=1e-4)
    part = lib.waveform("one.wav", points=60, start_s=6.0)
    np.testing.assert_array_equal(part.peaks, shape.peaks[60:])
    with pytest.raises(UsageError, match="no stretch"):
        lib.waveform("one.wav", start_s=12.0)
    with pytest.raises(TrackNotFoundError):
        lib.waveform("nobody")


def test_an_excerpt_of_a_track(lib, music):
    data = lib.excerpt("one.wav", 3.0, 2.0, rate_hz=RATE_HZ)
    samples, rate_hz = soundfile.read(io.BytesIO(data))
    assert rate_hz == RATE_HZ
    np.testing.assert_allclose(samples, music(1, 12.0)[48_000:80_000], atol=1e-4)
    at_end, rate_hz = soundfile.read(io.BytesIO(lib.excerpt("one.ogg", 11.0, 60.0)))
    assert (rate_hz, len(at_end)) == (32_000, pytest.approx(32_000, abs=2))
    for start_s, duration_s, rate_hz in (
        (0, 60.1, 16_000),
        (0, 0, 16_000),
        (0, float("nan"), 16_000),
        (-1, 5, 16_000),
        (12, 5, 16_000),
        (0, 5, 3_999),
        (0, 5, 192_001),
    ):
        with pytest.raises(UsageError):
            lib.excerpt("one.wav", start_s, duration_s, rate_hz)


def test_scores_and_broken_files_have_nothing_to_play(lib, room):
    lib.switch("melody", True)
    tune = room / "tune.abc"
    tune.write_text("X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cBAG|FEDC|\n")
    try:
        lib.put(tune, track_id="tune")
        for ask in (lib.waveform, lib.audio_file, lambda name: lib.excerpt(name, 0.0, 1.0)):
            with pytest.raises(NoMediaError, match="score"):
                ask("tune")
        assert "score" in lib.duplicates("tune").considered[1].skipped
    finally:
        lib.remove("tune")
        lib.switch("melody", False)
    whole = (room / "other.wav").read_bytes()
    try:
        (room / "other.wav").write_bytes(b"no sound")
        with pytest.raises(NoMediaError, match="cannot be read"):
            lib.waveform("other.wav")
        with pytest.raises(NoMediaError, match="cannot be read"):
            lib.excerpt("other.wav", 0.0, 1.0)
    finally:
        (room / "other.wav").write_bytes(whole)


def test_a_question_that_is_given_up(lib, room, monkeypatch):
    stop = threading.Event()
    assert lib.identify(room / "one.ogg", stop=stop).outcome == "match"
    stop.set()
    with pytest.raises(StoppedError, match="stopped"):
        lib.identify(room / "one.ogg", stop=stop)
    for ask in (lib.duplicates, lib.waveform):
        with pytest.raises(StoppedError, match="stopped"):
            ask("one.wav", stop=stop)
    stop.clear()
    monkeypatch.setattr("earmark.query.BLOCK_S", 4.0)
    monkeypatch.setattr("earmark.query.OVERLAP_S", 1.0)
    engine = lib._indexes.engine("recording")
    asked = []

    def search(clip, limit, found=engine.search):
        asked.append(clip)
        stop.set()
        return found(clip, limit)

    monkeypatch.setattr(engine, "search", search)
    with pytest.raises(StoppedError):
        lib.identify(room / "mix.wav", "recording", stop=stop)
    assert len(asked) == 1  # of five blocks


def test_the_folder(lib, room):
    assert lib.folder == room / "library"
