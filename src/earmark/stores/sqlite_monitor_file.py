"""The monitoring database: its tables, and how a row gets into one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from earmark.stores.rows import plain
from earmark.stores.side_file import SideFile, SideSchema

FORMAT = 1
NAME = "monitor.sqlite"
LOCK_NAME = "monitor.lock"

# In every table `record` is JSON (`monitor_rows.py`) and `seq` the order of arrival: clocks may
# stand still or jump back, it does not. Other columns are what rows are looked for by, or what
# changes apart from the rest.
_TABLES = (
    """CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        began_at REAL NOT NULL,
        hour INTEGER NOT NULL,
        station TEXT NOT NULL,
        origin TEXT NOT NULL,
        track_id TEXT NOT NULL,
        artist TEXT NOT NULL,
        label TEXT NOT NULL,
        action TEXT NOT NULL,
        ruling TEXT NOT NULL,
        open INTEGER NOT NULL,
        confidence REAL NOT NULL,
        played_s REAL NOT NULL,
        search TEXT NOT NULL,
        record TEXT NOT NULL,
        decisions TEXT NOT NULL
    )""",
    "CREATE INDEX entries_began ON entries (began_at, id)",
    "CREATE INDEX entries_station ON entries (station, began_at, id)",
    "CREATE INDEX entries_origin ON entries (origin, began_at, id)",
    "CREATE INDEX entries_track ON entries (track_id, began_at, id)",
    "CREATE INDEX entries_ruling ON entries (ruling, action, began_at, id)",
    "CREATE INDEX entries_open ON entries (began_at, id) WHERE open",
    """CREATE TABLE entry_tags (
        tag TEXT NOT NULL,
        entry_id TEXT NOT NULL,
        PRIMARY KEY (tag, entry_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX entry_tags_entry ON entry_tags (entry_id)",
    """CREATE TABLE rejections (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        station TEXT NOT NULL,
        track_id TEXT NOT NULL,
        record TEXT NOT NULL
    )""",
    "CREATE INDEX rejections_pair ON rejections (station, track_id)",
    """CREATE TABLE rules (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        record TEXT NOT NULL
    )""",
    """CREATE TABLE streams (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        record TEXT NOT NULL,
        going TEXT NOT NULL
    )""",
    """CREATE TABLE outages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        stream_id TEXT NOT NULL,
        record TEXT NOT NULL
    )""",
    "CREATE INDEX outages_stream ON outages (stream_id, seq)",
    """CREATE TABLE scans (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL,
        record TEXT NOT NULL,
        large TEXT NOT NULL
    )""",
    "CREATE INDEX scans_key ON scans (key, seq)",
    """CREATE TABLE webhooks (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        record TEXT NOT NULL
    )""",
    """CREATE TABLE deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        webhook_id TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at REAL NOT NULL,
        next_at REAL NOT NULL,
        record TEXT NOT NULL
    )""",
    "CREATE INDEX deliveries_webhook ON deliveries (webhook_id, seq)",
    "CREATE INDEX deliveries_state ON deliveries (state, seq)",
    "CREATE INDEX deliveries_due ON deliveries (state, next_at, seq)",
    "CREATE INDEX deliveries_old ON deliveries (state, created_at)",
)
_SCHEMA = SideSchema(
    NAME,
    LOCK_NAME,
    FORMAT,
    _TABLES,
    "begin a new log",
    "detections, decisions, rules, streams and webhooks",
)


class MonitorFile(SideFile):
    """Connections to one monitoring file, which is made, for its owner only, if it is missing."""

    def __init__(self, folder: Path, wait_s: float) -> None:
        super().__init__(folder, wait_s, _SCHEMA)


class MonitorPart:
    """What the parts of a `SqliteMonitorStore` share: the file."""

    def __init__(self, file: MonitorFile) -> None:
        self._file = file

    def _row(self, table: str, columns: str, record_id: str) -> sqlite3.Row | None:
        """Return the columns of one row, or None."""
        with self._file.reading() as connection:
            found: sqlite3.Row | None = connection.execute(
                f"SELECT {columns} FROM {table} WHERE id = ?",  # noqa: S608 - ours
                (plain(record_id),),
            ).fetchone()
        return found

    def _forget(self, table: str, record_id: str) -> bool:
        """Delete one row; return whether it was there."""
        with self._file.transaction() as connection:
            statement = f"DELETE FROM {table} WHERE id = ?"  # noqa: S608 - ours
            return bool(connection.execute(statement, (plain(record_id),)).rowcount)


def put_row(
    connection: sqlite3.Connection,
    table: str,
    row: Mapping[str, object],
    kept: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a row, or overwrite the one of its id, which keeps its place.

    Parameters
    ----------
    kept
        What a row that is there has in a column then, as SQL, where it is not the new value.
    """
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    new = {name: f"excluded.{name}" for name in row if name != "id"} | dict(kept)
    sets = ", ".join(f"{name} = {value}" for name, value in new.items())
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {sets}",  # noqa: S608
        row,
    )
