"""One process writes, others read without a hitch; a second writer waits or is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earmark import Library

RATE_HZ = 16_000
SOURCE = Path(__file__).parents[2] / "src"
TRACKS = 10

READER = """
import json, sys
from pathlib import Path
from earmark import Library
clips = {path.stem: path.read_bytes() for path in sorted(Path(sys.argv[2]).iterdir())}
seen, asked, forgot = set(), 0, []
with Library.open(sys.argv[1]) as library:
    print("ready", flush=True)
    while not Path(sys.argv[3]).exists() or seen != set(clips):
        for name, clip in clips.items():
            asked += 1
            best = library.identify(clip).best
            if best and Path(best.track.source).stem == name:
                seen.add(name)
            elif name in seen:
                forgot.append(name)
print(json.dumps([sorted(seen), asked, forgot]))
"""

HOLDER = """
import sys
from earmark.stores.sqlite import SqliteTrackStore
store = SqliteTrackStore(__import__("pathlib").Path(sys.argv[1]), 5.0)
with store.writing():
    print("held", flush=True)
    sys.stdin.readline()
"""


def start(code, *arguments, **pipes):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **pipes,
    )


@pytest.fixture
def files(write, music):
    """Tracks in ``music`` and a clip of each in ``clips``."""
    for seed in range(TRACKS):
        samples = music(1000 + seed, 5.0)
        write(f"music/{seed}.wav", samples)
        write(f"clips/{seed}.wav", samples[: 4 * RATE_HZ])


@pytest.mark.slow
def test_readers_follow_a_writer_without_an_error(files, settings, tmp_path):
    stop = tmp_path / "stop"
    with Library.open(create=True, settings=settings) as library:
        library.add(tmp_path / "music" / "0.wav", workers=1)
        readers = [start(READER, settings.library, tmp_path / "clips", stop) for _ in range(2)]
        try:
            for reader in readers:
                assert reader.stdout.readline() == "ready\n"
            for seed in range(1, TRACKS, 3):
                names = [
                    tmp_path / "music" / f"{i}.wav" for i in range(seed, min(TRACKS, seed + 3))
                ]
                assert library.add(names, workers=1).added == len(names)
            library.rebuild()  # what readers have mapped is replaced under their feet
            stop.touch()
            for reader in readers:
                out, err = reader.communicate(timeout=60)
                assert (reader.returncode, err) == (0, "")
                seen, asked, forgot = json.loads(out)
                assert sorted(seen, key=int) == [str(seed) for seed in range(TRACKS)]
                assert asked >= TRACKS
                assert forgot == []
        finally:
            for reader in readers:
                reader.kill()
                reader.communicate()


def test_a_removal_is_seen_by_the_next_question_of_another_process(files, settings, tmp_path):
    clip = (tmp_path / "clips" / "1.wav").read_bytes()
    with (
        Library.open(create=True, settings=settings) as one,
        Library.open(settings=settings) as other,
    ):
        one.add([tmp_path / "music" / f"{i}.wav" for i in range(3)], workers=1)
        best = other.identify(clip).best
        assert best.track.source.endswith("1.wav")
        code = (
            "import sys; from earmark import Library; Library.open(sys.argv[1]).remove(sys.argv[2])"
        )
        out, err = start(code, settings.library, best.track.id).communicate(timeout=60)
        assert (out, err) == ("", "")
        for library in (one, other):
            found = {match.track.id for match in library.identify(clip).matches}
            assert best.track.id not in found


def test_a_second_writer_is_told_after_its_wait(earmark, files, tmp_path):
    with Library.open(tmp_path / "lib", create=True) as library:
        library.add(tmp_path / "music" / "0.wav", workers=1)
    holder = start(HOLDER, tmp_path / "lib", stdin=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == "held\n"
        began = time.monotonic()
        ran = earmark("--library", "lib", "add", "music/1.wav", EARMARK_LOCK_WAIT_S="0.3")
        assert time.monotonic() - began < 30
        assert ran.code == 4
        assert len(ran.err.splitlines()) == 1
        assert "waited 0.3 s" in ran.err
        clip = earmark("--library", "lib", "identify", "--json", "clips/0.wav")
        assert (clip.code, clip.err) == (0, "")  # readers do not wait
    finally:
        holder.communicate("\n", timeout=30)
    with Library.open(tmp_path / "lib") as library:
        assert library.add(tmp_path / "music" / "1.wav", workers=1).added == 1


def test_two_writers_take_turns(files, settings, tmp_path):
    code = (
        "import sys; from earmark import Library\n"
        "with Library.open(sys.argv[1], create=True) as library:\n"
        "    for path in sys.argv[2:]:\n"
        "        assert library.add(path, workers=1).added == 1\n"
    )
    paths = sorted((tmp_path / "music").iterdir())[:4]
    writers = [start(code, settings.library, *paths[part::2]) for part in (0, 1)]
    for writer in writers:
        _, err = writer.communicate(timeout=120)
        assert (writer.returncode, err) == (0, "")
    with Library.open(settings=settings) as library:
        assert {track.source for track in library.tracks()} == {str(path) for path in paths}
        assert library.check() == []
        for path in paths:
            clip = tmp_path / "clips" / path.name
            assert library.identify(clip).best.track.source == str(path)
