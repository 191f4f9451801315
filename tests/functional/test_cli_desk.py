"""``earmark detections``, ``rules`` and ``webhooks`` as people run them, on a real library."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest
from typer.main import get_command
from webhook_host import made_detection, made_track, receiving

from earmark import Library, Settings
from earmark.cli.errors import exit_code
from earmark.cli.main import app
from earmark.errors import EarmarkError
from earmark.monitor.desk import Desk
from earmark.monitor.timeline import Happening
from earmark.types import Clip

NOON = 1_700_049_600.0  # 2023-11-15 12:00 UTC
STATIONS = ("Radio One", "Radio Two")
PROGRAM = get_command(app)  # made once: it takes longer than most commands


def logged(desk, detection, station, began_at, what="close", clip=None):
    """Log a detection that begins 10 s into its source."""
    desk.log(
        Happening(what, 60.0, detection, clip),
        source="http://me:pw@radio.example/live",
        station=station,
        origin=f"stream:{station}",
        zero_at=began_at - 10.0,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A library whose desk holds six detections, one of them still open."""
    folder = tmp_path_factory.mktemp("desk") / "library"
    settings = Settings(library=str(folder), lock_wait_s=5.0)
    with (
        Library.open(create=True, settings=settings) as library,
        Desk.open(library, settings) as desk,
    ):
        noise = np.random.default_rng(1).standard_normal(8000).astype(np.float32)
        for number in range(6):
            track = made_track(f"t{number % 3}", ("own",) * (number % 3 == 0), f"Song {number % 3}")
            detection = made_detection(
                f"d{number}", end_s=20.0 + 10 * number, track=track, confidence=0.5 + 0.08 * number
            )
            logged(
                desk,
                detection,
                STATIONS[number % 2],
                NOON + 3600.0 * number,
                "open" if number == 5 else "close",
                Clip(noise / 10, 8000, 12.0),
            )
    return folder


@pytest.fixture
def desk(home):
    settings = Settings(library=str(home), lock_wait_s=5.0)
    with Library.open(settings=settings) as library, Desk.open(library, settings) as opened:
        yield opened


@dataclass(frozen=True)
class Ran:
    output: str
    exit_code: int
    exception: BaseException | None


@pytest.fixture
def run(home, monkeypatch):
    """Run a command in this process."""

    def ran(*arguments, stdin=""):
        out, raised, code = io.TextIOWrapper(io.BytesIO(), "utf-8"), None, 0
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with contextlib.redirect_stdout(out):
            try:
                said = ["--library", str(home), *map(str, arguments)]
                code = PROGRAM.main(said, "earmark", standalone_mode=False) or 0
            except EarmarkError as error:
                raised = error
            out.flush()
        return Ran(out.buffer.getvalue().decode(), code, raised)

    return ran


def ids(ran):
    assert (ran.exit_code, ran.exception) == (0, None)
    return [json.loads(line)["id"] for line in ran.output.splitlines()]


def table(file):
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


def refused(ran, code, words):
    assert isinstance(ran.exception, EarmarkError), ran.output
    assert exit_code(ran.exception) == code
    assert words in ran.exception.message


def test_the_real_program_shows_decides_and_sums_up(earmark, home):
    listed = earmark("--library", home, "detections")
    assert (listed.code, listed.err) == (0, "")
    assert re.search(
        r"d5 +2023-11-15 17:00:00 +Radio Two +Band - Song 2 +1:00.0\+ +0.90 +review", listed.out
    )
    assert listed.out.index("d5") < listed.out.index("d4") < listed.out.index("d0")
    decided = earmark(
        "--library",
        home,
        "detections",
        "decide",
        "d4",
        "reject",
        "--note",
        "a cover",
        "--by",
        "ann",
    )
    assert decided.code == 0, decided.err
    assert "Band - Song 1 at Radio One: reject" in decided.out


def test_what_is_removed_is_forgotten_with_what_it_rejected(run, desk):
    logged(desk, made_detection("gone", track=made_track("t9")), "Radio Three", NOON)
    run("detections", "decide", "gone", "reject")
    assert [one.detection_id for one in desk.store.rejections("Radio Three", "t9")] == ["gone"]
    assert ids(run("detections", "remove", "gone", "--json")) == ["gone"]
    assert "gone" not in ids(run("detections", "--json"))
    assert desk.store.rejections("Radio Three", "t9") == []
    refused(run("detections", "remove", "gone"), 2, "gone")
    refused(run("detections", "remove"), 2, "which one?")


def test_a_decision_is_shown(run):
    decided = run("detections", "decide", "d1", "unsure", "--note", "who sings?", "--json")
    assert ids(decided) == ["d1"]
    shown = run("detections", "show", "d1")
    assert re.search(r"UTC  \S+  unsure: who sings\?$", shown.output, re.M)
    assert ids(run("detections", "--ruling", "unsure", "--json")) == ["d1"]
    refused(run("detections", "show", "nobody"), 2, "nobody")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], "d5 d4 d3 d2 d1 d0"),
        (["--station", "Radio Two"], "d5 d3 d1"),
        (["--track", "t1"], "d4 d1"),
        (["--tag", "own"], "d3 d0"),
        (["--action", "block"], ""),
        (["--since", "2023-11-15T14:00", "--until", "2023-11-15T16:00:00Z"], "d3 d2"),
        (["--until", "24h", "--limit", "2"], "d5 d4"),
        (["--since", "1d"], ""),
        (["--least-confidence", "0.8"], "d5 d4"),
        (["--least-s", "45"], "d5 d4"),
        (["--text", "song 2"], "d5 d2"),
        (["--ruling", "none", "--track", "t2"], "d5 d2"),
    ],
)
def test_filters_narrow(run, filters, found):
    assert ids(run("detections", "list", *filters, "--json")) == found.split()


def test_a_table_ends_where_it_is_told_to_and_says_so(run):
    listed = run("detections", "--limit", "2")
    assert "the latest 2; there are more" in listed.output
    assert "d3" not in listed.output
    assert "there are more" not in run("detections", "--limit", "6").output
    assert run("detections", "--text", "nothing").output == "no detections\n"


def test_one_is_shown_with_its_evidence(run, desk):
    shown = run("detections", "show", "d2").output
    path = desk.evidence("d2")
    for words in (
        "Band - Song 2 (t2)", "http://radio.example/live", "2023-11-15 14:00:00 UTC",
        "0:10.0 to 0:40.0", "30.0 s", "no clip was kept", "0:10.0 - 0:40.0", "1.0000",
    ):  # fmt: skip
        assert (words in shown) == (words != "no clip was kept"), words
    assert str(path) in shown.replace("\n", "")
    assert desk.entry("d2").evidence.sha256 in shown
    data = path.read_bytes()
    path.write_bytes(b"x")
    assert "is not what was kept" in run("detections", "show", "d2").output
    path.write_bytes(data)
    assert "and it goes on" in run("detections", "show", "d5").output


def test_a_csv_file_holds_them_all(run, tmp_path):
    file = tmp_path / "played.csv"
    assert run("detections", "--station", "Radio One", "--csv", file).output.startswith("wrote 3 ")
    rows = table(file)
    assert [row["id"] for row in rows] == ["d4", "d2", "d0"]
    assert (rows[2]["began_at"], rows[2]["played_s"]) == ("2023-11-15T12:00:00.000+00:00", "10.0")
    assert run("detections", "totals", "--by", "station", "--csv", file).exit_code == 0
    rows = table(file)
    assert [(row["key"], row["count"]) for row in rows] == [("Radio Two", "3"), ("Radio One", "3")]
    assert list(tmp_path.iterdir()) == [file]
    refused(run("detections", "--csv", tmp_path / "no" / "such.csv"), 4, "cannot be written")


def test_totals(run):
    by_track = run("detections", "totals").output
    assert re.search(r"Band - Song 2 +2 +1:30.0", by_track)
    hours = [
        json.loads(line)
        for line in run("detections", "totals", "--by", "hour", "--json").output.splitlines()
    ]
    assert [hour["count"] for hour in hours] == [1] * 6
    assert [hour["played_s"] for hour in hours] == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert run("detections", "totals", "--text", "nothing").output == "no detections\n"


def test_rules_are_made_shown_and_ended(run):
    assert "every detection is for review" in run("rules").output
    made = run("rules", "add", "block", "--tag", "own", "--least-s", "5", "--note", "ours")
    (rule_id,) = re.findall(
        r"^rule (\w+): block tracks tagged own, heard for 5 s$", made.output, re.M
    )
    listed = run("rules").output
    assert re.search(rf"{rule_id} +block +tracks tagged own, heard for 5 s .* ours", listed)
    (shape,) = ids(run("rules", "list", "--json"))
    assert shape == rule_id
    assert "says nothing any more" in run("rules", "remove", rule_id).output
    refused(run("rules", "remove", rule_id), 2, rule_id)
    refused(run("rules", "add", "block", "--track", "nobody"), 3, "nobody")


def test_webhooks_are_made_tested_told_and_ended(run, desk, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    assert run("webhooks").output == "no webhooks\n"
    with receiving() as host:
        made = run(
            "webhooks", "add", host.url("/ok"), "--event", "detection.decided", "--note", "me"
        )
        (webhook_id,) = re.findall(r"^id +(\w+)$", made.output, re.M)
        (secret,) = re.findall(r"^secret +(whsec_\S+)$", made.output, re.M)
        listed = run("webhooks").output
        assert re.search(
            rf"{webhook_id} +{re.escape(host.url('/ok'))} +detection.decided +all +on +me", listed
        )
        assert run("webhooks", "test", webhook_id).output == "delivered: answered 204\n"
        assert host.told[0].signed(secret, time.time())
        run("detections", "decide", "d0", "confirm", "--by", "ann")
        waiting = run("webhooks", "deliveries", webhook_id, "--state", "pending").output
        (delivery_id,) = re.findall(r"^(\w{32}) +\w+ +detection.decided .* pending", waiting, re.M)
        assert run("webhooks", "replay", delivery_id).output == "delivered: answered 204\n"
        assert host.told[1].json["detection"]["ruling"] == "confirm"
        assert len(ids(run("webhooks", "deliveries", "--json"))) == 2
        assert run("webhooks", "deliveries", "--state", "dead").output == "no deliveries\n"
        bad = run("webhooks", "add", host.url("/status/500"), "--json")
        (bad_id,) = ids(bad)
        failed = run("webhooks", "test", bad_id)
        assert (failed.exit_code, failed.output) == (
            1,
            "not delivered: the address answered 500 Internal Server Error\n",
        )
        shown = "".join(
            run(*asked).output
            for asked in (
                ["webhooks"],
                ["webhooks", "--json"],
                ["webhooks", "deliveries", "--json"],
            )
        )
        assert secret not in shown
        own = run("webhooks", "add", host.url("/x"), "--secret", "-", stdin="my-own-secret-of-20\n")
        assert re.search(r"^secret +my-own-secret-of-20$", own.output, re.M)
    for one in desk.webhooks():
        assert "is told nothing any more" in run("webhooks", "remove", one.id).output
    refused(run("webhooks", "remove", webhook_id), 2, webhook_id)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detections", "show"], "which one?"),
        (["detections", "list", "d1"], "takes no id"),
        (["detections", "show", "d1", "--station", "x"], "takes no filter"),
        (["detections", "show", "d1", "--by", "x"], "--by goes with"),
        (["detections", "list", "--note", "x"], "go with `earmark detections decide"),
        (["detections", "decide", "d1", "maybe"], "confirm, reject or unsure, got 'maybe'"),
        (["detections", "decide", "d1"], "confirm, reject or unsure, got ''"),
        (["detections", "totals", "--by", "week"], "not by 'week'"),
        (["detections", "--since", "yesterday"], "2026-11-23"),
        (["detections", "--json", "--csv", "x"], "--csv and --json"),
        (["rules", "add"], "add block --track ID"),
        (["rules", "add", "ban"], "allow, review or block, got 'ban'"),
        (["rules", "list", "x"], "takes no name"),
        (["rules", "list", "--tag", "x"], "go with `earmark rules add ACTION`"),
        (["webhooks", "test"], "webhooks test ID"),
        (["webhooks", "add"], "webhooks add URL"),
        (["webhooks", "list", "x"], "takes no name"),
        (["webhooks", "test", "x", "--event", "y"], "go with `earmark webhooks add`"),
        (["webhooks", "test", "x", "--state", "dead"], "`earmark webhooks deliveries`"),
        (["webhooks", "replay", "x"], "x"),
        (["webhooks", "deliveries", "x"], "no webhook 'x'"),
    ],
)
def test_what_makes_no_sense_is_said(run, arguments, words):
    refused(run(*arguments), 2, words)
