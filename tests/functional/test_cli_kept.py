"""Kept streams and scans, pruning and delivering at the command line, on a real library."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
import soundfile
from radio import STALL, encoded, on_air
from typer.main import get_command
from webhook_host import made_detection, receiving

from earmark import Library, Settings
from earmark.bootstrap import open_stream_locks
from earmark.cli.errors import exit_code
from earmark.cli.main import app
from earmark.errors import EarmarkError
from earmark.monitor.desk import Desk
from earmark.monitor.timeline import Happening
from earmark.types import Clip

RATE_HZ = 16_000
PROGRAM = get_command(app)  # made once: it takes longer than most commands
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def home(tmp_path_factory, song):
    """A library of one song that is found by recording alone, and a show that plays it."""
    folder = tmp_path_factory.mktemp("kept")
    soundfile.write(folder / "song.wav", song(1), RATE_HZ)
    quiet = np.zeros(2 * RATE_HZ, np.float32)
    soundfile.write(folder / "show.wav", np.concatenate([quiet, song(1), quiet]), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        for engine in set(library.engines()) - {"recording"}:
            library.switch(engine, False)
        library.add([str(folder / "song.wav")])
    return folder


@pytest.fixture
def desk(home):
    settings = Settings(library=str(home / "library"), lock_wait_s=5.0)
    with Library.open(settings=settings) as library, Desk.open(library, settings) as opened:
        yield opened


@dataclass(frozen=True)
class Ran:
    output: str
    errors: str
    exit_code: int
    exception: EarmarkError | None

    @property
    def lines(self):
        assert self.exception is None
        return [json.loads(line) for line in self.output.splitlines()]


@pytest.fixture
def run(home):
    """Run a command in this process."""

    def ran(*arguments):
        out, err, raised, code = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO(), None, 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                said = ["--library", str(home / "library"), *map(str, arguments)]
                code = PROGRAM.main(said, "earmark", standalone_mode=False) or 0
            except EarmarkError as error:
                raised = error
            out.flush()
        return Ran(out.buffer.getvalue().decode(), err.getvalue(), code, raised)

    return ran


def refused(ran, code, words):
    assert isinstance(ran.exception, EarmarkError), ran.output
    assert exit_code(ran.exception) == code
    assert words in ran.exception.message


def test_streams_are_kept_listed_changed_and_forgotten(run, desk):
    assert run("streams").output == "no streams\n"
    url = "http://me:pw@radio.example/live"
    (one,) = run("streams", "add", "Eins", url, "--least-s", 3, "--off", "--json").lines
    assert (one["name"], one["url"], one["wanted"]) == ("Eins", "http://radio.example/live", False)
    kept = desk.stream(one["id"])
    assert (kept.url, kept.options) == (url, {"least_s": 3.0})
    said = run("streams", "edit", "Eins", "--on", "--also", "melody", "--name", "One").output
    assert said == f"stream {kept.id} (One, on) is changed\n"
    assert desk.stream(kept.id).options == {"least_s": 3.0, "also": ["melody"]}
    table = run("streams").output
    assert re.search(rf"{kept.id} +One +http://radio.example/live +on +stopped", table)
    shown = run("streams", "show", "One").output
    assert re.search(r"^options +least_s 3.0, also melody$", shown, re.MULTILINE)
    assert "pw" not in table + shown
    (told,) = run("streams", "show", kept.id, "--json").lines
    assert told["outages"] == []
    assert "forgotten" in run("streams", "remove", "One").output
    assert desk.streams() == []


def test_what_is_said_wrongly(run):
    for words, message in (
        (("streams", "add", "Eins"), "where is 'Eins'?"),
        (("streams", "edit", "Eins"), "what is to change?"),
        (("streams", "show"), "which one? `earmark streams show NAME`"),
        (("streams", "show", "Eins"), "no stream 'Eins'"),
        (("streams", "--off"), "go with `earmark streams add` and `edit`"),
        (("scans", "show"), "which one? `earmark scans show ID`"),
        (("scans", "show", "no"), "no scan 'no'"),
        (("scans", "--csv", "x.csv"), "go with `earmark scans show ID`"),
        (("watch",), "watch what?"),
        (("watch", "--all", "Eins"), "--all watches every kept stream"),
        (("watch", "Eins"), "no stream 'Eins'"),
        (("watch", "--all", "--no-log"), "--no-log is for one source that is named here"),
        (("detections", "--dry-run"), "go with `earmark detections prune`"),
        (("detections", "prune"), "everything is kept for ever"),
        (("webhooks", "deliver", "x"), "takes no name"),
    ):
        refused(run(*words), 2, message)


def test_scans_are_listed_shown_once_more_and_forgotten(run, home, tmp_path):
    with receiving() as receiver:
        (hook,) = run(
            "webhooks", "add", receiver.url("/ok"), "--event", "scan.done", "--json"
        ).lines
        found = run("scan", home / "show.wav", "--json", "--no-repeats").lines
        # Told at the end of the command, as soon as it was done.
        (told,) = [one.json for one in receiver.told]
        run("webhooks", "remove", hook["id"])
    (one,) = [one for one in run("scans", "--json").lines if one["id"] == told["scan"]["id"]]
    assert (told["event"], one["state"], one["station"]) == ("scan.done", "done", "show")
    again = run(
        "scans",
        "show",
        one["id"],
        "--json",
        "--csv",
        tmp_path / "a.csv",
        "--cue",
        tmp_path / "a.cue",
        "--timeline",
        tmp_path / "a.json",
    )
    assert again.lines == found
    assert len(found) == 1
    assert (tmp_path / "a.csv").read_text().count("\n") == 2
    assert "song" in (tmp_path / "a.cue").read_text()
    (timeline,) = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert [detection["id"] for detection in timeline["detections"]] == [found[0]["id"]]
    table = run("scans", "show", one["id"]).output
    assert re.search(r"^state +done$", table, re.MULTILINE)
    assert "1 detection, " in table
    assert re.search(
        rf"{one['id']} .* show +0:\d\d\.\d +done +/", run("scans", "--limit", 1).output
    )
    assert "its detections stay" in run("scans", "remove", one["id"]).output
    assert run("scans").output == "no scans\n"
    assert run("detections", "show", found[0]["id"]).exit_code == 0


def test_what_waits_is_delivered_now(run, desk):
    with receiving() as receiver:
        good = desk.add_webhook(receiver.url("/ok"), ["stream.down"])
        bad = desk.add_webhook(receiver.url("/status/503"), ["stream.live"])
        desk.tell("stream.down", {"stream": {"id": "s"}})
        ran = run("webhooks", "deliver", "--json")
        assert (ran.lines, ran.exit_code) == ([{"delivered": 1, "failed": 0, "pending": 0}], 0)
        desk.tell("stream.live", {"stream": {"id": "s"}})
        ran = run("webhooks", "deliver")
        assert (ran.output, ran.exit_code) == ("0 delivered, 1 failed, 1 wait\n", 1)
        assert run("webhooks", "deliver").exit_code == 0  # nothing is due
    desk.remove_webhook(good.id)
    desk.remove_webhook(bad.id)


def test_old_detections_are_pruned(run, desk, monkeypatch):
    noise = np.random.default_rng(3).standard_normal(4000).astype(np.float32) / 10
    now = time.time()
    desk.clock = lambda: now - 50 * DAY_S
    for name in ("old", "kept"):
        entry = desk.log(
            Happening("close", 60.0, made_detection(name), Clip(noise[len(name) :], 8000, 0.0)),
            source="live",
            station="Old Radio",
            origin="stream:old",
            zero_at=now - 50 * DAY_S,
        )
        os.utime(desk.room.find(entry), (now - DAY_S,) * 2)
    desk.decide("kept", "confirm", "ann")
    size = desk.entry("old").evidence.bytes

    def there():
        return [one["id"] for one in run("detections", "--station", "Old Radio", "--json").lines]

    asked = ("detections", "prune", "--older-than", 30)
    assert run(*asked, "--dry-run", "--json").lines == [
        {"detections": 1, "clips": 0, "files": 1, "bytes": size, "dry_run": True}
    ]
    assert there() == ["old", "kept"]
    said = run(*asked, "--evidence-only").output
    assert said.startswith("forgot 0 detections, gave up the clips of 1 other, deleted 1 file (")
    assert "the clip of detection 'old' was deleted on " in run("detections", "show", "old").output
    monkeypatch.setenv("EARMARK_MONITOR_KEEP_DAYS", "30")
    assert run("detections", "prune", "--json").lines[0]["detections"] == 1
    assert there() == ["kept"]
    assert run(*asked, "--decided", "--json").lines[0]["files"] == 1
    assert there() == []


def test_kept_streams_are_watched_in_one_process_as_they_change(run, desk, song, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    quiet = np.zeros(8 * RATE_HZ, np.float32)
    sound = encoded(np.concatenate([quiet[:RATE_HZ], song(1), quiet]), RATE_HZ, "mp3", "mp3")
    others = open_stream_locks(desk.library.folder)
    with on_air() as radio:
        # Half of it comes at once; nothing is said to be over before it has been heard.
        urls = [radio.play(f"/{name}", sound, STALL) for name in ("one", "two", "off", "held")]
        first, _, off, held = [
            desk.add_stream(f"R{at}", url, wanted=at != 2, options={"least_s": 3.0})
            for at, url in enumerate(urls)
        ]
        assert others.hold(held.id)
        wrong, over = [], threading.Event()

        def meanwhile():
            until = time.monotonic() + 20
            try:
                while len({one.station for one in desk.entries()} & {"R0", "R1"}) < 2:
                    assert time.monotonic() < until
                    time.sleep(0.05)
                desk.edit_stream(off.id, wanted=True)
                desk.remove_stream(first.id)
                while desk.stream(off.id).state != "live":
                    assert time.monotonic() < until
                    time.sleep(0.05)
            except BaseException as error:
                wrong.append(error)
            if not over.is_set():  # else it would end the tests
                os.kill(os.getpid(), signal.SIGINT)

        other = threading.Thread(target=meanwhile)
        other.start()
        try:
            ran = run("watch", "--all", "--for-s", 25, "--json")
        finally:
            over.set()
            other.join()
    assert wrong == []
    assert ran.exit_code == 0
    names = {line["stream"]["name"] for line in ran.lines}
    assert names == {"R0", "R1", "R2"}
    assert {"R0", "R1"} <= {
        line["stream"]["name"] for line in ran.lines if line["type"] == "opened"
    }
    assert ran.errors.count("R3 is watched by another process") == 1
    assert {one.name: one.state for one in desk.streams()} == {
        "R1": "stopped",
        "R2": "stopped",
        "R3": "stopped",
    }
    assert {entry.station for entry in desk.entries()} <= names | {"show"}
    others.let_go(held.id)


def test_a_stream_is_watched_by_its_name_until_it_ends(run, desk, home):
    desk.add_stream("Show", str(home / "show.wav"), wanted=False)
    ran = run("watch", "Show")
    assert ran.exit_code == 0
    assert re.search(r"  > .*song  \[Show\]$", ran.output, re.MULTILINE)
    assert desk.find_stream("Show").state == "ended"
    desk.edit_stream(desk.find_stream("Show").id, name="show.fm")  # not a file
    stream = desk.find_stream("show.fm")
    desk.store.tell_stream(replace(stream, state_at=stream.state_at - DAY_S))
    desk.store.put_stream(replace(desk.stream(stream.id), wanted=True))
    assert run("watch", "show.fm").exit_code == 0  # once more, though it has ended
    assert desk.outages(stream.id) == []  # it had ended: nobody was to watch it
    run("streams", "remove", "show.fm")
