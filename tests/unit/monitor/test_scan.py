"""Real programmes of made-up music, scanned whole, cut off, killed, damaged and in parallel."""

from __future__ import annotations

import io
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from radio import on_air

from earmark import Library, Settings
from earmark.errors import (
    EmptyAudioError,
    FetchError,
    NotAudioError,
    SourceNotFoundError,
    StoppedError,
)
from earmark.monitor.desk import Desk
from earmark.monitor.options import MonitorOptions
from earmark.monitor.scan import scan, scan_many
from earmark.monitor.scanning_book import scan_key
from earmark.monitor.scanning_found import Found
from earmark.monitor.timeline import Gap, Timeline
from earmark.ports import Detection, Piece, Wanted
from earmark.types import Span, Track

RATE_HZ = 16_000
QUIET = MonitorOptions(repeats=False)
PLAYS = ((0, 5.0, 20.0), (1, 28.0, 46.0), (2, 56.0, 72.0))
"""Which track is played from when to when."""
HOLES = ((0.0, 5.0), (20.0, 28.0), (46.0, 56.0), (72.0, 76.0))


def hiss(seconds: float, seed: int) -> np.ndarray:
    return 0.02 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


@pytest.fixture(scope="module")
def place(tmp_path_factory, music):
    """A library of three tracks, and a programme that plays them with holes between."""
    folder = tmp_path_factory.mktemp("scans")
    for number in range(3):
        soundfile.write(folder / f"track{number}.wav", music(number, 20.0), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=2)
    with Library.open(create=True, settings=settings) as library:
        for engine in set(library.engines()) - {"recording"}:
            library.switch(engine, False)
        library.add([str(folder / f"track{number}.wav") for number in range(3)])
    cut = [slice(2 * RATE_HZ, 17 * RATE_HZ), slice(0, 18 * RATE_HZ), slice(4 * RATE_HZ, None)]
    parts = [music(number, 20.0)[part] for number, part in enumerate(cut)]
    programme = [hiss(5, 1), parts[0], hiss(8, 2), parts[1], hiss(10, 3), parts[2], hiss(4, 4)]
    soundfile.write(folder / "show.wav", np.concatenate(programme).astype(np.float32), RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def settings(place):
    return Settings(library=str(place / "library"), workers=2)


@pytest.fixture(scope="module")
def library(settings):
    with Library.open(settings=settings) as opened:
        yield opened


@pytest.fixture
def show(place, tmp_path) -> Path:
    """A copy of the programme of its own name: what a test logs is nothing to another."""
    path = tmp_path / f"{tmp_path.name}.wav"
    path.write_bytes((place / "show.wav").read_bytes())
    return path


@pytest.fixture
def long_show(show) -> Path:
    """The programme twice: what begins in the last 75 s of a source is not certain yet."""
    samples, _ = soundfile.read(show, dtype="float32")
    soundfile.write(show, np.concatenate([samples, samples]), RATE_HZ)
    return show


@pytest.fixture
def desk(library, settings):
    with Desk.open(library, settings) as opened:
        yield opened


def number_of(detection: Detection) -> int:
    return int(Path(detection.track.source).stem[-1])


def check(timeline: Timeline, times: int = 1) -> None:
    """The programme is told as it was made, so many times one after the other."""
    later = [76.0 * number for number in range(times)]
    plays = [(n, start_s + by_s, end_s + by_s) for by_s in later for n, start_s, end_s in PLAYS]
    assert len(timeline.detections) == len(plays)
    for found, (number, start_s, end_s) in zip(timeline.detections, plays, strict=True):
        assert number_of(found) == number
        assert found.start_s == pytest.approx(start_s, abs=2.0)
        assert found.end_s == pytest.approx(end_s, abs=2.0)
        assert not found.open
    assert timeline.duration_s == pytest.approx(76.0 * times, abs=0.1)
    # Whatever the hiss is called, the holes are told, and nothing else.
    for by_s, (start_s, end_s) in itertools.product(later, HOLES):
        told = sum(
            min(gap.span.end_s, by_s + end_s + 1) - max(gap.span.start_s, by_s + start_s - 1)
            for gap in timeline.gaps
            if gap.span.start_s < by_s + end_s and gap.span.end_s > by_s + start_s
        )
        assert told == pytest.approx(end_s - start_s, abs=2.5)


def logged(desk: Desk) -> list:
    origin = f"scan:{desk.store.scans()[0].id}"
    return sorted(desk.entries(Wanted(origin=origin)), key=lambda entry: entry.began_at)


def test_a_file_is_told_from_its_start_to_its_end(library, show):
    told = []
    timeline = scan(library, show, QUIET, progress=told.append)
    check(timeline)
    assert timeline.input == str(show)
    assert timeline.warnings == ()
    assert {"decode", "listen"} <= set(timeline.timing_ms)
    assert told[-1].heard_s == told[-1].duration_s == 76.0
    assert [step.heard_s for step in told[:3]] == [10.0, 20.0, 30.0]
    assert told[-1].found == 3


def test_a_file_object_is_a_source_too(library, place):
    timeline = scan(library, io.BytesIO((place / "show.wav").read_bytes()), QUIET)
    check(timeline)
    assert timeline.input == "<stream>"


def test_options_leave_out_what_is_short(library, show):
    options = MonitorOptions(repeats=False, least_s=17.0, gap_s=9.0)
    timeline = scan(library, show, options)
    assert [number_of(found) for found in timeline.detections] == [1]
    assert all(gap.span.duration_s >= 9.0 for gap in timeline.gaps)


def test_bad_sources_raise_what_every_command_raises(library, tmp_path):
    with pytest.raises(SourceNotFoundError):
        scan(library, tmp_path / "nothing.wav")
    with pytest.raises(NotAudioError):
        scan(library, b"these are words, not sounds" * 40)
    with pytest.raises(EmptyAudioError):
        scan(library, b"")
    with pytest.raises(FetchError):
        scan(library, "http://127.0.0.1:9/a.wav")


def test_a_file_that_breaks_off_gives_what_was_heard(library, show):
    data = show.read_bytes()
    timeline = scan(library, data[: 44 + 2 * RATE_HZ * 50], QUIET)
    assert [number_of(found) for found in timeline.detections] == [0, 1]
    assert timeline.duration_s == pytest.approx(50.0, abs=0.1)
    (warning,) = timeline.warnings
    assert "cut off" in warning
    assert timeline.input == "<bytes>"


def test_every_detection_is_logged_with_its_time_and_its_evidence(library, desk, show):
    timeline = scan(library, show, QUIET, desk=desk, began_at=1_700_000_000.0, station="Radio")
    entries = logged(desk)
    assert [entry.id for entry in entries] == [found.id for found in timeline.detections]
    for entry, found in zip(entries, timeline.detections, strict=True):
        assert entry.began_at == pytest.approx(1_700_000_000.0 + found.start_s)
        assert (entry.station, entry.source) == ("Radio", str(show))
        assert entry.evidence is not None
        assert desk.evidence(entry.id).is_file()
        assert not entry.detection.open
    record = desk.store.scans()[0]
    assert (record.state, record.done_s) == ("done", 76.0)


def test_a_scan_that_is_done_is_not_heard_again(library, desk, show):
    first = scan(library, show, QUIET, desk=desk)
    told = []
    second = scan(library, show, QUIET, desk=desk, name="other", progress=told.append)
    assert told == []
    assert second.input == "other"
    assert second.as_dict() | {"input": ""} == first.as_dict() | {"input": ""}


def test_what_is_known_again_is_the_same_bytes_asked_in_the_same_way(place, tmp_path):
    show = tmp_path / "a.wav"
    show.write_bytes(b"12")
    key = scan_key(show, QUIET, "library")
    assert key == scan_key(str(show), QUIET, "library")
    others = [
        scan_key(show, MonitorOptions(repeats=False, least_s=3.0), "library"),
        scan_key(show, QUIET, "other library"),
        scan_key(b"12", QUIET, "library"),
        scan_key("http://host/a.wav", QUIET, "library"),
        scan_key(io.BytesIO(b"12"), QUIET, "library"),
        scan_key(io.BytesIO(b"12"), QUIET, "library"),
    ]
    show.write_bytes(b"123")
    others.append(scan_key(show, QUIET, "library"))
    assert len({key, *others}) == 8


def test_again_keeps_ids_and_what_was_decided(library, desk, show):
    first = scan(library, show, QUIET, desk=desk)
    desk.decide(first.detections[0].id, "confirm", "Ann")
    desk.decide(first.detections[1].id, "reject", "Ann")
    told = []
    again = {"again": True, "station": "Radio Two"}
    second = scan(library, show, QUIET, desk=desk, progress=told.append, **again)
    assert told
    assert [found.id for found in second.detections] == [
        first.detections[0].id,
        first.detections[2].id,
    ]
    assert [entry.ruling for entry in logged(desk)] == ["confirm", "reject", None]
    assert {entry.station for entry in logged(desk)} == {"Radio Two"}


def test_a_changed_library_is_asked_anew(settings, desk, show, music, place):
    with Library.open(settings=settings) as shelf:
        before = scan(shelf, show, QUIET, desk=desk)
        extra = place / "extra.wav"
        soundfile.write(extra, music(8, 20.0), RATE_HZ)
        (track_id,) = shelf.add([str(extra)]).track_ids
        told = []
        after = scan(shelf, show, QUIET, desk=desk, progress=told.append)
        shelf.remove(track_id)
    assert told
    assert [found.id for found in after.detections] == [found.id for found in before.detections]
    assert len(logged(desk)) == 3


def test_a_stopped_scan_goes_on_where_it_was(library, desk, long_show):
    stop = threading.Event()

    def late(progress) -> None:
        if progress.heard_s >= 120.0:
            stop.set()

    part = scan(library, long_show, QUIET, desk=desk, progress=late, stop=stop)
    assert part.duration_s == 120.0
    assert "stopped" in part.warnings[0]
    # What goes on is told, but not logged: the next run will know its end.
    assert [number_of(found) for found in part.detections] == [0, 1, 2, 0, 1]
    assert [entry.id for entry in logged(desk)] == [found.id for found in part.detections[:4]]
    assert desk.store.scans()[0].state == "stopped"
    told = []
    whole = scan(library, long_show, QUIET, desk=desk, progress=told.append)
    assert told[0].heard_s > 20.0
    assert [number_of(found) for found in whole.detections] == [0, 1, 2, 0, 1, 2]
    assert [entry.id for entry in logged(desk)] == [found.id for found in whole.detections]
    assert whole.detections[0].id == part.detections[0].id
    check(whole, times=2)


KILLED = """
import os, signal, sys
from earmark import Library
from earmark.monitor import scanning_book
from earmark.monitor.desk import Desk
from earmark.monitor.options import MonitorOptions
from earmark.monitor.scan import scan
from earmark import Settings

def end(progress):
    if progress.heard_s >= float(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

scanning_book.EVERY_S = 0.0
settings = Settings(library=sys.argv[1])
with Library.open(settings=settings) as library, Desk.open(library, settings) as desk:
    scan(library, sys.argv[2], MonitorOptions(repeats=False), desk=desk, progress=end)
"""


def test_a_killed_scan_goes_on_and_logs_nothing_twice(library, desk, long_show, place):
    begun = [sys.executable, "-c", KILLED, place / "library", long_show, "130"]
    assert subprocess.run(begun, timeout=60).returncode == -signal.SIGKILL
    record = desk.store.scans()[0]
    assert (record.state, record.source) == ("running", str(long_show))
    before = [entry.id for entry in logged(desk)]
    assert len(before) >= 3
    told = []
    timeline = scan(library, long_show, QUIET, desk=desk, progress=told.append)
    assert told[0].heard_s > 20.0  # not from the start
    check(timeline, times=2)
    ids = [found.id for found in timeline.detections]
    assert [entry.id for entry in logged(desk)] == ids
    assert set(before) <= set(ids)


def piece(start_s: float, end_s: float) -> Detection:
    track = Track("t", "/t.wav", "c", 9.0, 1, extra={"isrc": "x"})
    span = Span(start_s, end_s)
    return Detection(f"{start_s:g}", "recording", track, 1.0, 9.0, (Piece(span, span, 1, 0, 1, 9),))


def test_a_checkpoint_keeps_what_is_certain():
    found = Found(
        [piece(0, 10), piece(25, 40), piece(45, 50)],
        [Gap("speech", Span(10, 22)), Gap("music", Span(22, 35)), Gap("music", Span(40, 45))],
    )
    checkpoint = json.loads(json.dumps(found.checkpoint(30.0, Gap("music", Span(60, 70)))))
    kept, from_s = Found.resumed(checkpoint)
    # The one that lies across second 30 is to be found again as a whole.
    assert from_s == 25.0
    assert kept.detections == [piece(0, 10)]
    assert [(gap.kind, gap.span) for gap in kept.gaps] == [("speech", Span(10, 22))]
    assert kept.growing == Gap("music", Span(22, 25))


def test_many_files_at_once_and_a_bad_one_among_them(library, place, settings, tmp_path):
    paths = []
    for name in ("one", "two"):
        paths.append(tmp_path / f"{name}.wav")
        paths[-1].write_bytes((place / "show.wav").read_bytes())
    (tmp_path / "bad.wav").write_bytes(b"no sound" * 99)
    sources = [str(paths[0]), str(tmp_path / "bad.wav"), str(paths[1])]
    told, steps = [], []
    found = scan_many(
        settings.library,
        sources,
        QUIET,
        names=["one", "bad", "two"],
        workers=2,
        settings=settings,
        log=True,
        tell=told.append,
        progress=steps.append,
    )
    assert [one.input for one in found] == ["one", "bad", "two"]
    check(found[0].timeline)
    check(found[2].timeline)
    assert found[1].timeline is None
    assert (found[1].failure.code, found[1].failure.input) == ("not_audio", "bad")
    assert {one.input for one in told} == {"one", "bad", "two"}
    assert (steps[-1].done, steps[-1].total, steps[-1].heard_s) == (3, 3, 152.0)
    with Desk.open(library, settings) as desk:
        assert [entry.source for entry in desk.entries(Wanted(station="one"))] == sources[:1] * 3


def test_unknown_music_is_found_again_in_another_file(settings, music, tmp_path):
    jingle = music(20, 12.0)
    for name, before_s in (("monday", 9.0), ("friday", 21.0)):
        parts = [music(30 + int(before_s), before_s), jingle, hiss(6, 3)]
        samples = np.concatenate(parts).astype(np.float32)
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE_HZ)
    paths = [str(tmp_path / "monday.wav"), str(tmp_path / "friday.wav")]
    monday, friday = scan_many(
        settings.library, paths, names=["monday", "friday"], workers=2, settings=settings
    )
    (repeat,) = monday.timeline.repeats
    assert friday.timeline.repeats == (repeat,)
    starts = {play.source: play.span.start_s for play in repeat.plays}
    assert starts == {
        "monday": pytest.approx(9.0, abs=1.0),
        "friday": pytest.approx(21.0, abs=1.0),
    }
    assert any(gap.group == repeat.id for gap in monday.timeline.gaps)


def test_many_files_stop_soon_and_leave_no_process(place, settings):
    stop = threading.Event()
    began = time.monotonic()
    found = scan_many(
        settings.library,
        [str(place / "track0.wav")] * 40,
        QUIET,
        names=[str(number) for number in range(40)],
        workers=2,
        settings=settings,
        tell=lambda _: stop.set(),
        stop=stop,
    )
    assert 1 <= len(found) <= 6
    assert time.monotonic() - began < 20.0


def test_one_that_is_taken_away_has_not_failed_nor_undoes_what_another_has_done(
    library, desk, long_show
):
    def lost(progress) -> None:
        raise StoppedError("another worker has it")

    with pytest.raises(StoppedError):
        scan(library, long_show, QUIET, desk=desk, progress=lost)
    going = desk.store.scans()[0]
    assert (going.state, going.error) == ("running", None)
    stop = threading.Event()

    def late(progress) -> None:
        desk.store.put_scan(replace(going, state="done", timeline={"of": "another"}))
        stop.set()

    scan(library, long_show, QUIET, desk=desk, progress=late, stop=stop)
    kept = desk.store.scan(going.id)
    assert (kept.state, kept.timeline) == ("done", {"of": "another"})


def test_a_download_ends_where_the_scan_is_stopped(library, desk):
    stop = threading.Event()
    with on_air() as radio:
        # A file of 10 MB, of which a little comes ten times a second.
        drip = [part for _ in range(300) for part in (b"\0" * 100, 0.1)]
        radio.play("/a.wav", *drip, kind="audio/wav", length=10_000_000)
        threading.Timer(0.4, stop.set).start()
        began_s = time.monotonic()
        part = scan(library, f"{radio.url}/a.wav", QUIET, desk=desk, stop=stop)
    assert time.monotonic() - began_s < 10.0
    assert (part.duration_s, part.detections) == (0.0, ())
    assert desk.store.scans()[0].state == "stopped"


@pytest.fixture
def told(desk):
    """Return what webhooks were told of scans since, oldest first: event and the scan's JSON."""
    webhook = desk.add_webhook("http://192.0.2.1:9/", ["scan.done", "scan.stopped", "scan.failed"])

    def since():
        kept = reversed(desk.deliveries(webhook.id))
        return [(one.event, json.loads(one.body)["scan"]) for one in kept]

    yield since
    desk.remove_webhook(webhook.id)


def test_webhooks_are_told_how_a_scan_ended_and_once(library, desk, told, tmp_path):
    path = tmp_path / "hiss.wav"
    soundfile.write(path, hiss(9, 11).astype(np.float32), RATE_HZ)
    stop = threading.Event()
    stop.set()
    scan(library, path, QUIET, desk=desk, stop=stop)
    scan(library, path, QUIET, desk=desk)
    scan(library, path, QUIET, desk=desk)  # it is known
    assert [event for event, _ in told()] == ["scan.stopped", "scan.done"]
    shape = told()[-1][1]
    kept = desk.scan(shape["id"])
    assert (kept.state, kept.duration_s) == ("done", 9.0)
    assert (shape["state"], shape["source"], shape["station"]) == ("done", str(path), "hiss")
    assert (shape["created_at"], shape["duration_s"]) == (kept.created_at, 9.0)
    desk.end_scan(kept)  # told once more, it is the same
    scan(library, path, QUIET, desk=desk, again=True)
    path.write_text("no sound at all" * 50)
    with pytest.raises(NotAudioError):
        scan(library, path, QUIET, desk=desk)
    assert [event for event, _ in told()[2:]] == ["scan.done", "scan.failed"]
    assert told()[-1][1]["error"]["code"] == "not_audio"


def test_a_desk_whose_jobs_end_scans_tells_only_of_what_is_done(library, desk, told, tmp_path):
    class Jobs(type(desk)):
        told_of_runs = ("done",)

    path = tmp_path / "hiss.wav"
    soundfile.write(path, hiss(8, 12).astype(np.float32), RATE_HZ)
    jobs = Jobs(desk.store, desk.room, library=library)
    stop = threading.Event()
    stop.set()
    scan(library, path, QUIET, desk=jobs, stop=stop)
    assert told() == []
    scan(library, path, QUIET, desk=jobs)
    assert [event for event, _ in told()] == ["scan.done"]
