"""The sound suite: its arithmetic by hand, what it leaves out, what it refuses."""

import numpy as np
import pytest
import soundfile
from made_up_sounds import RATE_HZ, make_sound, write_labelled

from earmark.errors import ModelUnavailableError, SourceNotFoundError, UsageError
from earmark.evaluation import bench_sound
from earmark.evaluation.labelled import LabelledClip, read_labelled, source_of
from earmark.evaluation.music_segments import SEGMENT_S, cut, starts_s
from earmark.evaluation.sound_report import (
    SoundOutcome,
    SoundReport,
    average_precision,
    figures,
    precision,
)

YES, NO = True, False


@pytest.mark.parametrize(
    ("right", "relevant", "expected"),
    [
        ([YES, NO, YES, NO, NO, YES], 3, (1 / 1 + 2 / 3 + 3 / 6) / 3),
        ([YES, NO, YES], 30, (1 / 1 + 2 / 3) / 10),  # ten of thirty are all that fit
        ([NO, YES], 2, (1 / 2) / 2),  # the second was not told at all
        ([NO] * 10 + [YES], 1, 0.0),  # the eleventh does not count
        ([YES] * 10, 39, 1.0),
        ([], 4, 0.0),
    ],
)
def test_average_precision_by_hand(right, relevant, expected):
    assert average_precision(right, relevant) == pytest.approx(expected)


def test_precision_counts_absent_answers_as_wrong():
    assert precision([YES, YES], 5) == pytest.approx(0.4)
    assert precision([], 1) == 0.0
    assert precision([NO, YES, YES, NO, YES, YES], 5) == pytest.approx(0.6)


def outcome(label, *right, relevant=2):
    return SoundOutcome("q.wav", label, right, relevant)


def test_figures_of_a_report():
    labelled = (
        outcome("a", YES, YES),  # AP 1
        outcome("a", NO, YES),  # AP 1/4
        outcome("b", NO, NO),
    )
    assert figures(labelled)["p@1"] == pytest.approx(1 / 3)
    assert figures(labelled)["p@5"] == pytest.approx((2 + 1 + 0) / 15)
    assert figures(labelled)["map@10"] == pytest.approx(1.25 / 3)
    music = (outcome("t", YES, relevant=3), outcome("t", NO, relevant=3))
    report = SoundReport("some", labelled, music, {"windows": 5})
    shape = report.as_dict()
    assert (shape["model"], shape["queries"], shape["classes"]) == ("some", 3, 2)
    assert (shape["p@1.a"], shape["p@1.b"], shape["windows"]) == (0.5, 0.0, 5)
    assert (shape["music_tracks"], shape["music_queries"], shape["music_p@1"]) == (1, 2, 0.5)
    assert shape["music_map@10"] == pytest.approx(1 / 6)
    assert "p@1.b" in report.table()
    assert "p@1" not in SoundReport("some", music=music).as_dict()


def test_the_source_is_what_stands_between_the_first_and_the_last_dash():
    assert source_of("/x/1-17367-A.ogg") == "17367"
    assert source_of("/x/1-my-own-A.ogg") == "my-own"
    for own in ("/x/rain.ogg", "/x/rain-A.ogg", "/x/1--A.ogg"):
        assert source_of(own) == own


def test_reading_a_folder_of_classes(tmp_path):
    write_labelled(tmp_path / "set", sources=2, takes=1)
    (tmp_path / "set" / "notes.txt").write_text("no clip")
    (tmp_path / "set" / "tones" / "notes.txt").write_text("no clip")
    (tmp_path / "set" / ".cache").mkdir()
    (tmp_path / "set" / "nothing in it").mkdir()
    clips = read_labelled(tmp_path / "set")
    assert len(clips) == 6
    path = str(tmp_path / "set" / "bursts" / "1-bursts0-A.wav")
    assert clips[0] == LabelledClip(path, "bursts", "bursts0")


def planted(folder):
    """Of one source: bursts among the tones, all but equal. Alone, each is like other bursts."""
    for take, gain in (("A", 1.0), ("B", 0.99)):
        path = folder / "tones" / f"7-planted-{take}.wav"
        soundfile.write(path, gain * make_sound("bursts", 8), RATE_HZ)


def test_kinds_find_each_other_and_takes_of_one_source_do_not_count(tmp_path):
    planted(write_labelled(tmp_path / "set"))
    seen = []
    report = bench_sound.run(tmp_path / "set", model="builtin", workers=1, progress=seen.append)
    by_name = {one.query.rpartition("/")[2]: one for one in report.labelled}
    assert len(by_name) == 3 * 3 * 2 + 2
    for name in ("7-planted-A.wav", "7-planted-B.wav"):
        one = by_name.pop(name)
        # Its other take would have been the first answer, and right.
        assert one.right[0] is False
        assert (len(one.right) <= 10, one.relevant) == (True, 6)
    assert {one.relevant for one in by_name.values()} == {4, 4 + 2}
    others = [one for one in by_name.values() if one.label != "tones"]
    assert figures(others)["p@1"] >= 0.75
    shape = report.as_dict()
    assert (shape["model"], shape["queries"], shape["classes"]) == ("builtin", 20, 3)
    assert (shape["windows"], shape["failed"]) == (20, 0)
    assert shape["p@1.tones"] <= 0.75
    assert 128 < shape["index_bytes_a_window"] < shape["bytes_a_window"] < 2000
    # 2 s a clip: the windows' bytes thirty times a minute, and the statistics besides.
    assert shape["bytes_a_minute"] > 30 * shape["bytes_a_window"]
    assert shape["search_ms"] > 0.0
    assert shape["x_real_time"] > 1.0
    assert (seen[-1].done, seen[-1].total) == (20, 20)


def test_twins_tell_nothing_of_each_other_and_what_is_no_sound_is_counted(tmp_path):
    folder = write_labelled(tmp_path / "set", kinds=("bursts", "tones"), takes=1)
    twin = make_sound("tones", 0, 0)
    soundfile.write(folder / "tones" / "1-twin-A.wav", twin, RATE_HZ)
    soundfile.write(folder / "tones" / "1-silent-A.wav", 0 * twin, RATE_HZ)
    (folder / "tones" / "broken.wav").write_text("no audio")
    report = bench_sound.run(folder, model="builtin", workers=1)
    assert report.measured["failed"] == 2
    relevant = {one.query.rpartition("/")[2]: one.relevant for one in report.labelled}
    assert relevant == {
        **{f"1-bursts{source}-A.wav": 2 for source in range(3)},
        "1-tones0-A.wav": 2,
        "1-twin-A.wav": 2,
        "1-tones1-A.wav": 3,
        "1-tones2-A.wav": 3,
    }
    # A third one's answer names both twins, though they share one audio.
    best = {one.query.rpartition("/")[2]: one.right[:3] for one in report.labelled}
    assert best["1-tones1-A.wav"] == best["1-tones2-A.wav"] == (True, True, True)
    assert report.measured["windows"] == 6


def test_segments_of_music(tmp_path):
    assert starts_s(22.4) == ()
    assert starts_s(22.5) == pytest.approx((0.625, 11.875))
    assert len(starts_s(44.9)) == 3
    for duration_s in (22.5, 34.0, 45.0, 300.0):
        starts = starts_s(duration_s)
        assert np.all(np.diff(starts) > SEGMENT_S)
        assert starts[0] > 0.0
        assert starts[-1] + SEGMENT_S < duration_s


def ramp(path, seconds):
    """Samples that tell where they are: 1/1000 a second."""
    samples = np.arange(int(seconds * RATE_HZ)) / RATE_HZ / 1000.0
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")


def test_music_is_cut_where_it_should_be(tmp_path):
    (tmp_path / "music").mkdir()
    ramp(tmp_path / "music" / "long.wav", 60.0)
    ramp(tmp_path / "music" / "long again.wav", 60.0)
    ramp(tmp_path / "music" / "short.wav", 30.0)
    ramp(tmp_path / "music" / "too short.wav", 20.0)
    (tmp_path / "music" / "broken.wav").write_text("no audio")
    clips = cut(tmp_path / "music", tmp_path / "cut", RATE_HZ)
    labels = [clip.label.rpartition("/")[2] for clip in clips]
    assert labels == ["long again.wav"] * 4 + ["short.wav"] * 2
    assert len({clip.source for clip in clips}) == 6
    for clip, start_s in zip(clips, (2.5, 17.5, 32.5, 47.5, 2.5, 17.5), strict=True):
        samples, rate_hz = soundfile.read(clip.path)
        assert (len(samples), rate_hz) == (SEGMENT_S * RATE_HZ, RATE_HZ)
        assert 1000.0 * samples[0] == pytest.approx(start_s, abs=0.01)
    (tmp_path / "music" / "short.wav").unlink()
    with pytest.raises(UsageError, match=r"holds 1 tracks of 22\.5 s or more"):
        cut(tmp_path / "music", tmp_path / "again", RATE_HZ)


def test_pieces_of_music_find_each_other(tmp_path):
    (tmp_path / "music").mkdir()
    time_s = np.arange(30 * RATE_HZ) / RATE_HZ
    drone = 0.2 * np.sign(np.sin(2 * np.pi * 110.0 * time_s))
    hiss = 0.1 * np.random.default_rng(5).standard_normal(len(time_s))
    beeps = 0.3 * np.sin(2 * np.pi * 1800.0 * time_s) * (time_s % 0.5 < 0.1)
    for name, samples in (("drone", drone), ("hiss", hiss), ("beeps", beeps)):
        soundfile.write(tmp_path / "music" / f"{name}.wav", samples, RATE_HZ)
    shape = bench_sound.run(music=tmp_path / "music", model="builtin", workers=1).as_dict()
    assert (shape["music_queries"], shape["music_tracks"], shape["music_failed"]) == (6, 3, 0)
    # One other piece each, among five: chance is .2.
    assert (shape["music_p@1"], shape["music_map@10"]) == (1.0, 1.0)
    assert shape["windows"] == 6
    assert "p@1" not in shape


def test_what_makes_no_sense_is_told_before_anything_is_indexed(tmp_path, monkeypatch):
    folder = write_labelled(tmp_path / "set", kinds=("bursts", "tones"), sources=2, takes=1)
    with pytest.raises(UsageError, match="name a folder of labelled clips, a folder of music"):
        bench_sound.run()
    with pytest.raises(SourceNotFoundError, match="nowhere does not exist"):
        bench_sound.run(tmp_path / "nowhere")
    with pytest.raises(SourceNotFoundError, match="nowhere does not exist"):
        bench_sound.run(folder, tmp_path / "nowhere")
    with pytest.raises(SourceNotFoundError, match=r"A\.wav is a file; name a folder"):
        bench_sound.run(folder / "tones" / "1-tones0-A.wav")
    with pytest.raises(UsageError, match="no sound model is called 'nonsense'"):
        bench_sound.run(folder, model="nonsense")
    monkeypatch.setenv("EARMARK_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="earmark models fetch mn04"):
        bench_sound.run(folder, model="mn04")


def test_folders_in_which_nothing_can_be_right(tmp_path):
    folder = write_labelled(tmp_path / "set", kinds=("bursts", "tones"), sources=2, takes=2)
    for path in (folder / "tones").glob("1-tones1-*"):
        path.unlink()
    with pytest.raises(UsageError, match="class 'tones' are of one source"):
        read_labelled(folder)
    for path in (folder / "tones").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="holds 1 folders with audio"):
        read_labelled(folder)
    soundfile.write(folder / "loose.wav", make_sound("tones", 1), RATE_HZ)
    with pytest.raises(UsageError, match=r"loose\.wav lies beside the classes"):
        read_labelled(folder)


def test_clips_that_cannot_be_read_or_heard(tmp_path):
    folder = tmp_path / "set"
    for label in "ab":
        (folder / label).mkdir(parents=True)
        for index in range(2):
            (folder / label / f"{index}.wav").write_text(f"no audio {label} {index}")
    with pytest.raises(UsageError, match="4 of 4 clips cannot be read"):
        bench_sound.run(folder, model="builtin", workers=1)
