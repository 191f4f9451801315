"""`earmark scan` as people and scripts run it."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import openpyxl
import pytest
import soundfile
from typer.testing import CliRunner

from earmark import Library, Settings, UsageError
from earmark.cli.main import app

RATE_HZ = 16_000


def hiss(seconds: float, seed: int) -> np.ndarray:
    return 0.02 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


@pytest.fixture(scope="module")
def library(music, tmp_path_factory):
    """A library of two tracks, to be copied."""
    folder = tmp_path_factory.mktemp("library")
    for number, name in enumerate(("one", "two")):
        soundfile.write(folder / f"{name}.wav", music(number, 20.0), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as made:
        for engine in set(made.engines()) - {"recording"}:
            made.switch(engine, False)
        made.add([str(folder / "one.wav"), str(folder / "two.wav")])
    return folder / "library"


@pytest.fixture
def show(library, write, music, tmp_path):
    """The library, and a file that plays one of its tracks from second 4 to 19."""
    shutil.copytree(library, tmp_path / "earmark-library")
    samples = np.concatenate([hiss(4, 1), music(0, 20.0)[3 * RATE_HZ : 18 * RATE_HZ], hiss(6, 2)])
    return write("shows/first.wav", samples.astype(np.float32))


def test_a_table_json_and_reports_of_one_file(earmark, show, tmp_path):
    ran = earmark("scan", "shows/first.wav", "--csv", "a.csv", "--xlsx", "a.xlsx", "--srt", "a.srt")
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert "one" in ran.out
    assert "1 detection, 0:1" in ran.out
    assert "unknown: " in ran.out
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["input"] == "shows/first.wav"
    assert float(row["start_s"]) == pytest.approx(4.0, abs=1.0)
    assert openpyxl.load_workbook(tmp_path / "a.xlsx")["detections"].max_row == 2
    assert (tmp_path / "a.srt").read_text().splitlines()[2] == "one"

    # What is scanned already is told at once, under the same ids.
    (line,) = earmark("scan", "shows/first.wav", "--json").lines
    assert list(line)[:2] == ["input", "id"]
    assert (line["input"], line["id"]) == ("shows/first.wav", row["id"])
    assert line["segments"][0]["query"]["start_s"] == pytest.approx(4.0, abs=1.0)


def test_several_inputs_bad_ones_among_them(earmark, show, write, tmp_path):
    write("shows/unknown.wav", hiss(8, 5).astype(np.float32))
    (tmp_path / "shows" / "words.wav").write_text("no sound at all" * 50)
    (tmp_path / "labels").mkdir()
    ran = earmark(
        "scan",
        "shows",
        "nothing.wav",
        "--json",
        "--no-log",
        "--audacity",
        "labels",
        "--html",
        "a.html",
        "--timeline",
        "a.json",
    )
    assert ran.code == 3
    found = [line for line in ran.lines if "id" in line]
    assert [line["input"] for line in found] == ["shows/first.wav"]
    bad = {line["input"]: line for line in ran.lines if "id" not in line}
    assert {name: line["code"] for name, line in bad.items()} == {
        "nothing.wav": "not_found",
        "shows/words.wav": "not_audio",
    }
    assert bad["nothing.wav"]["outcome"] == "error"
    assert "nothing.wav" in ran.err
    assert {path.name for path in (tmp_path / "labels").iterdir()} == {"first.txt", "unknown.txt"}
    assert (tmp_path / "labels" / "unknown.txt").read_text() == ""
    assert "shows/unknown.wav" in (tmp_path / "a.html").read_text()
    known, unknown = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert [one["id"] for one in known["detections"]] == [found[0]["id"]]
    assert (unknown["input"], unknown["detections"]) == ("shows/unknown.wav", [])
    assert [gap["kind"] for gap in unknown["gaps"]] == ["other"]
    assert not (tmp_path / "earmark-library" / "monitor").exists()


def test_stdin_and_nothing_found(earmark, show, write):
    quiet = write("quiet.wav", hiss(6, 7).astype(np.float32))
    ran = earmark("scan", "-", "--no-log", stdin=quiet.read_bytes())
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.startswith("0 detections, 0:00.0 (0%) of 0:06.0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.wav", "b.wav", "--cue", "both.cue"), "name a folder"),
        (("a.wav", "--csv", "nowhere/a.csv"), "does not exist"),
        (("a.wav", "--also", "smell"), "smell"),
        (("a.wav", "--began-at", "yesterday"), "yesterday"),
        (("a.wav", "b.wav", "--began-at", "2026-11-23T20:00"), "one input"),
        (("-", "a.wav"), "stdin"),
        (("a.wav", "--embed-audio"), "--html"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    write, tmp_path, monkeypatch, arguments, words
):
    write("a.wav", np.zeros(100, np.float32))
    write("b.wav", np.zeros(100, np.float32))
    monkeypatch.chdir(tmp_path)  # where no library is, which would be told otherwise
    ran = CliRunner().invoke(app, ["scan", *arguments])
    assert isinstance(ran.exception, UsageError)
    assert words in ran.exception.message
    assert ran.output == ""


def test_no_library_is_told_for_every_input(earmark, write):
    write("a.wav", np.zeros(100, np.float32))
    ran = earmark("scan", "a.wav", "--json")
    assert ran.code == 4
    assert [line["code"] for line in ran.lines] == ["library_not_found"]
