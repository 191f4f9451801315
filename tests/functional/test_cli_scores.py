"""Scores and switched engines from the command line, with the plug-ins ``tones`` and ``chimes``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

RATE_HZ = 16000


@pytest.fixture
def run(chimes, earmark):
    """Run a command on the library ``lib``."""
    return lambda *arguments, **more: earmark("--library", "lib", *arguments, **more)


@pytest.fixture
def score(tmp_path, song):
    def written(name: str, seed: int) -> Path:
        frames = song(seed).reshape(-1, 4000)
        tones = np.abs(np.fft.rfft(frames, axis=1))[:, :1000].argmax(axis=1) * 4.0
        (tmp_path / name).write_text(" ".join(map(str, tones)))
        return tmp_path / name

    return written


@pytest.fixture
def clip(write, song):
    return lambda seed: write(f"clip{seed}.wav", song(seed)[3 * RATE_HZ : 8 * RATE_HZ])


def test_a_score_for_a_track_and_off_again(run, write, score, clip):
    write("music/1.wav", 1)
    run("add", "music")
    (track,) = run("list", "--json").lines
    score("2.chimes", 2)
    added = run("add", "2.chimes", "--for", track["id"], "--json")
    assert (added.code, added.err) == (0, "")
    assert set(added.lines[0]) == {"added", "unchanged", "failed", "audio_s", "wall_s"}
    assert (added.lines[0]["added"], added.lines[0]["failed"]) == (1, [])
    assert "added 1 (1 replaced)" in run("add", "2.chimes", "--for", track["id"]).out
    assert "2.chimes" in run("show", track["id"]).out
    answer = run("identify", "--mode", "sound", "--json", clip(2)).lines[0]
    assert answer["matches"][0]["track"]["id"] == track["id"]
    assert answer["query"]["voiced_s"] == 2.5
    assert set(answer["matches"][0]["evidence"]) == {"aligned"}
    shown = run("update", track["id"], "--detach-score", "--title", "New", "--json").lines[0]
    assert (shown["extra"], shown["title"]) == ({}, "New")
    assert run("identify", "--mode", "sound", clip(2)).code == 1
    again = run("update", track["id"], "--detach-score")
    assert (again.code, "no score is attached" in again.err) == (2, True)


def test_requests_without_sense(run, write, score):
    write("music/1.wav", 1)
    run("add", "music")
    (track,) = run("list", "--json").lines
    score("2.chimes", 2)
    for words in (
        ("add", "2.chimes", "music", "--for", track["id"]),
        ("add", "2.chimes", "--part", "x"),
        ("add", "2.chimes", "--for", track["id"], "--tag", "x"),
        ("add", "music/1.wav", "--for", track["id"]),
        ("add", "2.chimes", "--for", track["id"], "--part", "99"),
        ("add", "music", "--without", "chimes"),
        ("add", "music", "--without", "nonsense"),
        ("engines", "--off", "nonsense"),
    ):
        ran = run(*words)
        assert ran.code == 2, words
        assert len(ran.err.splitlines()) == 1
        assert "Traceback" not in ran.err
    bad = run("add", "none.chimes", "--for", track["id"], "--json")
    assert (bad.code, bad.lines[0]["failed"][0]["code"]) == (3, "not_found")
    lost = run("add", "2.chimes", "--for", "nobody")
    assert (lost.code, "[track_not_found]" in lost.err) == (3, True)


def test_a_library_without_an_engine(run, write, clip):
    write("music/1.wav", 1)
    assert run("add", "music", "--without", "chimes", "--without", "sound").code == 0
    assert run("add", "music", "--without", "chimes").code == 0
    states = run("engines", "--json").lines[0]["engines"]
    assert states["recording"] == {"on": True}
    assert states["chimes"] == states["sound"] == {"on": False}
    assert "off" in run("engines").out
    asked = run("identify", "--json", clip(1)).lines[0]["considered"]
    assert [c["mode"] for c in asked if c.get("skipped") == "switched off in this library"] == [
        "sound",
        "sound",
    ]
    refused = run("identify", "--mode", "sound", clip(1))
    assert (refused.code, "`earmark engines --on " in refused.err) == (2, True)
    assert run("doctor").code == 0
    switched = run("engines", "--on", "sound", "--json").lines[0]["engines"]["sound"]
    assert switched == {"on": True, "lacking": 1}
    assert "1 recordings need `earmark rebuild`" in run("engines", "--on", "sound").out
    assert run("rebuild").code == 0
    assert run("identify", "--mode", "sound", clip(1)).code == 0


def test_a_picture_of_a_tune(run, write, clip, tmp_path):
    write("music/1.wav", 1)
    run("add", "music", "--without", "sound")
    ran = run("identify", "--mode", "sound", "--plot", "tune.png", clip(1))
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "tune.png").read_bytes().startswith(b"\x89PNG")
