"""`earmark watch` as people run it: streams, files, pipes, Ctrl-C and kill -9."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from radio import STALL, encoded, on_air, paced

from earmark import Library, Settings
from earmark.monitor.desk import Desk

RATE_HZ = 16_000
SOURCE = Path(__file__).parents[2] / "src"
MIC = Path(__file__).parents[1] / "plugins_mic"


@pytest.fixture(scope="module")
def place(tmp_path_factory, music):
    folder = tmp_path_factory.mktemp("lib")
    for seed in (1, 2):
        soundfile.write(folder / f"music {seed}.wav", music(seed), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.switch("melody", False)
        library.switch("sound", False)
        library.add(sorted(folder.glob("*.wav")))
    return settings


@pytest.fixture(scope="module")
def songs(music):
    """Two songs of 20 s between unknown music: 50 s."""
    parts = [music(90)[: 5 * RATE_HZ], music(1), music(2), music(91)[: 5 * RATE_HZ]]
    return np.concatenate(parts)


@pytest.fixture
def radio(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with on_air() as station:
        yield station


def log_of(settings):
    with Library.open(settings=settings) as library, Desk.open(library, settings) as desk:
        return {entry.id: entry for entry in desk.entries()}, desk.store.streams()


def test_a_file_and_a_pipe(earmark, place, songs, write):
    path = write("show.wav", songs)
    ran = earmark("--library", place.library, "watch", path)
    assert ran.code == 0, ran.err
    day = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.search(rf"^{day}  > .*music 1", ran.out, re.MULTILINE)
    assert re.search(rf"^{day}  \. .*music 2 .*played 0:(19|20) .*review$", ran.out, re.MULTILINE)
    entries, streams = log_of(place)
    assert len(entries) == 2
    assert {entry.station for entry in entries.values()} == {"show.wav"}
    assert streams[0].state == "ended"
    piped = ("watch", "-", "--json", "--no-log", "--name", "Pipe")
    ran = earmark("--library", place.library, *piped, stdin=path.read_bytes())
    assert ran.code == 0, ran.err
    types = [line["type"] for line in ran.lines]
    assert types.count("opened") == types.count("closed") == 2
    assert {line["stream"]["name"] for line in ran.lines} == {"Pipe"}
    assert log_of(place)[0].keys() == entries.keys()


def test_nothing_that_is_known(earmark, place, music, write):
    path = write("unknown.wav", music(99)[: 8 * RATE_HZ])
    ran = earmark("--library", place.library, "watch", path, "--no-log")
    assert (ran.code, ran.err) == (1, "")


def test_what_cannot_be_watched(earmark, place):
    for words, code, part in (
        (("rtmp://me:secret@127.0.0.1:1/live",), 3, "rtmp://127.0.0.1:1/live cannot be opened"),
        (("ftp://me:secret@host/live",), 2, "is not an address that can be watched"),
        (("http://127.0.0.1:1/", "--follow"), 2, "--follow is for a file that grows"),
    ):
        ran = earmark("--library", place.library, "watch", *words, "--no-log")
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert part in ran.err
        assert "secret" not in ran.err
        assert ran.err.count("\n") == 1


def start(place, *words):
    paths = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "earmark", "--library", place.library, "watch", "--json"]
    return subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths, "no_proxy": "*"},
    )


def until(program, kind, number=1):
    """Read lines up to the ``number``-th of a kind."""
    lines = []
    while sum(line["type"] == kind for line in lines) < number:
        lines.append(json.loads(program.stdout.readline()))
    return lines


def test_a_watch_that_is_killed_and_started_again(place, radio, songs):
    """What was closed stays, what was open is closed, the time between is an outage."""
    sound = encoded(np.concatenate([songs, songs[: 5 * RATE_HZ]]), RATE_HZ, "mp3", "libmp3lame")
    url = radio.play("/killed", *paced(sound, 16_000, 0.01), STALL)
    words = (url, "--name", "Killed", "--stall-s", "60")
    with start(place, *words) as program:
        lines = until(program, "opened", 2)
        lines += until(program, "closed")
        killed_at = time.time()
        program.send_signal(signal.SIGKILL)
        program.communicate()
    closed = next(line["detection"] for line in lines if line["type"] == "closed")
    first, second = [line["detection"]["id"] for line in lines if line["type"] == "opened"]
    assert closed["id"] == first
    before, _ = log_of(place)
    assert (before[first].detection.open, before[second].detection.open) == (False, True)
    assert before[first].evidence is not None
    time.sleep(0.5)
    with start(place, *words) as program:
        again = until(program, "outage")
        started_at = time.time()
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=20)
        assert program.returncode in (0, 1)
        assert "Traceback" not in err
        again += [json.loads(line) for line in out.splitlines()]
    after, _ = log_of(place)
    assert after[first] == before[first]
    assert not after[second].detection.open
    assert after[second].detection.end_s == before[second].detection.end_s
    outage = again[0]["outage"]
    assert outage["reason"] == "the watch was not running"
    assert killed_at - 6.0 <= outage["since"] <= killed_at
    assert killed_at + 0.5 <= outage["until"] <= started_at
    assert again[-1]["state"] == "stopped"


def test_it_stops_in_good_order_when_its_time_is_over(place, radio, songs):
    sound = encoded(songs[: 20 * RATE_HZ], RATE_HZ, "mp3", "libmp3lame")
    url = radio.play("/timed", sound, STALL)
    since = time.monotonic()
    with start(place, url, "--for-s", "4", "--stall-s", "60") as program:
        out, err = program.communicate(timeout=30)
    assert time.monotonic() - since < 15.0
    lines = [json.loads(line) for line in out.splitlines()]
    types = [line["type"] for line in lines]
    assert (program.returncode, err) == (0, "")
    assert types.count("opened") == types.count("closed") == 1
    assert lines[-1]["state"] == "stopped"


def test_the_microphone_under_a_line_that_shows_what_plays(place, songs, write):
    # A stand-in for `sounddevice` plays a file: machines that test have no microphone.
    path = write("room.wav", songs[4 * RATE_HZ : 16 * RATE_HZ])
    ours, its = pty.openpty()
    paths = os.pathsep.join([str(MIC), str(SOURCE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "earmark", "--library", place.library, "watch", "mic"]
    terminal = {"TERM": "xterm", "COLUMNS": "100", "EARMARK_MIC": str(path)}
    with subprocess.Popen(
        [*command, "--no-log", "--for-s", "3"],
        stdout=subprocess.PIPE,
        stderr=its,
        text=True,
        env=os.environ | {"PYTHONPATH": paths} | terminal,
    ) as program:
        out, _ = program.communicate(timeout=60)
    os.close(its)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert program.returncode == 0, drawn
    assert "  > " in out
    assert "listening; Ctrl-C stops" in drawn
    assert re.search(r"\d\d:\d\d:\d\d  #+\.+ +-\d+ dBFS", drawn)
    assert re.search(r"dBFS  .*music 1", drawn)
