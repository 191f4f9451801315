"""Duplicates of a whole library from what it has stored, and two sounds side by side."""

from __future__ import annotations

import io
import shutil
import threading

import numpy as np
import pytest
import soundfile
import soxr

from earmark import Library, Settings, SourceNotFoundError, StoppedError, UsageError

RATE_HZ = 16000


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("twins")


@pytest.fixture(scope="module")
def lib(room, music):
    """One piece seven times over, in a medley too, and pieces that are alone."""
    one, other = music(1, 24.0), music(2, 24.0)
    soundfile.write(room / "one.wav", one, RATE_HZ)
    shutil.copy(room / "one.wav", room / "copy.wav")
    soundfile.write(room / "one.flac", one, RATE_HZ, subtype="PCM_16")
    soundfile.write(room / "quiet.ogg", 0.3 * one[2 * RATE_HZ :], RATE_HZ)
    soundfile.write(room / "fast.wav", soxr.resample(one, RATE_HZ * 1.01, RATE_HZ), RATE_HZ)
    soundfile.write(room / "part.wav", one[8 * RATE_HZ : 19 * RATE_HZ], RATE_HZ)
    soundfile.write(room / "other.wav", other, RATE_HZ)
    pieces = [other[3 * RATE_HZ : 15 * RATE_HZ], music(3, 30.0)[: 12 * RATE_HZ]]
    soundfile.write(room / "medley.wav", np.concatenate(pieces), RATE_HZ)
    for seed in range(3, 7):
        soundfile.write(room / f"{seed}.wav", music(seed, 30.0), RATE_HZ)
    with Library.open(room / "library", create=True, settings=Settings(workers=1)) as library:
        for name in ("melody", "sound"):
            library.switch(name, False)
        for path in sorted(room.glob("*.*")):
            library.put(path, track_id=path.name, again=True)
        yield library


@pytest.fixture(scope="module")
def report(lib):
    told = []
    found = lib.dedupe(progress=told.append)
    assert told[-1].done == told[-1].total == found.audios
    return found


def groups(report, kind):
    return [
        [member.track.id for member in group.members]
        for group in report.groups
        if group.kind == kind
    ]


def test_the_same_samples(report):
    (exact,) = groups(report, "exact")
    assert exact[0] == "one.flac"  # the smallest file of the same samples
    assert set(exact) == {"one.wav", "copy.wav", "one.flac"}


def test_the_same_recording_in_another_form(report):
    (same,) = groups(report, "recording")
    assert set(same) == {"one.wav", "copy.wav", "one.flac", "quiet.ogg", "fast.wav"}
    (group,) = [group for group in report.groups if group.kind == "recording"]
    members = {member.track.id: member for member in group.members}
    assert members["fast.wav"].time_ratio == pytest.approx(1.01, abs=1e-3)
    quiet = members["quiet.ogg"].segments[0]
    assert quiet.reference.start_s - quiet.query.start_s == pytest.approx(2.0, abs=0.02)
    assert (group.kept.track.id, len(group.removable)) == ("one.flac", 4)


def test_parts_and_medleys(report):
    found = groups(report, "excerpt")
    assert ["part.wav" in group for group in found].count(True) == 1
    (medley,) = [group for group in found if "medley.wav" in group]
    assert set(medley) == {"medley.wav", "other.wav", "3.wav"}
    (part,) = [
        g for g in report.groups if g.kind == "excerpt" and "part.wav" in g.as_dict()["remove"]
    ]
    member = part.members[1]
    assert (member.track.id, member.covered) == ("part.wav", pytest.approx(1.0, abs=0.05))
    assert member.segments[0].reference.start_s == pytest.approx(8.0, abs=0.3)


def test_what_is_alone_is_in_no_group_and_what_is_off_is_told(report):
    told = {member.track.id for group in report.groups for member in group.members}
    assert not told & {"4.wav", "5.wav", "6.wav"}
    assert set(report.skipped) == {"tune", "sound"}
    assert report.saved_bytes > 4 * 16000 * 24  # a wav, a copy, a faster one and a part
    assert report.totals()["kinds"] == {
        "exact": 1,
        "recording": 1,
        "excerpt": len(groups(report, "excerpt")),
    }


def test_it_needs_no_file(lib, room, report):
    moved = room / "elsewhere"
    moved.mkdir()
    files = [path for path in room.glob("*.*") if path.is_file()]
    for path in files:
        path.rename(moved / path.name)
    try:
        found = lib.dedupe(["recording"])
        assert groups(found, "recording")[0][0] in groups(report, "recording")[0]
        assert len(groups(found, "recording")[0]) == 5
        assert (found.saved_bytes, found.unknown_sizes) == (0, 4)
        laid = lib.compare("one.wav", "quiet.ogg")
        assert (laid.relation, laid.gain_db, laid.a.codec) == ("recording", None, None)
        assert len(laid.warnings) == 2
    finally:
        for path in files:
            (moved / path.name).rename(path)


def test_kinds_confidence_and_stopping(lib):
    assert groups(lib.dedupe(["exact"]), "recording") == []
    with pytest.raises(UsageError, match="'copies'"):
        lib.dedupe(["copies"])
    with pytest.raises(UsageError, match="no kind"):
        lib.dedupe([])
    with pytest.raises(UsageError, match=r"1\.5"):
        lib.dedupe(least_confidence=1.5)
    stop = threading.Event()
    stop.set()
    assert lib.dedupe(stop=stop).interrupted


def test_two_tracks_side_by_side(lib, music):
    found = lib.compare("one.wav", "quiet.ogg")
    assert found.relation == "recording"
    assert found.gain_db == pytest.approx(-10.5, abs=0.3)
    assert found.only_a[0].end_s == pytest.approx(2.0, abs=0.05)
    assert found.only_b == ()
    assert found.speed_ppm == pytest.approx(0.0, abs=150.0)
    assert found.drift_ms < 5.0
    assert "B is 2.0 s shorter at the start" in found.verdict
    assert "10.4 dB quieter" in found.verdict
    assert (found.a.codec, found.b.codec, found.a.track_id) == ("pcm_s16le", "vorbis", "one.wav")
    assert len(found.outlines[0]) == pytest.approx(240, abs=2)


def test_files_that_no_library_holds(lib, room, music, tmp_path):
    samples = soxr.resample(music(9, 30.0), RATE_HZ / 1.04, RATE_HZ)
    soundfile.write(tmp_path / "slow.wav", samples, RATE_HZ)
    file = io.BytesIO()
    soundfile.write(file, music(9, 30.0), RATE_HZ, format="FLAC")
    found = lib.compare(file.getvalue(), tmp_path / "slow.wav", names=("memory", "disk"))
    assert (found.a.name, found.b.name, found.relation) == ("memory", "disk", "recording")
    assert found.speed_ppm == pytest.approx(-38462, abs=200)
    assert found.pitch_shift_semitones == pytest.approx(-0.68, abs=0.05)
    assert "3.8 % slower" in found.verdict
    assert lib.compare(file.getvalue(), file.getvalue()).relation == "exact"
    different = lib.compare(file.getvalue(), "one.wav")
    assert (different.relation, different.related, different.segments) == ("different", False, ())
    assert different.as_dict()["verdict"] == "nothing in common"


def test_drift_that_is_no_straight_line(lib, music, tmp_path):
    """A tape that runs slower and slower: seconds of B for one of A change along the way."""
    samples = music(10, 60.0)
    at = np.arange(len(samples)) / RATE_HZ
    bent = np.interp(at - 0.00003 * at**2, at, samples).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ)
    soundfile.write(tmp_path / "b.wav", bent, RATE_HZ)
    found = lib.compare(tmp_path / "a.wav", tmp_path / "b.wav")
    assert found.relation == "recording"
    ratios = [moment.time_ratio for moment in found.moments]
    assert ratios[-1] - ratios[0] == pytest.approx(0.003, abs=0.0015)
    assert found.drift_ms > 5.0


def test_what_cannot_be_compared(lib, room, tmp_path):
    with pytest.raises(SourceNotFoundError, match="neither a track"):
        lib.compare("one.wav", "no-such-thing")
    with pytest.raises(SourceNotFoundError):
        lib.compare("one.wav", tmp_path / "missing.wav")
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        lib.compare("one.wav", room / "other.wav", stop=stop)


def test_the_picture(lib, tmp_path):
    pytest.importorskip("matplotlib")
    found = lib.compare("one.wav", "part.wav")
    found.plot(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    lib.compare("one.wav", "4.wav").plot(tmp_path / "nothing.png")
    with pytest.raises(UsageError, match="picture format"):
        found.plot(tmp_path / "picture.xyz")
