"""What a watch writes down, on clocks that are set back."""

from __future__ import annotations

import sqlite3

import pytest

from earmark import Library, Settings
from earmark.monitor.book import TELL_EVERY_S, Book
from earmark.monitor.desk import Desk
from earmark.ports import Outage, Stream

HOUR_S = 3600.0


@pytest.fixture
def desk(tmp_path):
    settings = Settings(library=str(tmp_path / "library"), lock_wait_s=0.01)
    with (
        Library.open(create=True, settings=settings) as library,
        Desk.open(library, settings) as opened,
    ):
        yield opened


@pytest.fixture
def book(desk):
    stream = Stream("s", "Station", "http://station.example/live")
    book = Book(desk, stream)
    book.take_up(stream, 10_000.0)
    return (
        lambda now, state: (
            book.stream(Stream("s", "Station", stream.url, state=state, state_at=now), now)
            or desk.store.stream("s").state
        ),
        book,
    )


def test_how_it_goes_is_written_every_few_seconds_also_after_the_clock_was_set_back(book):
    tell, _ = book
    assert tell(10_000.0, "live") == "live"
    assert tell(10_000.0 + TELL_EVERY_S / 2, "down") == "live"
    assert tell(10_000.0 + TELL_EVERY_S, "down") == "down"
    assert tell(10_000.0 - HOUR_S, "live") == "live"
    assert tell(10_000.0 - HOUR_S + TELL_EVERY_S / 2, "down") == "live"


def test_what_is_pending_is_written_also_after_the_clock_was_set_back(book, desk, tmp_path):
    _, book = book
    with sqlite3.connect(tmp_path / "library/monitor/monitor.sqlite", isolation_level=None) as file:
        file.execute("BEGIN IMMEDIATE")
        book.outage(Outage("o", "s", 9_000.0, None, "gone"), 10_000.0)
        file.execute("ROLLBACK")
    file.close()
    assert desk.store.outages("s") == []
    book.outage(Outage("p", "s", 9_000.0, None, "gone"), 10_001.0)
    assert desk.store.outages("s") == []  # not yet time to try again
    book.outage(Outage("p", "s", 9_000.0, 9_500.0, "gone"), 10_000.0 - HOUR_S)
    assert sorted(outage.id for outage in desk.store.outages("s")) == ["o", "p"]
