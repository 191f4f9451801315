"""Killed at any moment, a library loses nothing acknowledged and returns nothing removed.

A real child process adds, removes, rebuilds and merges, and writes a line before and after each
call; the parent kills it with SIGKILL, opens the library and compares.
``EARMARK_CRASH_RUNS`` sets how many kills.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings

RUNS = int(os.environ.get("EARMARK_CRASH_RUNS", "8"))
FILES = 24
TRACK_S = 4.0
RATE_HZ = 16_000


def settings_of(folder: Path) -> Settings:
    return Settings(library=str(folder), workers=1, lock_wait_s=20.0)


def work(folder: Path, music: Path, seed: int) -> None:
    """Do random things for ever; a line "?" before each call and "=" after it."""
    from earmark.stores import segments

    def say(mark: str, op: str, names: list[str] = ()) -> None:
        os.write(1, (json.dumps([mark, op, list(names)]) + "\n").encode())

    rng = np.random.default_rng(seed)
    segments.SMALL_SEGMENT = int(rng.choice([0, 300, 1 << 19]))  # none, some or all are merged
    library = Library.open(folder, create=True, settings=settings_of(folder))
    library.stats()
    say("=", "ready")
    while True:
        held = {Path(track.source).stem: track.id for track in library.tracks()}
        free = sorted({path.stem for path in music.iterdir()} - held.keys())
        op = str(rng.choice(["add", "add", "remove", "rebuild"]))
        if op == "add" and free:
            names = rng.choice(
                free, min(len(free), int(rng.integers(1, 6))), replace=False
            ).tolist()
            say("?", "add", names)
            report = library.add([music / f"{name}.wav" for name in names])
            assert report.added == len(names), report
            say("=", "add", names)
        elif op == "remove" and held:
            names = rng.choice(sorted(held), min(len(held), int(rng.integers(1, 4))), replace=False)
            say("?", "remove", names.tolist())
            library.remove([held[name] for name in names.tolist()])
            say("=", "remove", names.tolist())
        elif op == "rebuild" and rng.random() < 0.5:
            say("?", "rebuild")
            library.rebuild()
            say("=", "rebuild")


@dataclass
class Expected:
    """What was acknowledged over all runs."""

    held: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    done: int = 0

    def take(self, op: str, names: list[str]) -> None:
        self.done += op != "ready"
        if op == "add":
            self.held |= set(names)
            self.removed -= set(names)
        elif op == "remove":
            self.held -= set(names)
            self.removed |= set(names)


def run_and_kill(folder: Path, music: Path, seed: int, expected: Expected) -> tuple[str, list[str]]:
    """Let a child work, kill it, note what it acknowledged; return the call it was in, if any."""
    command = [sys.executable, str(Path(__file__)), str(folder), str(music), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        first = child.stdout.readline()
        assert json.loads(first)[1] == "ready"
        time.sleep(np.random.default_rng(seed).uniform(0.0, 1.5))
        assert child.poll() is None, "it ended by itself"
        child.kill()
        lines = child.stdout.read().split(b"\n")
    doing: tuple[str, list[str]] = ("nothing", [])
    for line in lines[:-1]:
        mark, op, names = json.loads(line)
        if mark == "?":
            doing = (op, names)
        else:
            expected.take(op, names)
            doing = ("nothing", [])
    return doing


def settle(doing: tuple[str, list[str]], now: set[str], expected: Expected) -> None:
    """Take over what the call that was cut off may have done, and nothing else."""
    op, names = doing
    if op == "add":
        expected.take("add", sorted(set(names) & now))  # committed in batches
    elif op == "remove":
        gone = set(names) - now
        assert gone in (set(), set(names)), "half of a removal took place"
        expected.take("remove", sorted(gone))


def compare(folder: Path, clips: dict[str, bytes], expected: Expected, doing, seed: int) -> None:
    with Library.open(settings=settings_of(folder)) as library:
        now = {Path(track.source).stem for track in library.tracks()}
        settle(doing, now, expected)
        assert now == expected.held
        assert library.check() == []
        rng = np.random.default_rng(seed)
        for name in rng.permutation(sorted(expected.held))[:3].tolist():
            answer = library.identify(clips[name])
            assert answer.best is not None, f"{name} is not found"
            assert Path(answer.best.track.source).stem == name
        for name in rng.permutation(sorted(expected.removed))[:2].tolist():
            found = {
                Path(match.track.source).stem for match in library.identify(clips[name]).matches
            }
            assert name not in found, f"{name} came back"
            assert found <= expected.held


@pytest.mark.slow
def test_kill_nine_loses_nothing_and_returns_nothing(tmp_path, music):
    place = tmp_path / "music"
    place.mkdir()
    clips = {}
    for seed in range(FILES):
        samples = music(1000 + seed, TRACK_S)
        soundfile.write(place / f"{seed}.wav", samples, RATE_HZ)
        clip = tmp_path / "clip.wav"
        soundfile.write(clip, samples[: 3 * RATE_HZ], RATE_HZ)
        clips[str(seed)] = clip.read_bytes()
    expected, cut_off = Expected(), []
    for seed in range(RUNS):
        doing = run_and_kill(tmp_path / "library", place, seed, expected)
        cut_off.append(doing[0])
        compare(tmp_path / "library", clips, expected, doing, seed)
    assert expected.done >= RUNS, cut_off
    assert set(cut_off) - {"nothing"}, "no kill came in the middle of anything"
    with Library.open(settings=settings_of(tmp_path / "library")) as library:
        report = library.add(place)  # what is missing can be added again
        assert not report.failed
        assert report.unchanged == len(expected.held)
        assert len(library) == FILES


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
