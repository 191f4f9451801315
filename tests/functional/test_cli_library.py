from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earmark import Library

RATE_HZ = 16000


@pytest.fixture
def run(earmark):
    """Run a command on the library ``lib``."""
    return lambda *arguments, **more: earmark("--library", "lib", *arguments, **more)


def test_add_tells_counts_in_its_last_line(run, write, tmp_path):
    write("music/1.wav", 1)
    (tmp_path / "music" / "text.mp3").write_text("no music" * 100)
    ran = run("add", "music", "--json")
    assert ran.code == 3
    report = ran.lines[-1]
    assert set(report) == {"added", "unchanged", "failed", "audio_s", "wall_s"}
    assert (report["added"], report["unchanged"], report["audio_s"]) == (1, 0, 12.0)
    assert [(Path(f["input"]).name, f["code"]) for f in report["failed"]] == [
        ("text.mp3", "not_audio")
    ]
    again = run("add", "music/1.wav", "--json")
    assert (again.code, again.lines[-1]["unchanged"]) == (0, 1)
    people = run("add", "music")
    assert people.code == 3
    assert "added 0, unchanged 1, failed 1" in people.out
    assert people.err.startswith("earmark: ")
    assert "[not_audio]" in people.err


def test_a_folder_without_audio(run, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = run("add", "empty", "--json")
    assert ran.code == 3
    assert "no audio file" in ran.lines[-1]["failed"][0]["message"]


def test_a_file_under_an_id_of_ones_own(run, write):
    write("1.wav", 1)
    write("2.wav", 2)
    assert "added 1, unchanged 0" in run("add", "1.wav", "--id", "night-1", "--tag", "mine").out
    assert "added 0, unchanged 1" in run("add", "1.wav", "--id", "night-1").out
    assert "added 1 (1 replaced)" in run("add", "2.wav", "--id", "night-1").out
    (track,) = run("list", "--json").lines
    assert (track["id"], track["tags"]) == ("night-1", ["mine"])
    assert Path(track["source"]).is_absolute()
    assert run("add", "nosuch.wav", "--id", "x").code == 3
    for senseless in (("1.wav", "2.wav", "--id", "x"), ("1.wav", "--id", "a/b")):
        ran = run("add", *senseless)
        assert (ran.code, "Traceback" in ran.err) == (2, False)


def test_a_track_that_is_here_twice(run, write, music):
    write("1.wav", music(1))
    write("louder.wav", music(1)[16000:] * 0.7)
    write("2.wav", music(2))
    run("add", "1.wav", "louder.wav", "2.wav")
    ids = {Path(track["source"]).name: track["id"] for track in run("list", "--json").lines}
    found = run("duplicates", ids["1.wav"], "--limit", "1", "--json")
    (best,) = found.lines[0]["matches"]
    assert (found.code, best["track"]["id"]) == (0, ids["louder.wav"])
    assert "louder" in run("duplicates", ids["1.wav"]).out
    run("remove", ids["louder.wav"], ids["2.wav"])
    assert run("duplicates", ids["1.wav"]).code == 1
    assert run("duplicates", "nosuch").code == 3


def test_the_life_of_a_track(run, write):
    write("music/1.wav", 1)
    write("music/2.wav", 2)
    run("add", "music", "--tag", "mine")
    tracks = run("list", "--json").lines
    assert [Path(track["source"]).name for track in tracks] == ["1.wav", "2.wav"]
    assert set(tracks[0]) == {
        "id",
        "source",
        "content_id",
        "duration_s",
        "title",
        "artist",
        "album",
        "tags",
        "extra",
        "added_at",
    }
    first, second = (track["id"] for track in tracks)
    changed = run(
        "update", first, "--title", "Ünique", "--tag", "a", "--tag", "b", "--extra", "k=v", "--json"
    ).lines[0]
    assert (changed["title"], changed["tags"], changed["extra"]) == (
        "Ünique",
        ["a", "b"],
        {"k": "v"},
    )
    assert run("show", first, "--json").lines[0] == changed
    assert [t["id"] for t in run("list", "ünique", "--json").lines] == [first]
    assert [t["id"] for t in run("list", "--after", first, "--json").lines] == [second]
    assert "Ünique" in run("list").out
    assert "Ünique" in run("show", first).out
    assert run("remove", first, "--json").lines == [{"removed": 1}]
    assert [t["id"] for t in run("list", "--json").lines] == [second]
    assert run("show", first).code == 3
    assert run("remove", first).code == 3
    assert run("update", second, "--extra", "novalue").code == 2


def test_upkeep(run, write):
    write("music/1.wav", 1)
    run("add", "music")
    stats = run("stats", "--json").lines[0]
    assert (stats["tracks"], stats["audio_s"]) == (1, 12.0)
    assert "tracks" in run("stats").out
    assert run("doctor", "--json").lines == [{"sound": True, "faults": []}]
    for path in Path(run("list").out and "lib", "index").glob("x"):
        path.unlink()
    assert run("rebuild", "--json").lines[0]["indexed"] == 1
    assert "indexed 1" in run("rebuild").out
    assert run("doctor").out == "sound\n"


def test_a_library_of_other_parameters_names_the_command_that_mends_it(run, write, song):
    write("music/1.wav", 1)
    run("add", "music")
    clip = write("clip.wav", song(1)[3 * RATE_HZ : 8 * RATE_HZ])
    new = {"EARMARK_TONES_DIGEST": "tones-2"}
    ran = run("identify", "--mode", "sound", "--json", clip, **new)
    assert (ran.code, ran.lines[0]["code"]) == (4, "library_parameters")
    assert "earmark --library lib rebuild" in ran.err
    assert run("doctor", **new).code == 4
    assert run("rebuild", **new).code == 0
    assert run("identify", "--mode", "sound", clip, **new).code == 0


def test_a_damaged_library_file(run, write, tmp_path):
    write("music/1.wav", 1)
    run("add", "music")
    (tmp_path / "lib" / "library.json").write_text("{")
    ran = run("list")
    assert ran.code == 4
    assert "rebuild" in ran.err
    assert run("rebuild").code == 0
    assert len(run("list", "--json").lines) == 1


def test_carrying(run, earmark, write):
    write("music/1.wav", 1)
    run("add", "music")
    assert run("export", "all.earmark", "--json").lines[0]["tracks"] == 1
    assert run("export", "all.earmark").code == 2
    assert run("export", "all.earmark", "--force").code == 0
    assert earmark("--library", "b", "import", "all.earmark", "--json").lines[0]["tracks"] == 1
    again = earmark("--library", "b", "import", "all.earmark")
    assert "1 were here already" in again.out
    assert earmark("--library", "b", "import", "music/1.wav").code == 3
    assert earmark("--library", "b", "list", "--json").lines[0]["source"].endswith("1.wav")


def test_help_and_version(earmark):
    assert earmark("--version").out.startswith("earmark 0.")
    helped = earmark("--help")
    assert helped.code == 0
    commands = "add identify list show update remove stats rebuild doctor export import bench"
    for command in commands.split():
        assert command in helped.out
        assert earmark(command, "--help").code == 0
    assert earmark("nonsense").code == 2
    assert earmark("bench", "nonsense", "--music", ".").code == 2
    assert earmark("add").code == 2


def test_a_reader_that_goes_away(tones, earmark, write):
    write("music/1.wav", 1)
    earmark("--library", "lib", "add", "music")
    command = f"{sys.executable} -m earmark --library lib list --json | true"
    path = str(Path(__file__).parents[2] / "src")
    environment = os.environ | {"PYTHONPATH": f"{path}:{os.environ['PYTHONPATH']}"}
    folder = write("x.wav", 1).parent
    ran = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True)
    assert ran.stderr == b""


def test_ctrl_c_keeps_what_is_done(tones, write, song, settings, earmark):
    for seed in range(200):
        path = write(f"music/{seed:03d}.wav", song(seed, 3.0))
    source = str(Path(__file__).parents[2] / "src")
    command = [sys.executable, "-m", "earmark", "--library", settings.library, "add", "music"]
    process = subprocess.Popen(
        [*command, "--json", "--workers", "1"],
        cwd=path.parents[1],
        env=os.environ | {"PYTHONPATH": f"{source}:{os.environ['PYTHONPATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with Library.open(create=True, settings=settings) as library:
        while len(library) == 0 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert b"run the same command again" in err
        held = len(library)
        assert held == json.loads(out)["added"]
        assert 0 < held < 200
        rest = library.add(path.parent)
        assert (rest.added, rest.unchanged) == (200 - held, held)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    try:
        done = subprocess.run(command, capture_output=True)
    except OSError as error:
        pytest.skip(f"a full disk cannot be tried: no mount program ({error})")
    if done.returncode:
        pytest.skip("a full disk cannot be tried: mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_what_was_acknowledged(earmark, small_disk, write, song):
    library = small_disk / "lib"
    first = write("first/0.wav", 0)
    assert earmark("--library", library, "add", first).code == 0
    filler = small_disk / "filler"
    room = shutil.disk_usage(small_disk).free
    filler.write_bytes(b"x" * max(0, room - 4096))
    for seed in range(1, 40):
        write(f"music/{seed}.wav", seed)
    ran = earmark("--library", library, "add", "music")
    assert ran.code == 4, ran.err
    assert len(ran.err.splitlines()) == 1
    assert "no room left" in ran.err
    filler.unlink()
    clip = write("clip.wav", song(0)[3 * RATE_HZ : 8 * RATE_HZ])
    assert earmark("--library", library, "identify", "--mode", "sound", clip).code == 0
    assert earmark("--library", library, "doctor").code == 0
