"""A monitoring log that an earlier earmark wrote opens, answers and grows, for ever."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from earmark.ports import Decision, Wanted
from earmark.stores.memory_monitor import MemoryMonitorStore
from earmark.stores.sqlite_monitor import SqliteMonitorStore

_spec = importlib.util.spec_from_file_location(
    "make_golden_monitor", Path(__file__).parent / "make_golden_monitor.py"
)
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


@pytest.fixture
def store(tmp_path):
    shutil.copyfile(golden.FOLDER / golden.NAME, tmp_path / golden.NAME)
    opened = SqliteMonitorStore(tmp_path)
    yield opened
    opened.close()


def same(found, expected):
    """Compare all but sums of floats exactly: SQLite may add in another order one day."""
    totals, wanted = found.pop("totals"), expected.pop("totals")
    for entry in found["entries"]:  # what the file's earmark did not know
        assert entry.pop("logged_at") == 0.0
        assert (entry["evidence"] or {}).pop("pruned_at", None) is None
    assert found == expected
    for by, want in wanted.items():
        keys = [(total["key"], total["label"], total["count"]) for total in want]
        assert [(total["key"], total["label"], total["count"]) for total in totals[by]] == keys
        for total, one in zip(totals[by], want, strict=True):
            assert total["played_s"] == pytest.approx(one["played_s"])


@pytest.fixture
def expected():
    return json.loads((golden.FOLDER / "expected.json").read_text())


def test_it_is_small_and_of_this_version():
    files = {path.name: path.stat().st_size for path in golden.FOLDER.iterdir()}
    assert sorted(files) == ["expected.json", "monitor.sqlite"]
    assert 1000 < sum(files.values()) < 250_000
    with sqlite3.connect(golden.FOLDER / golden.NAME) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert version == 1


def test_it_holds_what_it_held(store, expected):
    assert min(map(len, expected.values())) > 0
    same(golden.held(store), expected)


def test_it_answers_and_grows(store):
    (rejected,) = [entry for entry in store.entries(Wanted(ruling="reject")) if entry.id == "d0003"]
    assert rejected.decisions[-1] == Decision("reject", "Ann", 5.5, "nicht das Stück")
    assert store.decide("d0003", Decision("confirm", "Bo", 6.0)).ruling == "confirm"
    assert [delivery.id for delivery in store.claim_deliveries(70.0, 80.0)] == ["e0"]
    store.put_entry(golden.make_entry(99))
    assert len(store.entries(Wanted())) == 13
    assert len(store.entries(Wanted(text="TITEL"))) == 12  # one track has none


def test_what_is_written_today_is_what_it_held(expected):
    """The made-up records are what they were: otherwise the file says nothing about them."""
    store = MemoryMonitorStore()
    golden.fill(store)
    same(golden.held(store), expected)
