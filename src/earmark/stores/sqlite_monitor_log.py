"""The log of detections in SQLite: entries, decisions, totals."""

from __future__ import annotations

import sqlite3

from earmark.ports import Decision, Entry, Grouping, Rejection, Rule, Total, Wanted
from earmark.stores.monitor_briefs import Brief, Sum, brief_of, ordered, plainly, time_key
from earmark.stores.monitor_missing import no_entry, no_rule
from earmark.stores.monitor_rows import ENTRY, decision_line, entry_of, packed, trail_of, unpacked
from earmark.stores.rows import plain
from earmark.stores.sqlite_monitor_file import MonitorPart, put_row

_KEPT = {
    name: f"CASE WHEN entries.decisions = '' THEN excluded.{name} ELSE entries.{name} END"
    for name in ("ruling", "decisions")
}
_GROUPED = {"track": "track_id", "day": "hour"}


class SqliteMonitorLog(MonitorPart):
    """Entries, rejected pairs and rules of a `SqliteMonitorStore`."""

    def put_entry(self, entry: Entry) -> None:
        """Keep an entry; decisions that are kept already stay."""
        brief = brief_of(entry)
        row = {
            **{name: getattr(brief, name) for name in Brief.__slots__ if name != "tags"},
            "record": packed(entry, *ENTRY),
            "decisions": trail_of(entry.decisions),
        }
        with self._file.transaction() as connection:
            put_row(connection, "entries", row, _KEPT)
            connection.execute("DELETE FROM entry_tags WHERE entry_id = ?", (brief.id,))
            tags = [(tag, brief.id) for tag in sorted(set(brief.tags))]
            connection.executemany("INSERT INTO entry_tags VALUES (?, ?)", tags)

    def entry(self, entry_id: str) -> Entry:
        """Return one; raises `DetectionNotFoundError`."""
        with self._file.reading() as connection:
            return self._entry(connection, entry_id)

    def entries(
        self, wanted: Wanted, *, before: str | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return entries, latest ``began_at`` first (then by id), beyond the entry ``before``."""
        where, values = _narrowed(wanted)
        with self._file.reading() as connection:
            if before is not None:
                place = connection.execute(
                    "SELECT began_at, id FROM entries WHERE id = ?", (plain(before),)
                ).fetchone()
                if place is None:
                    raise no_entry(before)
                where += " AND (began_at, id) < (?, ?)"
                values += place
            rows = connection.execute(
                f"SELECT record, decisions FROM entries WHERE {where}"  # noqa: S608 - ours
                " ORDER BY began_at DESC, id DESC LIMIT ?",
                (*values, limit),
            )
            return [entry_of(self._file.path, *row) for row in rows]

    def decide(self, entry_id: str, decision: Decision) -> Entry:
        """Append to the trail and return the entry; raises `DetectionNotFoundError`."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE entries SET decisions = decisions || ?, ruling = ? WHERE id = ?",
                (decision_line(decision), decision.ruling, plain(entry_id)),
            )
            return self._entry(connection, entry_id)

    def delete_entry(self, entry_id: str) -> None:
        """Forget one; raises `DetectionNotFoundError`."""
        name = (plain(entry_id),)
        with self._file.transaction() as connection:
            gone = connection.execute("DELETE FROM entries WHERE id = ?", name).rowcount
            connection.execute("DELETE FROM entry_tags WHERE entry_id = ?", name)
        if not gone:
            raise no_entry(entry_id)

    def totals(self, wanted: Wanted, by: Grouping, limit: int = 100) -> list[Total]:
        """Return sums over entries: the latest days and hours in order, others longest first."""
        where, values = _narrowed(wanted)
        column = _GROUPED.get(by, by)
        with self._file.reading() as connection:
            # The label is that of the row with the latest time: so SQLite defines it.
            rows = connection.execute(
                f"SELECT {column} AS key, label, count(*) AS count, sum(played_s) AS played_s,"  # noqa: S608
                f" max(began_at) FROM entries WHERE {where} GROUP BY {column}",
                values,
            )
            sums: dict[str, Sum] = {}
            for row in rows:
                key, label = _named(row, by)
                one = sums.setdefault(key, Sum(key, label))
                one.count += row["count"]
                one.played_s += row["played_s"]
        return ordered(sums.values(), by, limit)

    def _entry(self, connection: sqlite3.Connection, entry_id: str) -> Entry:
        row = connection.execute(
            "SELECT record, decisions FROM entries WHERE id = ?", (plain(entry_id),)
        ).fetchone()
        if row is None:
            raise no_entry(entry_id)
        return entry_of(self._file.path, *row)

    # --- what was rejected, and rules -----------------------------------------------------

    def put_rejection(self, rejection: Rejection) -> None:
        """Keep a rejected pair; one for each detection."""
        row = {
            "id": plain(rejection.detection_id),
            "station": plain(rejection.station),
            "track_id": plain(rejection.track_id),
            "record": packed(rejection),
        }
        with self._file.transaction() as connection:
            put_row(connection, "rejections", row)

    def rejections(self, station: str, track_id: str) -> list[Rejection]:
        """Return the rejected pairs of one station and track, oldest first."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT record FROM rejections WHERE station = ? AND track_id = ? ORDER BY seq",
                (plain(station), plain(track_id)),
            )
            return [unpacked(self._file.path, Rejection, *row) for row in rows]

    def delete_rejection(self, detection_id: str) -> None:
        """Forget the pair of a detection that is not rejected any more; nothing without one."""
        self._forget("rejections", detection_id)

    def put_rule(self, rule: Rule) -> None:
        """Keep a rule."""
        with self._file.transaction() as connection:
            put_row(connection, "rules", {"id": plain(rule.id), "record": packed(rule)})

    def rules(self) -> list[Rule]:
        """Return every rule, oldest first."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT record FROM rules ORDER BY seq")
            return [unpacked(self._file.path, Rule, *row) for row in rows]

    def delete_rule(self, rule_id: str) -> None:
        """Forget one; raises `RuleNotFoundError`."""
        if not self._forget("rules", rule_id):
            raise no_rule(rule_id)


def _narrowed(wanted: Wanted) -> tuple[str, list[object]]:
    """Return the condition on rows of ``entries``, and its values."""
    asked = plainly(wanted)
    tagged = "EXISTS (SELECT 1 FROM entry_tags WHERE tag = ? AND entry_id = entries.id)"
    possible: tuple[tuple[str, object], ...] = (
        ("station = ?", asked.station),
        ("origin = ?", asked.origin),
        ("track_id = ?", asked.track_id),
        (tagged, asked.tag),
        ("action = ?", asked.action),
        ("ruling = ?", asked.ruling),
        ("began_at >= ?", asked.since),
        ("began_at < ?", asked.until),
        ("confidence >= ?", asked.least_confidence or None),
        ("played_s >= ?", asked.least_s or None),
        ("instr(search, ?)", asked.text),
    )
    used = [(condition, value) for condition, value in possible if value is not None]
    # Written out, so that the index of open ones is known to do.
    opened = {None: (), True: ("open",), False: ("NOT open",)}[asked.open]
    conditions = ["1", *opened, *(condition for condition, _ in used)]
    return " AND ".join(conditions), [value for _, value in used]


def _named(row: sqlite3.Row, by: Grouping) -> tuple[str, str]:
    """Return the key of a sum and what it is called."""
    if by in ("day", "hour"):
        return time_key(row["key"], by)
    return row["key"], row["label"] if by == "track" else row["key"]
