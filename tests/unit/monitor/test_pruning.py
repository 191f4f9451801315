"""What grows old is given up: the rows over the store in memory, the clips in a real folder."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from webhook_host import made_detection

from earmark.errors import DetectionNotFoundError, NoMediaError, UsageError
from earmark.monitor.desk import Desk
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.housekeeping import Housekeeper
from earmark.monitor.retention import DAY_S, Pruned, Retention
from earmark.monitor.sweeping import GOING, GRACE_S
from earmark.monitor.timeline import Happening
from earmark.stores.memory_monitor import MemoryMonitorStore
from earmark.types import Clip

NOW = time.time()


@pytest.fixture
def desk(tmp_path):
    return Desk(MemoryMonitorStore(), EvidenceRoom(tmp_path / "ev"), library=None)


def log(desk, name, days, *, kind="close", sound=None, station="Radio", place_s=0.0):
    """Log a detection of so many days ago, with a clip that is as old."""
    seed = len(name) + sum(map(ord, name)) if sound is None else sound
    rng = np.random.default_rng(seed)
    clip = Clip((0.1 * rng.standard_normal(4000)).astype(np.float32), 8000, 12.0)
    detection = made_detection(name, reference_s=place_s)
    desk.clock = lambda: NOW - days * DAY_S
    entry = desk.log(
        Happening(kind, 60.0, detection, clip),
        source="live",
        station=station,
        origin="stream:1",
        zero_at=NOW - days * DAY_S,
    )
    desk.clock = lambda: NOW
    if entry is not None and entry.evidence is not None:
        path = desk.room.find(entry)
        os.utime(path, (NOW - days * DAY_S - GRACE_S,) * 2)
    return entry


def ids(desk):
    return [entry.id for entry in desk.entries()]


def files(desk):
    return sorted(path.name for path in desk.room.folder.rglob("*") if path.is_file())


def test_old_detections_are_forgotten_with_their_clips(desk):
    for name, days in (("new", 1), ("old", 40), ("kept", 50), ("wrong", 60)):
        log(desk, name, days, place_s=100.0 * days)
    log(desk, "goes on", 70, kind="open", place_s=9000.0)
    desk.decide("kept", "confirm", "ann")
    desk.decide("wrong", "reject", "ann")
    clips = {name: desk.entry(name).evidence.sha256 + ".flac" for name in ("new", "kept")}
    size = sum(desk.entry(name).evidence.bytes for name in ("old", "wrong"))
    retention = Retention(keep_days=30)
    whole = files(desk)
    assert desk.prune(retention, dry_run=True) == Pruned(2, 0, 2, size, dry_run=True)
    assert (files(desk), len(ids(desk))) == (whole, 5)
    assert desk.prune(retention) == Pruned(2, 0, 2, size)
    assert set(ids(desk)) == {"new", "kept", "goes on"}
    assert files(desk) == sorted(clips.values())
    assert desk.prune(retention) == Pruned()
    with pytest.raises(DetectionNotFoundError):
        desk.entry("wrong")
    # What was rejected does not come again.
    assert log(desk, "wrong again", 0, place_s=6000.0) is None
    assert log(desk, "elsewhere", 0, place_s=6000.0, station="Other") is not None
    assert desk.prune(Retention(keep_days=30, confirmed=True)).detections == 1
    assert "kept" not in ids(desk)


def test_clips_alone_are_given_up_and_their_rows_say_so(desk):
    for name, days in (("new", 1), ("old", 40), ("kept", 50)):
        log(desk, name, days, place_s=100.0 * days)
    desk.decide("kept", "confirm", "ann")
    before = desk.entry("old")
    told = desk.prune(Retention(evidence_days=30))
    assert told == Pruned(0, 1, 1, before.evidence.bytes)
    after = desk.entry("old")
    assert after.evidence.pruned_at == NOW
    assert after.evidence.sha256 == before.evidence.sha256
    with pytest.raises(NoMediaError, match="the clip of detection 'old' was deleted on 20"):
        desk.evidence("old")
    assert desk.evidence("new").is_file()
    assert desk.evidence("kept").is_file()
    assert desk.prune(Retention(evidence_days=30, confirmed=True)).clips == 1


def test_there_is_room_for_so_many_clips_the_oldest_go_first(desk):
    for days in (1, 2, 3, 4):
        log(desk, f"d{days}", days, place_s=100.0 * days)
    desk.decide("d4", "confirm", "ann")
    one = max(desk.entry(f"d{days}").evidence.bytes for days in (1, 2, 3, 4))
    told = desk.prune(Retention(evidence_max_gb=(2.5 * one) / 1e9))
    assert (told.detections, told.clips, told.files) == (0, 2, 2)
    there = [name for name in ids(desk) if desk.entry(name).evidence.pruned_at is None]
    assert there == ["d1", "d4"]


def test_a_clip_of_two_detections_stays_while_one_of_them_does(desk):
    log(desk, "old", 40, sound=1, place_s=0.0)
    log(desk, "new", 1, sound=1, place_s=1000.0)
    assert len(files(desk)) == 1
    assert desk.prune(Retention(evidence_days=30)) == Pruned(0, 1, 0, 0)
    assert desk.evidence("new").is_file()
    assert desk.prune(Retention(keep_days=0)).files == 1


def test_a_kill_between_row_and_file_leaves_a_file_that_goes_the_next_time(desk):
    log(desk, "old", 40)
    (clip,) = desk.store.clips()
    desk.store.drop_clips([clip], NOW)  # and killed
    assert len(files(desk)) == 1
    assert desk.prune(Retention(evidence_days=30)) == Pruned(0, 0, 1, clip.bytes)
    assert files(desk) == []


def test_a_kill_in_the_midst_of_deleting_loses_no_clip_that_is_named(desk):
    log(desk, "one", 1, place_s=0.0)
    log(desk, "two", 1, place_s=1000.0)
    for name in ("one", "two"):
        path = desk.evidence(name)
        path.rename(path.with_name(path.name + GOING))
    desk.forget("two")
    told = desk.prune(Retention(evidence_days=30))
    assert (told.clips, told.files) == (0, 1)
    assert desk.evidence("one").is_file()
    assert len(files(desk)) == 1


def test_what_is_young_stays_though_nothing_names_it_yet(desk):
    entry = log(desk, "one", 3)
    path = desk.evidence("one")
    desk.forget("one")
    os.utime(path, (NOW - GRACE_S + 60.0,) * 2)
    assert desk.prune(Retention(keep_days=0)).files == 0
    os.utime(path, (NOW - 2 * GRACE_S,) * 2)
    log(desk, "again", 0, sound=len("one") + sum(map(ord, "one")))  # it is kept once more
    assert entry.evidence.sha256 == desk.entry("again").evidence.sha256
    assert desk.prune(Retention(evidence_days=30)).files == 0
    assert desk.evidence("again") == path


def test_an_old_programme_that_was_scanned_today_is_new(desk):
    log(desk, "archive", 0)
    desk.forget("archive")
    entry = desk.log(
        Happening("close", 60.0, made_detection("archive")),
        source="1987.flac",
        station="Archive",
        origin="scan:1",
        zero_at=0.0,
    )
    assert (entry.began_at, entry.logged_at) == (10.0, NOW)
    assert desk.prune(Retention(keep_days=1)).detections == 0


def test_what_says_nothing_prunes_nothing(desk):
    with pytest.raises(UsageError, match="everything is kept for ever"):
        desk.prune()
    with pytest.raises(UsageError, match="keep_days is a number from 0"):
        Retention(keep_days=-1.0)
    with pytest.raises(UsageError, match="evidence_max_gb is a number from 0"):
        Retention(evidence_max_gb=float("nan"))


def test_a_dry_run_changes_nothing(desk):
    log(desk, "one", 3)
    path = desk.evidence("one")
    path.rename(path.with_name(path.name + GOING))
    desk.forget("one")
    before = files(desk)
    assert desk.prune(Retention(keep_days=1), dry_run=True).files == 1
    assert files(desk) == before
    assert desk.prune(Retention(keep_days=1)).files == 1
    assert files(desk) == []


def test_nothing_is_deleted_but_clips(desk):
    log(desk, "one", 3)
    path = desk.evidence("one")
    theirs = [path.with_name("song.flac"), desk.room.folder / "U2" / f"{'a' * 64}.flac"]
    left = path.with_name(f"{path.stem[:16]}x_3yz.unfinished")  # by a process that was killed
    for other in (*theirs, left):
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b"sound")
        os.utime(other, (NOW - DAY_S,) * 2)
    assert desk.prune(Retention(keep_days=1)).files == 2
    assert files(desk) == sorted(other.name for other in theirs)


def test_two_libraries_that_keep_clips_in_one_folder_delete_none(tmp_path, caplog):
    """Neither knows what the other one names."""
    desks = [
        Desk(MemoryMonitorStore(), EvidenceRoom(tmp_path / "ev", f"redis://{name}/"), library=None)
        for name in ("a", "b")
    ]
    log(desks[0], "one", 40)
    assert desks[0].room.others() == frozenset()
    log(desks[1], "two", 1)
    told = desks[0].prune(Retention(keep_days=30))
    assert (told.detections, told.files) == (1, 0)
    assert "redis://b/ keep theirs in" in caplog.text
    assert desks[1].evidence("two").is_file()
    (tmp_path / "ev" / "libraries").write_text("redis://a/\n", "utf-8")  # b was given up
    assert desks[0].prune(Retention(keep_days=30)).files == 2


def test_what_has_found_no_room_is_not_what_takes_none(desk):
    """An older detection that shares the clip of a younger one loses nothing and frees nothing."""
    log(desk, "new", 1, sound=1, place_s=0.0)
    log(desk, "old", 2, sound=1, place_s=1000.0)
    desk.decide("new", "confirm", "ann")
    size = desk.entry("new").evidence.bytes
    assert desk.prune(Retention(evidence_max_gb=0.5 * size / 1e9)) == Pruned()


def test_a_clock_that_was_set_forward_does_not_make_all_of_it_old(desk, caplog):
    log(desk, "new", 1)
    desk.retention = Retention(keep_days=30)
    steady = [50.0]
    keeper = Housekeeper(desk, steady=lambda: steady[0])
    steady[0] += 3600.0
    desk.clock = lambda: NOW + 100 * 365 * DAY_S
    keeper.tidy()
    assert "the clock was set forward by" in caplog.text
    steady[0] += 3600.0
    desk.clock = lambda: NOW + 7200.0  # it was set right
    keeper.tidy()
    assert ids(desk) == ["new"]
    desk.clock = lambda: NOW + 40 * DAY_S
    steady[0] += 40 * DAY_S - 7200.0  # time went by
    keeper.tidy()
    assert ids(desk) == []


def test_it_is_done_in_the_background(desk):
    log(desk, "old", 40)
    with Housekeeper(desk, first_s=0.0):
        time.sleep(0.05)
    assert ids(desk) == ["old"]  # for ever, where nothing is said
    desk.retention = Retention(keep_days=30)
    with Housekeeper(desk, first_s=0.0):
        until = time.monotonic() + 5
        while ids(desk) and time.monotonic() < until:
            time.sleep(0.01)
    assert ids(desk) == []
