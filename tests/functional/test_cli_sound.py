"""Sounds from the command line: the real program, on a library that is made once."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE_HZ = 16000
HERE = Path(__file__)
PATHS = [HERE.parents[2] / "src", HERE.parents[1] / "plugins_models"]
TIME_S = np.arange(3 * RATE_HZ) / RATE_HZ


DEEP = ("--tag", "deep", "--without", "melody")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture(scope="module")
def program(warm_program):
    """Run the program in a folder, on the library ``lib`` there."""

    def ran(place, *arguments, **environment):
        told = {
            name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")
        }
        told["PYTHONPATH"] = os.pathsep.join(map(str, PATHS))
        told["XDG_CACHE_HOME"] = str(place / "cache")
        words = ["--library", "lib", *map(str, arguments)]
        code, out, err = warm_program.run(words, place, told | environment)
        return Ran(code, out.decode(), err.decode())

    return ran


@pytest.fixture(scope="module")
def made(program, tmp_path_factory, music):
    """A hum, a hum with music behind it, and a whistle, heard with ``ears``."""
    place = tmp_path_factory.mktemp("sounds")
    hum, whistle = (0.3 * np.sin(2 * np.pi * hz * TIME_S) for hz in (70, 3000))
    later = np.concatenate([hum, np.zeros(9 * RATE_HZ), music(1, 8.0)])
    for name, samples in {"low/hum": hum, "low/later": later, "high/whistle": whistle}.items():
        (place / name).parent.mkdir(exist_ok=True)
        soundfile.write(place / f"{name}.wav", samples, RATE_HZ)
    soundfile.write(place / "clip.wav", 0.8 * hum[: 2 * RATE_HZ], RATE_HZ)
    soundfile.write(place / "tiny.wav", hum[:400], RATE_HZ)
    first = program(place, "add", "low", "--model", "ears", *DEEP, "--json")
    assert (first.code, first.err, first.json["added"]) == (0, "", 2)
    assert program(place, "add", "high", "--model", "ears").code == 0
    return place


@pytest.fixture
def run(program, made):
    """Run a command on it; nothing may change the library."""
    return lambda *arguments, **environment: program(made, *arguments, **environment)


@pytest.fixture
def own(program, made, tmp_path):
    """Run a command on a copy of it."""
    shutil.copytree(made, tmp_path / "own")
    return lambda *arguments, **environment: program(tmp_path / "own", *arguments, **environment)


@pytest.fixture(scope="module")
def ids(program, made):
    lines = program(made, "list", "--json").out.splitlines()
    tracks = [json.loads(line) for line in lines]
    return {Path(track["source"]).stem: track["id"] for track in tracks}


def named(ran):
    return [Path(match["track"]["source"]).stem for match in ran.json["matches"]]


SPAN = {"start_s", "end_s"}


def test_identify_by_sound(run):
    ran = run("identify", "--mode", "sound", "--json", "clip.wav")
    assert (ran.code, ran.err) == (0, "")
    answer = ran.json
    assert set(answer) == {
        *("input", "outcome", "reason", "query", "matches", "considered", "timing_ms"),
    }
    assert (answer["input"], answer["outcome"]) == ("clip.wav", "match")
    assert answer["considered"][0]["mode"] == "sound"
    best = answer["matches"][0]
    assert set(named(ran)[:2]) == {"hum", "later"}
    assert set(best) == {
        *("kind", "track", "confidence", "score", "segments", "time_ratio"),
        *("pitch_shift_semitones", "duplicates", "evidence"),
    }
    assert best["kind"] == "sound"
    assert set(best["segments"][0]["query"]) == set(best["segments"][0]["reference"]) == SPAN
    assert best["evidence"]["labels"]["Hum"] > 0.9
    assert best["evidence"]["similarity"] == best["score"]
    assert 0.0 < best["confidence"] < 1.0
    shown = run("identify", "--mode", "sound", "clip.wav")
    assert shown.code == 0
    assert "Hum 1.00" in shown.out
    assert shown.out.split()[2] == "alike"


def test_similar_by_track_moment_and_file(run, ids):
    ran = run("similar", ids["later"], "--at", "1", "--limit", "1", "--json")
    assert (ran.code, ran.err, named(ran)) == (0, "", ["hum"])
    assert ran.json["input"] == ids["later"]
    assert ran.json["query"] is None
    whole = run("similar", ids["later"], "--kind", "file", "--json").json
    assert all(len(match["segments"]) == 1 for match in whole["matches"])
    shown = run("similar", ids["later"], "--at", "1", "--limit", "1")
    assert shown.code == 0
    assert "hum" in shown.out


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (("--tag", "deep"), {"hum", "later"}),
        (("--tag", "deep", "--tag", "none"), set()),
        (("--folder", "low"), {"hum", "later"}),
        (("--longest", "5", "--folder", "low/"), {"hum"}),
        (("--shortest", "5"), {"later"}),
        (("--label", "hum"), {"hum", "later"}),
    ],
)
def test_narrowed(run, narrow, expected):
    ran = run("identify", "--mode", "sound", "--json", *narrow, "clip.wav")
    assert (ran.code, set(named(ran))) == (0 if expected else 1, expected)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--label", "horse", "--mode", "sound"), "no label 'horse'; it has Hum, Tone, Whistle"),
        (("--label", "hum", "--mode", "recording"), "mode 'sound', not 'recording'"),
        (("--kind", "file"), "mode 'sound', not 'auto'"),
        (("--shortest", "9", "--longest", "3"), "leave no track"),
        (("--kind", "nonsense"), "nonsense"),
    ],
)
def test_questions_without_sense(run, arguments, told):
    ran = run("identify", *arguments, "clip.wav")
    assert ran.code == 2
    assert told in " ".join(ran.err.split())
    assert ran.out == ""


def test_other_exit_codes(run, ids):
    short = run("identify", "--mode", "sound", "--json", "tiny.wav")
    assert (short.code, short.json["code"]) == (3, "too_short")
    unknown = run("similar", "nonsense")
    assert (unknown.code, "nonsense" in unknown.err) == (3, True)
    beyond = run("similar", ids["hum"], "--at", "99")
    assert (beyond.code, "3.0 s long; there is no 99 s" in beyond.err) == (2, True)
    still = run("similar", ids["later"], "--at", "7.5", "--tag", "none")
    assert still.code == 1
    nobody = run("similar", ids["hum"], "--tag", "none")
    assert (nobody.code, nobody.out.startswith("no match: nothing else")) == (1, True)


def test_stats_name_the_model(run):
    assert run("stats", "--json").json["choices"]["sound"]["model"] == "ears"
    assert "model ears" in run("stats").out


def test_adding_with_another_model_is_refused(own):
    refused = own("add", "clip.wav", "--model", "ear-horn")
    assert refused.code == 2
    assert "earmark rebuild --model ear-horn" in refused.err
    assert own("list").out.count("clip") == 0
    assert own("add", "clip.wav", "--model", "auto").code == 0


def test_rebuild_for_another_model(own):
    unknown = own("rebuild", "--model", "nonsense")
    assert (unknown.code, "no sound model is called 'nonsense'" in unknown.err) == (2, True)
    missing = own("rebuild", "--model", "far-ears")
    assert (missing.code, "far_ears.bin" in missing.err) == (4, True)
    assert "model ears" in own("stats").out
    done = own("rebuild", "--model", "ear-horn", "--json")
    assert (done.code, done.json["analysed"], done.json["missing"]) == (0, 3, [])
    assert own("stats", "--json").json["choices"]["sound"]["model"] == "ear-horn"
    assert own("identify", "--mode", "sound", "clip.wav").code == 0


def test_missing_weights(own, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "far_ears.bin").write_bytes(b"far ears")
    here = {"EARMARK_MODELS": str(folder)}
    assert own("rebuild", "--model", "far-ears", **here).code == 0
    assert own("identify", "--mode", "sound", "clip.wav", **here).code == 0
    ran = own("identify", "--mode", "sound", "--json", "clip.wav")
    assert (ran.code, ran.json["code"]) == (4, "model_unavailable")
    assert ran.err.count("\n") == 1
    answer = own("identify", "--json", "high/whistle.wav").json
    assert any("far_ears.bin" in said.get("skipped", "") for said in answer["considered"]) or (
        answer["matches"][0]["kind"] == "recording"
    )
    hum = next(line for line in own("list", "--json").out.splitlines() if "hum.wav" in line)
    assert own("similar", json.loads(hum)["id"], "--json").code == 0


def test_damaged_statistics(own, tmp_path):
    (tmp_path / "own" / "lib" / "index" / "sound" / "statistics").write_bytes(b"spoilt")
    ran = own("identify", "--mode", "sound", "clip.wav")
    assert (ran.code, "run `earmark rebuild`" in ran.err) == (4, True)
    assert own("doctor").code == 4
    assert own("rebuild").code == 0
    assert own("identify", "--mode", "sound", "clip.wav").code == 0
    assert own("doctor").code == 0
