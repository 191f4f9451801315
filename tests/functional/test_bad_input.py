"""The list of bad input, through the program: one sentence, its code, and the rest goes on."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings

RATE_HZ = 16_000
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def inputs(write, music, tmp_path):
    """Every bad or odd file beside a good one; name -> code of the error, or None."""
    good = music(1, 8.0)
    write("in/good.wav", good)
    flac = write("in/truncated.flac", good).read_bytes()
    Path(tmp_path / "in" / "truncated.flac").write_bytes(flac[: len(flac) // 2])
    (tmp_path / "in" / "cut.wav").write_bytes((tmp_path / "in" / "good.wav").read_bytes()[:30])
    (tmp_path / "in" / "empty.wav").write_bytes(b"")
    write("in/zero.wav", np.zeros(0))
    write("in/silent.wav", np.zeros(3 * RATE_HZ))
    write("in/short.wav", good[: RATE_HZ // 20])
    write("in/8bit.wav", good, subtype="PCM_U8")
    write("in/192k.wav", np.repeat(good, 12), 192_000)
    write("in/8channels.wav", np.repeat(good[:, None], 8, axis=1))
    write("in/nan.wav", np.full(2 * RATE_HZ, np.nan), subtype="FLOAT")
    half = good.copy()
    half[RATE_HZ : RATE_HZ + 100] = np.nan
    write("in/somenan.wav", half, subtype="FLOAT")
    (tmp_path / "in" / "text.mp3").write_text("this is no music\n" * 200)
    return {
        "good.wav": None,
        "truncated.flac": None,
        "cut.wav": "not_audio",
        "empty.wav": "empty",
        "zero.wav": "empty",
        "silent.wav": "silent",
        "short.wav": "too_short",
        "8bit.wav": None,
        "192k.wav": None,
        "8channels.wav": None,
        "nan.wav": "silent",
        "somenan.wav": None,
        "text.mp3": "not_audio",
    }


def sentences(ran):
    """Standard error as sentences; nothing that only a programmer could read."""
    lines = ran.err.splitlines()
    assert all(line.startswith("earmark: ") for line in lines), ran.err
    assert "Traceback" not in ran.err + ran.out
    return lines


def test_identify_answers_each(earmark, inputs, tmp_path):
    assert earmark("--library", "lib", "add", "in/good.wav").code == 0
    paths = [f"in/{name}" for name in inputs]
    ran = earmark("--library", "lib", "identify", "--json", *paths)
    answers = {Path(line["input"]).name: line for line in ran.lines}
    assert list(answers) == list(inputs)
    told = sentences(ran)
    for name, code in inputs.items():
        answer = answers[name]
        if code == "silent":  # a question about silence has an answer
            assert (answer["outcome"], answer.get("code")) == ("no_match", None)
            assert "silent" in answer["reason"]
        elif code:
            assert (answer["outcome"], answer["code"]) == ("error", code), answer
            assert answer["reason"].strip()
            assert sum(f"in/{name}" in line for line in told) == 1, told
        else:
            assert answer["outcome"] == "match", answer
            assert answer["matches"][0]["track"]["source"].endswith("good.wav")
    assert ran.code == 3
    for name in ("truncated.flac", "nan.wav", "somenan.wav"):
        assert len(answers[name]["warnings"]) == 1
    assert len(told) == 8, told


def test_add_takes_what_it_can_and_reports_the_rest(earmark, inputs, tmp_path):
    (tmp_path / "in" / "folder").mkdir()
    ran = earmark("--library", "lib", "add", "in", "in/folder", "none.wav", "--json")
    report = ran.lines[-1]
    assert ran.code == 3
    failed = {Path(f["input"]).name: f["code"] for f in report["failed"]}
    want = {name: code for name, code in inputs.items() if code} | {
        "folder": failed.get("folder"),
        "none.wav": "not_found",
    }
    assert failed == want
    assert report["added"] == sum(code is None for code in inputs.values())
    assert all(f["message"].strip() and "\n" not in f["message"] for f in report["failed"])
    sentences(ran)
    assert earmark("--library", "lib", "doctor").code == 0


def test_a_file_that_may_not_be_read(inputs, tmp_path):
    """As another user where this one may read everything."""
    secret = tmp_path / "in" / "good.wav"
    secret.chmod(0)
    how = {}
    if os.geteuid() == 0:
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            pytest.skip("root may read every file, and there is no user nobody")
        how = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        for folder in [tmp_path, *tmp_path.parents][:3]:
            folder.chmod(folder.stat().st_mode | 0o055)
        try:
            subprocess.run([sys.executable, "-c", "import numpy"], check=True, cwd="/", **how)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("root may read every file, and nobody else may run this Python")
    command = [sys.executable, "-m", "earmark", "--library", "/none", "identify", "--json"]
    ran = subprocess.run(
        [*command, str(secret)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        cwd="/",
        **how,
    )
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


# --- a library that is the trouble ---------------------------------------------------------------


@pytest.fixture(scope="module")
def made(music, tmp_path_factory):
    """A sound library of one track, to be copied, and a clip of it."""
    place = tmp_path_factory.mktemp("made")
    samples = music(1, 8.0)
    soundfile.write(place / "1.wav", samples, RATE_HZ)
    soundfile.write(place / "clip.wav", samples[RATE_HZ : 6 * RATE_HZ], RATE_HZ)
    settings = Settings(library=str(place / "lib"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        assert library.add(place / "1.wav").added == 1
    return place


@pytest.fixture
def lib(made, tmp_path):
    for name in ("1.wav", "clip.wav"):
        shutil.copy(made / name, tmp_path)
    return Path(shutil.copytree(made / "lib", tmp_path / "lib"))


def refused(earmark, code):
    """Return the one sentence that a question gets."""
    ran = earmark("--library", "lib", "identify", "--json", "clip.wav")
    assert (ran.code, ran.lines[0]["outcome"], ran.lines[0]["code"]) == (4, "error", code)
    (sentence,) = sentences(ran)
    return sentence


def mended(earmark, lib):
    """Follow the remedy; the library is as it was."""
    assert earmark("--library", "lib", "rebuild").code == 0
    with Library.open(lib) as library:
        assert library.check() == []
        assert library.identify(lib.parent / "clip.wav").best.track.source.endswith("1.wav")


def test_a_library_of_another_version(earmark, lib):
    manifest = json.loads((lib / "library.json").read_text())
    (lib / "library.json").write_text(json.dumps(manifest | {"version": 2}))
    assert "upgrade earmark" in refused(earmark, "library_version")
    ran = earmark("--library", "lib", "add", "1.wav")
    assert ran.code == 4
    assert len(sentences(ran)) == 1


def test_a_library_of_other_parameters(earmark, lib):
    manifest = json.loads((lib / "library.json").read_text())
    manifest["engines"]["recording"]["digest"] = "0" * 12
    (lib / "library.json").write_text(json.dumps(manifest))
    assert "rebuild" in refused(earmark, "library_parameters")
    mended(earmark, lib)


@pytest.mark.parametrize("how", ["cut", "flipped", "gone", "empty"])
def test_a_damaged_segment(earmark, lib, how):
    (path,) = lib.glob("index/recording/**/*.segment")
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": data[: len(data) // 2], "flipped": data, "empty": b""}[how])
    assert "rebuild" in refused(earmark, "damaged")
    if how == "flipped":
        doctor = earmark("--library", "lib", "doctor", "--json")
        assert (doctor.code, doctor.lines[0]["sound"]) == (4, False)
        mended(earmark, lib)


def test_a_damaged_database(earmark, lib):
    with (lib / "tracks.sqlite").open("r+b") as file:
        file.write(b"no database at all" * 10)
    refused(earmark, "damaged")


@pytest.mark.parametrize("place", ["none", "plain", "clip.wav"])
def test_no_library_and_what_is_none(earmark, lib, tmp_path, place):
    (tmp_path / "plain").mkdir()
    ran = earmark("--library", place, "identify", "--json", "clip.wav")
    assert (ran.code, ran.lines[0]["outcome"]) == (4, "error")
    assert len(sentences(ran)) == 1
