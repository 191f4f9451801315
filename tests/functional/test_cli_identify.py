from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

RATE_HZ = 16000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the first test leaves a copy of the library that it made, for the others."""
    return tmp_path_factory.mktemp("made") / "lib"


@pytest.fixture
def lib(earmark, write, made, tmp_path):
    """A library of two songs beside the test's other files, and a clip of the second."""
    if made.exists():
        shutil.copytree(made, tmp_path / "lib")
        return "lib"
    for seed in (1, 2):
        write(f"music/song {seed}.wav", seed)
    ran = earmark("--library", "lib", "add", "music")
    assert ran.code == 0, ran.err
    shutil.copytree(tmp_path / "lib", made)
    return "lib"


@pytest.fixture
def clip(write, song):
    return write("clip.wav", song(2)[3 * RATE_HZ : 8 * RATE_HZ])


def test_one_object_per_input_in_input_order(earmark, lib, clip, write, song):
    write("unknown.wav", song(99)[3 * RATE_HZ : 8 * RATE_HZ])
    ran = earmark(
        "--library", lib, "identify", "--mode", "sound", "--json", "unknown.wav", "none.wav", clip
    )
    assert ran.code == 3
    first, second, third = ran.lines
    assert (first["input"], first["outcome"]) == ("unknown.wav", "no_match")
    assert (second["input"], second["outcome"], second["code"]) == (
        "none.wav",
        "error",
        "not_found",
    )
    assert third["outcome"] == "match"
    match = third["matches"][0]
    assert match["track"]["source"].endswith("music/song 2.wav")
    assert match["segments"][0]["reference"]["start_s"] == 3.0
    assert set(match) == {
        "kind",
        "track",
        "confidence",
        "score",
        "segments",
        "time_ratio",
        "pitch_shift_semitones",
        "duplicates",
        "evidence",
    }
    assert set(third) == {
        "input",
        "outcome",
        "reason",
        "query",
        "matches",
        "considered",
        "timing_ms",
    }
    assert ran.err.startswith("earmark: none.wav does not exist")
    assert len(ran.err.splitlines()) == 1


def test_exit_codes(earmark, lib, clip, write, song):
    unknown = write("unknown.wav", song(99)[3 * RATE_HZ : 8 * RATE_HZ])
    ask = ("--library", lib, "identify", "--mode", "sound")
    assert earmark(*ask, clip).code == 0
    assert earmark(*ask, clip, unknown).code == 1
    assert earmark(*ask, "--limit", "0", clip).code == 2
    assert earmark(*ask, "--mode", "nonsense", clip).code == 2
    assert earmark("--library", "none", "identify", clip).code == 4


def test_people_get_a_table(earmark, lib, clip):
    ran = earmark("--library", lib, "identify", "--mode", "sound", clip)
    assert "song 2" in ran.out
    assert "at 0:03.0" in ran.out
    assert ran.err == ""


def test_stdin(earmark, lib, clip):
    ran = earmark(
        "identify", "--library", lib, "--mode", "sound", "--json", "-", stdin=clip.read_bytes()
    )
    assert (ran.code, ran.lines[0]["input"], ran.lines[0]["outcome"]) == (0, "-", "match")


def test_the_recording_engine_answers_by_default(earmark, lib, clip):
    ran = earmark("--library", lib, "identify", "--json", clip)
    match = ran.lines[0]["matches"][0]
    assert match["kind"] == "recording"
    assert match["track"]["source"].endswith("song 2.wav")
    assert abs(match["segments"][0]["reference"]["start_s"] - 3.0) < 0.05
    assert ran.lines[0]["considered"][0]["mode"] == "recording"
    assert set(ran.lines[0]["timing_ms"]) >= {"decode", "search"}


def test_stdin_for_every_engine(earmark, lib, clip):
    ran = earmark("identify", "--library", lib, "--json", "-", stdin=clip.read_bytes())
    assert (ran.code, ran.lines[0]["outcome"]) == (0, "match")


def test_silence_and_shortness(earmark, lib, write, song):
    write("silent.wav", np.zeros(3 * RATE_HZ))
    write("short.wav", song(1)[: RATE_HZ // 20])
    ran = earmark(
        "--library", lib, "identify", "--mode", "sound", "--json", "silent.wav", "short.wav"
    )
    silent, short = ran.lines
    assert silent["outcome"] == "no_match"
    assert silent["reason"].startswith("the clip is silent (peak -")
    assert (short["outcome"], short["code"]) == ("error", "too_short")
    assert ran.code == 3


def test_a_missing_library_answers_every_input(earmark, clip):
    ran = earmark("--library", "none", "identify", "--json", clip, clip)
    assert ran.code == 4
    assert [line["code"] for line in ran.lines] == ["library_not_found"] * 2
    assert ran.err.startswith("earmark: no library at 'none'")


def test_the_library_of_the_environment(earmark, lib, clip):
    ran = earmark("identify", "--mode", "sound", "--json", clip, EARMARK_LIBRARY=lib)
    assert ran.code == 0


def test_a_picture_without_matplotlib_is_one_sentence(earmark, lib, clip, tmp_path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'matplotlib':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    ran = earmark(
        "--library",
        lib,
        "identify",
        "--plot",
        "out.png",
        clip,
        path=[tmp_path / "hidden"],
    )
    assert ran.code == 2
    assert "earmark[plot]" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_names_that_are_no_utf_8(earmark, lib, clip, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    odd.write_bytes(clip.read_bytes())
    ran = earmark("--library", lib, "identify", "--mode", "sound", "--json", odd)
    assert ran.code == 0
    assert json.loads(ran.out)["input"].endswith("caf\udce9.wav")
