"""The desk over the store in memory; what the durable ones do besides is theirs to show."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from webhook_host import made_detection, made_track

from earmark.errors import (
    DetectionNotFoundError,
    NoMediaError,
    RuleNotFoundError,
    StoreUnavailableError,
    TrackNotFoundError,
    UsageError,
)
from earmark.monitor.desk import Desk
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.timeline import Gap, Happening
from earmark.ports import Wanted
from earmark.stores.memory_monitor import MemoryMonitorStore
from earmark.types import Clip, Span

ZERO_AT = 1_700_000_000.0
URL = "http://me:pw@radio.example/live"


class Clock:
    def __init__(self) -> None:
        self.now = ZERO_AT + 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def desk(tmp_path, clock):
    return Desk(MemoryMonitorStore(), EvidenceRoom(tmp_path / "ev"), library=None, clock=clock)


def log(desk, kind, detection, clip=None, station="radio"):
    happening = Happening(kind, detection.end_s, detection, clip)
    return desk.log(happening, source=URL, station=station, origin="stream:1", zero_at=ZERO_AT)


def clip(seed=1):
    rng = np.random.default_rng(seed)
    return Clip((0.1 * rng.standard_normal(8000)).astype(np.float32), 8000, start_s=11.0)


def told(desk):
    """Events that wait, oldest first, with what they say of the detection."""
    return [(one.event, one) for one in reversed(desk.deliveries())]


def test_a_detection_opens_grows_and_closes(desk, clock):
    opened = log(desk, "open", made_detection(end_s=16.0))
    assert (opened.began_at, opened.action, opened.rule_id) == (ZERO_AT + 10.0, "review", None)
    assert (opened.source, opened.detection.open) == ("http://radio.example/live", True)
    clock.now += 9.9
    soon = log(desk, "update", made_detection(end_s=25.0))
    assert soon.detection.end_s == 25.0
    assert desk.entry("d1").detection.end_s == 16.0  # not written yet
    clock.now += 0.2
    log(desk, "update", made_detection(end_s=26.0))
    assert desk.entry("d1").detection.end_s == 26.0
    closed = log(desk, "close", made_detection(end_s=40.0), clip())
    assert desk.entry("d1") == closed
    assert not closed.detection.open
    assert desk.evidence("d1") == desk.room.folder / closed.evidence.path
    assert desk.entries(Wanted(open=True)) == []
    (total,) = desk.totals(by="track")
    assert (total.key, total.count, total.played_s) == ("t1", 1, 30.0)


def test_what_is_no_detection_is_not_logged(desk):
    gap = Happening("gap", 5.0, gap=Gap("music", Span(0.0, 5.0)))
    assert desk.log(gap, source="s", station="r", origin="stream:1", zero_at=0.0) is None
    assert desk.entries() == []


def test_rules_say_what_happens_and_change_as_a_detection_grows(desk, clock):
    long = desk.add_rule("block", track_id="t1", least_s=20.0)
    own = desk.add_rule("allow", tag="own")
    assert log(desk, "open", made_detection(end_s=15.0)).action == "review"
    clock.now += 10
    grown = log(desk, "update", made_detection(end_s=30.0))
    assert (grown.action, grown.rule_id) == ("block", long.id)
    jingle = made_detection("d2", track=made_track("t2", tags=("own",)))
    assert log(desk, "close", jingle).rule_id == own.id
    desk.remove_rule(own.id)
    assert desk.entry("d2").action == "allow"  # what is logged stays
    assert log(desk, "open", replace(jingle, id="d3")).action == "review"
    assert desk.rules() == [long]
    with pytest.raises(RuleNotFoundError):
        desk.remove_rule(own.id)


def test_what_was_rejected_does_not_come_again(desk, clock):
    log(desk, "close", made_detection("d1", reference_s=50.0), clip())
    desk.decide("d1", "reject", "ann", "a cover")
    for kind in ("open", "update", "close"):
        assert log(desk, kind, made_detection("d2", reference_s=60.0), clip(2)) is None
    assert [entry.id for entry in desk.entries()] == ["d1"]
    assert len(list(desk.room.folder.rglob("*.flac"))) == 1
    # Another part of it, another track and another station are other things.
    assert log(desk, "close", made_detection("d3", reference_s=150.0))
    assert log(desk, "close", made_detection("d4", reference_s=50.0, track=made_track("t2")))
    assert log(desk, "close", made_detection("d5", reference_s=50.0), station="tv")
    desk.decide("d1", "unsure", "ann")
    assert log(desk, "close", made_detection("d6", reference_s=50.0)).id == "d6"
    trail = [(d.ruling, d.by, d.note) for d in desk.entry("d1").decisions]
    assert trail == [("reject", "ann", "a cover"), ("unsure", "ann", "")]


def test_one_that_is_rejected_while_it_is_open_is_told_to_its_end(desk, clock):
    log(desk, "open", made_detection("d1", end_s=20.0, reference_s=50.0))
    desk.decide("d1", "reject", "ann")
    closed = log(desk, "close", made_detection("d1", end_s=90.0, reference_s=50.0))
    assert (closed.ruling, closed.detection.end_s) == ("reject", 90.0)
    # The pair has grown with it.
    assert log(desk, "open", made_detection("d2", reference_s=95.0)) is None


def test_one_that_is_logged_is_told_to_its_end_whatever_is_rejected_meanwhile(desk, clock):
    log(desk, "open", made_detection("d1", end_s=20.0, reference_s=50.0))
    log(desk, "close", made_detection("d2", reference_s=50.0))
    desk.decide("d2", "reject", "ann")
    assert log(desk, "close", made_detection("d1", reference_s=50.0)).detection.open is False


def test_a_suppressed_detection_is_looked_at_again_as_it_grows(desk, clock):
    log(desk, "close", made_detection("d1", reference_s=50.0, end_s=20.0))
    desk.decide("d1", "reject", "ann")
    assert log(desk, "open", made_detection("d2", end_s=15.0, reference_s=55.0)) is None
    grown = replace(made_detection("d2", start_s=10.0, end_s=60.0, reference_s=80.0))
    assert log(desk, "update", grown) is None  # within ten seconds nobody looks
    clock.now += 10
    desk.add_webhook("http://127.0.0.1:1/")
    assert log(desk, "update", grown).id == "d2"
    assert [event for event, _ in told(desk)] == ["detection.opened"]


def test_decisions_that_make_no_sense_are_refused(desk):
    log(desk, "close", made_detection())
    for ruling, by, note, words in (
        ("maybe", "ann", "", "confirm, reject or unsure, got 'maybe'"),
        ("reject", " ", "", "has a name"),
        ("reject", "a\nb", "", "has a name"),
        ("reject", "ann", "x" * 1001, "at most 1000"),
    ):
        with pytest.raises(UsageError, match=words):
            desk.decide("d1", ruling, by, note)
    assert desk.entry("d1").decisions == ()
    with pytest.raises(DetectionNotFoundError):
        desk.decide("d9", "reject", "ann")
    with pytest.raises(UsageError, match="not by 'week'"):
        desk.totals(by="week")


def test_a_detection_is_not_lost_because_its_clip_cannot_be_kept(desk, caplog):
    desk.room.folder.parent.mkdir(parents=True, exist_ok=True)
    desk.room.folder.write_text("a file is in the way")
    with caplog.at_level(logging.WARNING, logger="earmark.monitor"):
        entry = log(desk, "close", made_detection(), clip())
    assert (entry.evidence, desk.entry("d1")) == (None, entry)
    assert "detection d1 is kept without its clip" in caplog.text
    with pytest.raises(NoMediaError):
        desk.evidence("d1")
    nothing = Clip(np.zeros(0, np.float32), 8000)
    assert log(desk, "close", made_detection("d2"), nothing).evidence is None


def test_events_are_told_to_those_who_want_them(desk, clock):
    every = desk.add_webhook("http://127.0.0.1:1/all")
    blocks = desk.add_webhook("http://127.0.0.1:1/b", ["detection.closed"], ["block"])
    desk.add_rule("block", track_id="t2")
    for detection in (made_detection("d1"), made_detection("d2", track=made_track("t2"))):
        log(desk, "open", detection)
        log(desk, "close", detection, clip())
    desk.decide("d2", "confirm", "ann")
    assert desk.tell("stream.down", {"stream": {"id": "1"}}) == 1
    by_webhook = {
        webhook.id: [(event, one) for event, one in told(desk) if one.webhook_id == webhook.id]
        for webhook in (every, blocks)
    }
    assert [event for event, _ in by_webhook[every.id]] == [
        *["detection.opened", "detection.closed"] * 2, "detection.decided", "stream.down",
    ]  # fmt: skip
    ((event, one),) = by_webhook[blocks.id]
    assert '"action": "block"' in one.body
    shape = desk.entry("d2").as_dict() | {"ruling": None, "decisions": []}
    assert json.loads(one.body) == {
        "event": event, "id": one.id, "at": "2023-11-14T22:30:00.000+00:00", "detection": shape,
    }  # fmt: skip


def test_who_wants_blocks_is_told_once_a_detection_becomes_one(desk, clock):
    every = desk.add_webhook("http://127.0.0.1:1/all")
    blocks = desk.add_webhook("http://127.0.0.1:1/b", ["detection.opened"], ["block"])
    desk.add_rule("block", track_id="t1", least_s=20.0)
    for end_s in (15.0, 25.0, 35.0, 45.0):
        log(desk, "open" if end_s == 15.0 else "update", made_detection(end_s=end_s))
        clock.now += 10
    assert len(desk.deliveries(every.id)) == 1
    (one,) = desk.deliveries(blocks.id)
    assert json.loads(one.body)["detection"]["played_s"] == 25.0


def test_telling_the_same_again_tells_it_once(desk):
    desk.add_webhook("http://127.0.0.1:1/")
    for _ in range(3):
        log(desk, "close", made_detection(), clip())
    assert len(told(desk)) == 1
    log(desk, "close", made_detection(end_s=50.0), clip())  # it says something else now
    assert len(told(desk)) == 2
    for _ in range(2):
        desk.tell("stream.down", {"stream": {"id": "1"}})
    assert len(told(desk)) == 4


def test_what_a_killed_watch_left_open_is_closed_and_told(desk, clock):
    desk.add_webhook("http://127.0.0.1:1/", ["detection.closed"])
    for number in range(205):
        log(desk, "open", made_detection(f"d{number}"))
    other = Happening("open", 1.0, made_detection("other"))
    desk.log(other, source="s", station="tv", origin="stream:2", zero_at=ZERO_AT)
    assert desk.close_left("stream:1") == 205
    assert [entry.id for entry in desk.entries(Wanted(open=True))] == ["other"]
    assert len(desk.deliveries(limit=1000)) == 205
    assert desk.close_left("stream:1") == 0


def test_a_rule_of_a_track_that_is_not_there_is_refused(shelf, clock, tmp_path):
    desk = Desk(MemoryMonitorStore(), EvidenceRoom(tmp_path), library=shelf, clock=clock)
    with pytest.raises(TrackNotFoundError):
        desk.add_rule("block", track_id="nobody")
    assert desk.rules() == []


def test_names_that_are_no_text_are_told_all_the_same(desk):
    desk.add_webhook("http://127.0.0.1:1/")
    odd = made_detection(track=replace(made_track(), source="/m/\udcff.mp3", title="\u00e9"))
    log(desk, "close", odd)
    ((_, one),) = told(desk)
    assert one.body.isascii()
    one.body.encode()


def test_open_puts_evidence_in_the_librarys_folder(shelf, settings):
    with Desk.open(shelf, settings) as desk:
        assert desk.room.folder == Path(settings.library).absolute() / "monitor" / "evidence"
        log(desk, "close", made_detection(), clip())
    with Desk.open(shelf, settings) as again:
        assert again.evidence("d1").is_file()
    with Desk.open(shelf, settings, str(desk.room.folder / "other")) as elsewhere:
        assert elsewhere.room.folder.name == "other"
        assert elsewhere.entry("d1").station == "radio"


def test_what_is_forgotten_is_not_rejected_any_more(desk):
    log(desk, "close", made_detection("d1", 10.0, 16.0, 2.0))
    desk.decide("d1", "reject", "Ann")
    assert log(desk, "close", made_detection("d2", 30.0, 36.0, 2.0)) is None
    desk.forget("d1")
    assert log(desk, "close", made_detection("d3", 50.0, 56.0, 2.0)) is not None
    with pytest.raises(DetectionNotFoundError):
        desk.forget("d1")


def test_an_update_right_after_a_decision_does_not_take_it_back(desk):
    log(desk, "open", made_detection("d1", 10.0, 16.0, 2.0))
    desk.decide("d1", "confirm", "Ann")
    assert log(desk, "update", made_detection("d1", 10.0, 18.0, 2.0)).ruling == "confirm"


class Away(MemoryMonitorStore):
    """A store that goes away between an entry and what is to be told of it."""

    away = True

    def put_delivery(self, delivery):
        if self.away:
            raise StoreUnavailableError("it is away")
        super().put_delivery(delivery)


def test_what_could_not_be_told_is_told_when_it_is_logged_again(tmp_path, clock):
    desk = Desk(Away(), EvidenceRoom(tmp_path / "ev"), library=None, clock=clock)
    desk.add_webhook("https://example.org/", ["detection.opened"])
    with pytest.raises(StoreUnavailableError):
        log(desk, "open", made_detection("d1", 10.0, 16.0, 2.0))
    desk.store.away = False
    for _ in range(2):
        log(desk, "open", made_detection("d1", 10.0, 16.0, 2.0))
    assert [one.event for one in desk.deliveries()] == ["detection.opened"]
