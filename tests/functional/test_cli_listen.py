from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings

RATE_HZ = 16000
MIC = Path(__file__).parents[1] / "plugins_mic"


@pytest.fixture(scope="module")
def lib(tmp_path_factory, music):
    """A library of two pieces of music, known as recordings; only read."""
    folder = tmp_path_factory.mktemp("lib")
    for seed in (1, 2):
        soundfile.write(folder / f"music {seed}.wav", music(seed), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.switch("melody", False)
        library.switch("sound", False)
        assert library.add(sorted(folder.glob("*.wav"))).added == 2
    return settings.library


@pytest.fixture
def clip(write, music):
    return write("clip.wav", music(2)[5 * RATE_HZ : 13 * RATE_HZ])


def test_a_file_is_answered_as_soon_as_it_is_certain(earmark, lib, clip):
    ran = earmark("--library", lib, "listen", clip)
    assert ran.code == 0, ran.err
    assert "music 2" in ran.out
    assert "0:05.0" in ran.out
    assert ran.out.splitlines()[-1] in ("heard 1.5 s", "heard 2.0 s")
    assert ran.err == ""


def test_each_event_is_a_line_of_json(earmark, lib, clip, write, music):
    ran = earmark("--library", lib, "listen", "--json", "--mode", "recording", clip)
    assert [line["type"] for line in ran.lines if line["type"] != "level"][-2:] == ["match", "end"]
    assert ran.lines[-1]["reason"] == "certain"
    unknown = write("unknown.wav", music(99)[: 8 * RATE_HZ])
    ran = earmark("--library", lib, "listen", "--json", "--limit-s", "3", unknown)
    assert ran.code == 1
    assert [line["at_s"] for line in ran.lines if line["type"] == "level"] == [
        0.5, 1.0, 1.5, 2.0, 2.5, 3.0
    ]  # fmt: skip
    assert [line["type"] for line in ran.lines[-2:]] == ["no_match", "end"]
    assert (ran.lines[-1]["reason"], ran.lines[-1]["at_s"]) == ("limit", 3.0)


def test_a_file_that_ends_is_asked_about_as_a_whole(earmark, lib, write, song):
    short = write("short.wav", np.zeros(RATE_HZ // 2, np.float32))
    ran = earmark("--library", lib, "listen", short)
    assert ran.code == 1
    assert ran.out.startswith("no match: the clip is silent")


def test_a_live_pipe_is_answered_before_it_ends(lib, clip, tmp_path):
    source = Path(__file__).parents[2] / "src"
    command = [sys.executable, "-m", "earmark", "--library", lib, "listen", "-", "--json"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(source)},
    ) as program:
        kill = threading.Timer(20, program.kill)
        kill.start()
        program.stdin.write(clip.read_bytes()[: 44 + 5 * 2 * RATE_HZ])
        program.stdin.flush()  # and it stays open: whoever reads to the end waits for ever
        lines = program.stdout.read().decode().splitlines()
        kill.cancel()
    assert program.returncode == 0
    assert '"certain"' in lines[-1]


def test_on_a_terminal_a_line_shows_how_loud_it_is(lib, write, music, tmp_path):
    write("unknown.wav", music(99)[: 4 * RATE_HZ] * np.float32(0.006))
    source = Path(__file__).parents[2] / "src"
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "earmark", "--library", lib, "listen", "unknown.wav"]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=its,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(source), "TERM": "xterm", "COLUMNS": "100"},
        timeout=60,
    )
    os.close(its)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.stdout.decode().startswith("no match: nothing in the library")
    assert re.search(r" 0\.5 / 20 s  #*\.+ +-\d+ dBFS  quiet: bring the microphone nearer", drawn)
    assert "4.0 / 20 s" in drawn


def test_what_is_wrong_is_one_sentence(earmark, lib, clip, write):
    assert earmark("--library", "none", "listen", clip).code == 4
    ran = earmark("--library", lib, "listen", "-", stdin=b"no sound at all " * 100)
    assert ran.code == 3
    assert ran.err.startswith("earmark: - is not audio")
    ran = earmark("--library", lib, "listen", clip, "--device", "1")
    assert (ran.code, "leave one of them out" in ran.err) == (2, True)


def test_the_microphone_is_heard(earmark, lib, clip):
    # A stand-in for `sounddevice` plays a file: machines that test have no microphone.
    ran = earmark("--library", lib, "listen", path=[MIC], EARMARK_MIC=str(clip))
    assert ran.code == 0, ran.err
    assert "music 2" in ran.out
    assert ran.err == "earmark: listening; Ctrl-C stops\n"
