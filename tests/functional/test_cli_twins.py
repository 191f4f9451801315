"""``earmark dedupe`` and ``earmark compare`` as the program runs them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

RATE_HZ = 16000


@pytest.fixture
def run(earmark):
    """Run a command on the library ``lib``."""
    return lambda *arguments, **more: earmark("--library", "lib", *arguments, **more)


def test_groups_as_tables_and_as_lines_to_remove_and_tracks_compared(run, write, music, tmp_path):
    """One program after another on one library: each start costs a second."""
    pytest.importorskip("matplotlib")
    one = music(1)
    write("in/one.wav", one)
    shutil.copy(tmp_path / "in/one.wav", tmp_path / "in/copy.wav")
    write("in/quiet.ogg", 0.3 * one[2 * RATE_HZ :], format="OGG", subtype="VORBIS")
    write("in/other.wav", music(2))
    run("add", "in", "--workers", "1")
    people = run("dedupe", "--kind", "exact", "--kind", "recording")
    assert people.code == 0, people.err
    assert "exact: the same samples; saves" in people.out
    assert "0:00.0-0:18.0 is 0:02.0-0:20.0" in people.out
    assert "2 groups among 4 tracks" in people.out
    ran = run("dedupe", "--json", "--kind", "recording")
    group, totals = ran.lines
    assert (group["kind"], len(group["members"]), totals["groups"]) == ("recording", 3, 1)
    quiet = next(m for m in group["members"] if m["track"]["source"].endswith("quiet.ogg"))
    assert quiet["track"]["id"] in group["remove"]
    told = run("compare", group["keep"], quiet["track"]["id"], "--plot", "both.png")
    assert told.code == 0, told.err
    assert told.out.startswith("the same recording, B is 2.0 s shorter at the start")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    assert run("remove", *group["remove"], "--json").lines == [{"removed": 2}]
    none = run("dedupe", "--kind", "recording", "--json")
    assert (none.code, [line["groups"] for line in none.lines]) == (1, [0])
    unknown = run("dedupe", "--kind", "twin")
    assert (unknown.code, "'twin'" in unknown.err) == (2, True)


def test_two_files_without_any_library(earmark, write, music, tmp_path):
    samples = music(5)
    write("a.wav", samples)
    write("b.flac", samples[5 * RATE_HZ : 16 * RATE_HZ])
    ran = earmark("compare", "a.wav", "b.flac", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found["relation"], found["a"]["track_id"]) == ("excerpt", None)
    assert found["segments"][0]["query"]["start_s"] == pytest.approx(5.0, abs=0.1)
    assert not (tmp_path / "earmark-library").exists()
    write("noise.wav", np.random.default_rng(1).normal(0, 0.1, 10 * RATE_HZ))
    different = earmark("compare", "a.wav", "noise.wav")
    assert (different.code, different.out.splitlines()[0]) == (1, "nothing in common")
    assert earmark("compare", "a.wav", "missing.wav").code in (3, 4)
