"""Connections that are closed while other threads use them."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from earmark.stores import connections as module
from earmark.stores.connections import Connections

LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT max(i) FROM n"
)


@pytest.fixture
def book(tmp_path):
    connections = Connections(tmp_path / "a.sqlite", 1.0, ["PRAGMA synchronous = FULL"])
    yield connections
    connections.close()


def test_what_a_thread_reads_is_read_to_its_end(book):
    begun, found = threading.Event(), []

    def read():
        with book.lent() as connection:
            begun.set()
            found.extend(connection.execute(LONG.format(1_000_000)).fetchone())

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(5)
    book.close()
    assert found == [1_000_000]
    thread.join()
    with pytest.raises(sqlite3.ProgrammingError, match="is closed"), book.lent():
        pass


def test_whoever_keeps_one_is_not_waited_for_for_ever(book, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_S", 0.05)
    begun, go_on, found = threading.Event(), threading.Event(), []

    def keep():
        with book.lent() as connection:
            begun.set()
            assert go_on.wait(5)
            found.extend(connection.execute("SELECT 7").fetchone())

    thread = threading.Thread(target=keep)
    thread.start()
    assert begun.wait(5)
    book.close()
    go_on.set()
    thread.join()
    assert found == [7]


def test_closing_while_others_open(tmp_path):
    """It brought the process down where a thread was in the middle of it."""
    for number in range(20):
        book = Connections(tmp_path / f"{number}.sqlite", 1.0, ["PRAGMA synchronous = FULL"])
        told = []

        def use(book=book, told=told):
            try:
                while True:
                    with book.lent() as connection:
                        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.ProgrammingError as error:
                told.append(str(error))

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        book.close()
        for thread in threads:
            thread.join(5)
        assert [text.endswith("is closed") for text in told] == [True] * 4
