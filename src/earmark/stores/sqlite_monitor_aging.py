"""What grows old in SQLite: entries that are forgotten, clips that are given up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from earmark.ports import KeptClip
from earmark.stores.monitor_aging import CONFIRMED, read_clip, without_clip
from earmark.stores.monitor_rows import ENTRY, entry_of, packed
from earmark.stores.rows import plain
from earmark.stores.sqlite_monitor_file import MonitorPart

_AT_ONCE = 500
_PAGE = 1000
# What was scanned long after it was on air is as old as its row.
_OLD = (
    "began_at < ?1 AND NOT open AND (?2 OR ruling != ?3)"
    " AND coalesce(json_extract(record, '$.logged_at'), 0.0) < ?1"
)


class SqliteMonitorAging(MonitorPart):
    """How a `SqliteMonitorStore` forgets."""

    def forget_entries(self, before: float, *, confirmed: bool = False) -> int:
        """Forget closed entries that aged from earlier than a time; return how many."""
        gone, told = 0, _AT_ONCE
        while told == _AT_ONCE:  # others write in between
            with self._file.transaction() as connection:
                rows = connection.execute(
                    f"SELECT seq, id FROM entries WHERE {_OLD} ORDER BY began_at LIMIT ?4",  # noqa: S608
                    (before, confirmed, CONFIRMED, _AT_ONCE),
                ).fetchall()
                connection.executemany(
                    "DELETE FROM entries WHERE seq = ?", [(row["seq"],) for row in rows]
                )
                connection.executemany(
                    "DELETE FROM entry_tags WHERE entry_id = ?", [(row["id"],) for row in rows]
                )
            told = len(rows)
            gone += told
        return gone

    def clips(self) -> Iterator[KeptClip]:
        """Yield every clip that an entry names and that was not given up, latest entry first."""
        began_at, entry_id = math.inf, ""
        while True:
            with self._file.reading() as connection:
                rows = connection.execute(
                    "SELECT id, began_at, ruling, open, record FROM entries"
                    " WHERE (began_at, id) < (?, ?) ORDER BY began_at DESC, id DESC LIMIT ?",
                    (began_at, entry_id, _PAGE),
                ).fetchall()
            if not rows:
                return
            began_at, entry_id = rows[-1]["began_at"], rows[-1]["id"]
            for row in rows:
                clip = read_clip(
                    self._file.path,
                    row["id"],
                    row["record"],
                    row["ruling"],
                    opened=bool(row["open"]),
                )
                if clip is not None:
                    yield clip

    def drop_clips(self, clips: Sequence[KeptClip], at: float) -> list[KeptClip]:
        """Note at their entries that clips were given up; return those."""
        gone = []
        with self._file.transaction() as connection:
            for clip in clips:
                row = connection.execute(
                    "SELECT seq, record, decisions FROM entries WHERE id = ?",
                    (plain(clip.entry_id),),
                ).fetchone()
                if row is None:
                    continue
                entry = entry_of(self._file.path, row["record"], row["decisions"])
                if (told := without_clip(entry, clip, at)) is not None:
                    connection.execute(
                        "UPDATE entries SET record = ? WHERE seq = ?",
                        (packed(told, *ENTRY), row["seq"]),
                    )
                    gone.append(clip)
        return gone
