"""What only the monitoring file owes: kept through kills, its owner's only, read by indexes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from monitor_records import DELIVERY, RULE, make_entry

from earmark.bootstrap import open_monitor
from earmark.config import Settings
from earmark.errors import (
    DamagedIndexError,
    DiskFullError,
    LibraryLockedError,
    LibraryNotFoundError,
    LibraryVersionError,
)
from earmark.manifest import Manifest, write_manifest
from earmark.ports import Decision, Wanted
from earmark.stores.sqlite_monitor import SqliteMonitorStore

SUPPORT = Path(__file__).parents[2] / "support"
WRITER = """
import sys
from pathlib import Path
from monitor_records import make_entry
from earmark.ports import Decision
from earmark.stores.sqlite_monitor import SqliteMonitorStore

store = SqliteMonitorStore(Path(sys.argv[1]))
for seed in range(100_000):
    store.put_entry(make_entry(seed))
    store.decide(f"d{seed:04d}", Decision("confirm", "Ann", float(seed)))
    print(seed, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "monitor"


@pytest.fixture
def store(folder):
    opened = SqliteMonitorStore(folder, 5.0)
    yield opened
    opened.close()


def test_what_was_acknowledged_survives_a_kill(folder):
    paths = os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
    )
    told = [int(writer.stdout.readline()) for _ in range(40)]
    os.kill(writer.pid, signal.SIGKILL)
    told += map(int, writer.stdout.read().split())
    writer.stdout.close()
    assert writer.wait(20) == -signal.SIGKILL
    store = SqliteMonitorStore(folder, 5.0)
    for seed in told:
        made = make_entry(seed)
        last = Decision("confirm", "Ann", float(seed))
        assert store.entry(made.id) == replace(made, decisions=(*made.decisions, last))
    assert len(told) <= len(store.entries(Wanted(), limit=10**6)) <= len(told) + 1
    store.put_rule(RULE)
    with store._file.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.close()


def test_nobody_else_may_read_it(store, folder):
    store.put_rule(RULE)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.sqlite*")}
    names = ("monitor.sqlite", "monitor.sqlite-wal", "monitor.sqlite-shm")
    assert files == dict.fromkeys(names, 0o600)


def test_it_syncs_before_it_returns(store):
    with store._file.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_newer_format_is_refused(store, folder):
    with store._file.transaction() as connection:
        connection.execute("PRAGMA user_version = 9")
    message = "format 9, this earmark reads 1; .* move the file away and begin a new log"
    with pytest.raises(LibraryVersionError, match=message):
        SqliteMonitorStore(folder, 1.0)


def test_a_damaged_file_is_named_with_the_remedy(folder):
    folder.mkdir()
    (folder / "monitor.sqlite").write_bytes(b"no database at all" * 100)
    message = r"monitor\.sqlite is damaged; move it away and begin a new log: detections, .* lost"
    with pytest.raises(DamagedIndexError, match=message):
        SqliteMonitorStore(folder, 1.0)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "7", '{"id": "r1"}', b"\xff\xfe"])
def test_a_row_that_makes_no_sense_is_damage(store, text):
    store.put_rule(RULE)
    store.put_entry(make_entry(1))
    with store._file.transaction() as connection:
        connection.execute("UPDATE rules SET record = ?", (text,))
        connection.execute("UPDATE entries SET record = ?", (text,))
    for use in (store.rules, lambda: store.entry("d0001"), lambda: store.entries(Wanted())):
        with pytest.raises(DamagedIndexError, match=r"monitor\.sqlite is damaged; move it away"):
            use()


def test_a_trail_that_makes_no_sense_is_damage(store):
    store.put_entry(make_entry(1))
    with store._file.transaction() as connection:
        connection.execute("UPDATE entries SET decisions = 'x\n'")
    with pytest.raises(DamagedIndexError, match="move it away"):
        store.entry("d0001")


def test_a_full_disk_loses_nothing(store):
    store.put_entry(make_entry(1))
    with store._file.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # no more than there are
    with pytest.raises(DiskFullError, match="no room left"):
        store.put_delivery(replace(DELIVERY, body="x" * 200_000))
    assert (store.entries(Wanted()), store.deliveries()) == ([make_entry(1)], [])


def test_a_writer_that_does_not_end_is_named(folder):
    store = SqliteMonitorStore(folder, 0.05)
    other = sqlite3.connect(folder / "monitor.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryLockedError, match="locked by another process"):
        store.put_rule(RULE)
    # Who only reads does not wait, nor who asks for what is due and finds nothing.
    assert (store.rules(), store.claim_deliveries(1e9, 2e9)) == ([], [])
    other.execute("ROLLBACK")
    other.close()
    store.put_rule(RULE)
    store.close()


def claim_and_decide(folder, told):
    store = SqliteMonitorStore(folder, 20.0)
    claimed = []
    while found := store.claim_deliveries(1e3, 1e4, 3):
        claimed += [delivery.id for delivery in found]
        store.decide("d0000", Decision("unsure", str(os.getpid()), float(len(claimed))))
    told.put(claimed)
    store.close()


def test_processes_share_it(store, folder):
    store.put_entry(replace(make_entry(0), decisions=()))
    names = sorted(f"e{n}" for n in range(45))
    for name in names:
        store.put_delivery(replace(DELIVERY, id=name))
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    runs = [context.Process(target=claim_and_decide, args=(folder, told)) for _ in range(2)]
    for run in runs:
        run.start()
    claimed = sorted(told.get() + told.get())
    for run in runs:
        run.join(20)
    assert (claimed, [run.exitcode for run in runs]) == (names, [0, 0])
    assert len(store.entry("d0000").decisions) == 15


ASKED = {
    "entries_began": lambda store: store.entries(Wanted(), before="d0001"),
    "entries_station": lambda store: store.entries(Wanted(station="a"), before="d0001"),
    "entries_track": lambda store: store.entries(Wanted(track_id="a", since=5.0)),
    "entries_origin": lambda store: store.entries(Wanted(origin="a")),
    "entries_ruling": lambda store: store.entries(Wanted(ruling="none", action="review")),
    "entries_open": lambda store: store.entries(Wanted(open=True)),
    "outages_stream": lambda store: store.outages("s1"),
    "scans_key": lambda store: store.scan_of("k"),
    "rejections_pair": lambda store: store.rejections("a", "t1"),
    "deliveries_due": lambda store: store.claim_deliveries(100.0, 200.0),
    "deliveries_state": lambda store: store.deliveries(states=["dead"], before="e1"),
    "deliveries_webhook": lambda store: store.deliveries("w1"),
    "deliveries_old": lambda store: store.forget_deliveries(1.0),
}


@pytest.mark.parametrize("index", ASKED)
def test_lists_are_read_from_indexes(store, index):
    """What is asked every second, or page by page, does not walk the table nor sort it."""
    store.put_entry(make_entry(1))
    store.put_delivery(DELIVERY)
    said = []
    with store._file.reading() as connection:
        connection.set_trace_callback(said.append)
        ASKED[index](store)
        connection.set_trace_callback(None)
        asked = [one for one in said if one.startswith(("SELECT", "DELETE"))]
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[-1]}")]
    assert f"INDEX {index}" in plan[0], (asked[-1], plan)
    assert "TEMP B-TREE" not in " ".join(plan)


def test_it_lies_in_the_librarys_folder(tmp_path):
    with pytest.raises(LibraryNotFoundError, match="no library at"):
        open_monitor(tmp_path / "library", Settings())
    assert not (tmp_path / "library").exists()
    (tmp_path / "library").mkdir()
    write_manifest(tmp_path / "library", Manifest())
    first = open_monitor(tmp_path / "library", Settings(lock_wait_s=2.0))
    first.put_rule(RULE)
    first.close()
    assert (tmp_path / "library" / "monitor" / "monitor.sqlite").is_file()
    second = open_monitor(str(tmp_path / "library"))
    assert second.rules() == [RULE]
    second.close()


def test_it_lies_beside_the_tracks_in_redis(redis_host):
    from earmark.stores.redis_address import redis_address
    from earmark.stores.redis_client import RedisClient

    url = f"redis://127.0.0.1:{redis_host.port}/0?ns=opened-monitor"
    with pytest.raises(LibraryNotFoundError, match="ns=opened-monitor"):
        open_monitor(url)
    client = RedisClient(redis_address(url))
    client.call("SET", client.key("manifest"), b"{}")
    store = open_monitor(url)
    store.put_rule(RULE)
    assert client.call("EXISTS", client.key("monitor", "rules", "one", "r1")) == 1
    store.close()
    client.close()
