"""Every report is read again by something that knows its format."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import soundfile

from earmark.cli.scanned import Reports
from earmark.errors import ExtraMissingError, UsageError
from earmark.monitor.reports import write
from earmark.monitor.timeline import Gap, Play, Repeat, Timeline
from earmark.ports import Detection, Piece
from earmark.types import Span, Track

NASTY = "<script>alert(1)</script>"


def detection(number: int, start_s: float, end_s: float, title: str, artist: str = "") -> Detection:
    track = Track(
        f"t{number}", f"/music/{number}.mp3", "", 200.0, number, title, artist, tags=("a", "b")
    )
    piece = Piece(Span(start_s, end_s), Span(10.0, 10.0 + end_s - start_s), 1.0, 0.5, 0.98, 12.0)
    return Detection(f"d{number}", "recording", track, 0.98, 12.0, (piece,))


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(
        "night/show.wav",
        4000.0,
        (
            detection(1, 61.5, 120.25, "=SUM(A1)", "+Artist"),
            detection(2, 100.0, 160.0, f'{NASTY} "quoted"\tand\nbroken', "@you"),
            detection(3, 3661.0625, 3700.0, "", "晚安"),
            detection(1, 3800.0, 3810.0, "=SUM(A1)", "+Artist"),
        ),
        (Gap("speech", Span(0.0, 61.5)), Gap("music", Span(160.0, 170.0), "r1")),
        (Repeat("r1", (Play("night/show.wav", Span(161.0, 169.0)), Play("b", Span(1.0, 9.0)))),),
        warnings=("it is cut off",),
    )


@pytest.fixture
def write_file(tmp_path):
    def written(name: str, samples: np.ndarray) -> Path:
        soundfile.write(tmp_path / name, samples, 16_000)
        return tmp_path / name

    return written


@pytest.fixture
def other() -> Timeline:
    return Timeline("day/show.wav", 60.0, (detection(2, 5.0, 9.0, "two"),))


def test_csv_holds_every_detection_and_no_formula(timeline, other, tmp_path):
    write([timeline, other], tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == ["night/show.wav"] * 4 + ["day/show.wav"]
    assert rows[0]["title"] == "'=SUM(A1)"
    assert rows[0]["artist"] == "'+Artist"
    assert rows[1]["artist"] == "'@you"
    assert rows[1]["title"] == timeline.detections[1].track.title
    assert rows[2]["title"] == "3"  # a track without a title has the name of its file
    assert float(rows[2]["start_s"]) == 3661.062
    assert rows[2]["start"] == "1:01:01.1"
    assert (rows[0]["pitch_shift_semitones"], rows[0]["tags"]) == ("0.5", "a, b")
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())


def test_a_workbook_has_its_sheets_and_text_stays_text(timeline, other, tmp_path):
    write([timeline, other], tmp_path / "all.xlsx")
    book = openpyxl.load_workbook(tmp_path / "all.xlsx")
    assert book.sheetnames == ["detections", "gaps", "repeats", "totals"]
    head, *rows = book["detections"].iter_rows()
    names = [cell.value for cell in head]
    first = dict(zip(names, rows[0], strict=True))
    assert first["title"].value == "=SUM(A1)"
    assert first["title"].data_type == "s"  # a formula would be "f"
    assert first["start_s"].value == 61.5
    assert len(rows) == 5
    gaps = [[cell.value for cell in row] for row in book["gaps"].iter_rows(min_row=2)]
    assert [(row[3], row[5], row[6], row[7]) for row in gaps] == [
        ("speech", 0, 61.5, None),
        ("music", 160, 170, "r1"),
    ]
    assert [row[3].value for row in book["repeats"].iter_rows(min_row=2)] == ["night/show.wav", "b"]
    totals = [[cell.value for cell in row] for row in book["totals"].iter_rows(min_row=2)]
    # Track 1 was played twice for 68.75 s in one input, track 2 for 60 + 4 s in two.
    assert [(row[5], row[2], row[3], row[4]) for row in totals] == [
        ("t1", 2, 68.75, 1),
        ("t2", 2, 64, 2),
        ("t3", 1, 38.938, 1),
    ]


def test_without_xlsxwriter_the_extra_is_named(timeline, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ExtraMissingError, match=r"earmark\[xlsx\]"):
        write(timeline, tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_cue_sheet_gives_the_starts_in_frames(timeline, tmp_path):
    write(timeline, tmp_path / "show.cue")
    text = (tmp_path / "show.cue").read_bytes().decode("utf-8")
    assert text.splitlines()[1] == 'FILE "show.wav" WAVE'
    indexes = re.findall(r"TRACK (\d+) AUDIO\r\n(?:.*\r\n)*?    INDEX 01 (\d+):(\d\d):(\d\d)", text)
    starts = [(int(n), int(m) * 60 + int(s) + int(f) / 75) for n, m, s, f in indexes]
    assert [number for number, _ in starts] == [1, 2, 3, 4]
    for (_, told), found in zip(starts, timeline.detections, strict=True):
        assert 0.0 <= found.start_s - told < 1 / 75
    titles = re.findall(r'^    TITLE "([^"]*)"\r$', text, re.M)
    assert titles[1] == f"{NASTY} 'quoted' and broken"


def test_subtitles_say_from_when_to_when(timeline, tmp_path):
    write(timeline, tmp_path / "show.srt")
    blocks = (tmp_path / "show.srt").read_text(encoding="utf-8").strip().split("\n\n")
    assert len(blocks) == 4

    def seconds(stamp: str) -> float:
        hours, minutes, rest = stamp.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))

    for at, (block, found) in enumerate(zip(blocks, timeline.detections, strict=True), 1):
        number, times, label = block.split("\n")  # whatever the title holds, it is one line
        start, end = times.split(" --> ")
        assert int(number) == at
        assert seconds(start) == pytest.approx(found.start_s, abs=0.0006)
        assert seconds(end) == pytest.approx(found.end_s, abs=0.0006)
        assert label.startswith(found.track.artist)


def test_audacity_labels_have_three_columns(timeline, tmp_path):
    write(timeline, tmp_path / "show.txt")
    lines = (tmp_path / "show.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    assert [float(row[0]) for row in rows] == [61.5, 100.0, 3661.0625, 3800.0]
    assert [float(row[1]) for row in rows] == [120.25, 160.0, 3700.0, 3810.0]
    assert rows[2][2] == "晚安 - 3"


def test_json_is_what_the_timeline_tells(timeline, tmp_path):
    write(timeline, tmp_path / "show.json")
    assert json.loads((tmp_path / "show.json").read_text("utf-8")) == [timeline.as_dict()]


def test_a_page_holds_its_data_where_nothing_in_it_can_run(timeline, write_file, tmp_path):
    path = write_file("show.wav", np.linspace(-0.5, 0.5, 160_000, dtype=np.float32))
    write(
        Timeline("show", 10.0, timeline.detections[:2]),
        tmp_path / "show.html",
        audio={"show": str(path)},
    )
    page = (tmp_path / "show.html").read_text("utf-8")
    assert NASTY not in page
    assert page.count("<script") == page.count("</script>") == 2
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    (told,) = json.loads(data)["inputs"]
    assert told["detections"][1]["track"]["title"].startswith(NASTY)
    assert told["file"] == "show.wav"  # relative to the page
    peaks = np.frombuffer(base64.b64decode(told["peaks"]), np.int8).reshape(-1, 2)
    assert len(peaks) == 1200
    assert peaks[0].tolist() == [-64, -63]
    assert peaks[-1].tolist() == [63, 63] or peaks[-1].tolist() == [63, 64]
    assert not re.search(r"https?://", page)


def test_a_page_carries_its_audio_if_that_is_small(write_file, tmp_path, timeline):
    path = write_file("show.wav", np.zeros(32_000, np.float32))
    told = Timeline(str(path), 2.0)
    write(told, tmp_path / "a.html", embed_audio=True)
    page = (tmp_path / "a.html").read_text("utf-8")
    (data,) = re.findall(r'"audio":"data:audio/wav;base64,([^"]+)"', page)
    assert base64.b64decode(data) == path.read_bytes()


def test_what_is_large_is_embedded_as_mp3_or_refused(write_file):
    from earmark.audio.decode import decode
    from earmark.monitor.reports.embedding import Room

    path = write_file("show.wav", np.zeros(5 * 16_000, np.float32))
    room = Room(most_bytes=60_000)
    kind, data = room.taken(str(path), 5.0).split(",")
    assert kind == "data:audio/mpeg;base64"
    assert decode(base64.b64decode(data), 16_000).clip.duration_s == pytest.approx(5.0, abs=0.1)
    with pytest.raises(UsageError, match="too long to be embedded"):
        room.taken(str(path), 50.0)


def test_reports_of_one_source_take_a_folder_for_several(timeline, other, tmp_path):
    assert [path.name for path in write([timeline, other], tmp_path, "srt")] == [
        "show.srt",
        "show-2.srt",
    ]
    assert "two" in (tmp_path / "show-2.srt").read_text("utf-8")
    with pytest.raises(UsageError, match="name a folder"):
        write([timeline, other], tmp_path / "all.cue")


@pytest.mark.parametrize(
    ("path", "form", "words"),
    [
        ("a.pdf", None, "names no report"),
        ("a.csv", "pdf", "no report 'pdf'"),
        ("nowhere/a.csv", None, "does not exist"),
        (".", "csv", "is a folder"),
    ],
)
def test_what_cannot_be_written_is_refused(timeline, tmp_path, path, form, words):
    with pytest.raises(UsageError, match=words):
        write(timeline, tmp_path / path, form)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_report_that_cannot_be_written(timeline, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        write(timeline, tmp_path / f"{'x' * 300}.csv")
    assert not list(tmp_path.iterdir())


def test_a_link_stays_a_link_and_a_pipe_a_pipe(timeline, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "file.csv")
    write(timeline, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        write(timeline, pipe)
        assert read.result() == (tmp_path / "file.csv").read_bytes()
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.csv", "link.csv", "pipe.csv"]


def test_one_report_that_fails_keeps_no_other_from_being_written(timeline, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    reports = Reports({"csv": str(gone / "a.csv"), "srt": str(tmp_path / "a.srt")}, False)
    reports.require(1)
    gone.rmdir()
    with pytest.raises(UsageError, match="gone"):
        reports.write([timeline], {})
    assert (tmp_path / "a.srt").is_file()
