"""The statements that change the track table; each runs inside a transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

from earmark.errors import TrackNotFoundError
from earmark.ports import NewTrack
from earmark.stores.identity import track_ids
from earmark.stores.rows import new_row, plain, source_bytes

IN_LIST = "IN (SELECT value FROM json_each(?))"


def put_track(connection: sqlite3.Connection, new: NewTrack, left: set[int]) -> str:
    """Write one track; add the number that it no longer uses to ``left``."""
    track_id = new.track_id or _free_id(connection, new)
    number = _number(connection, new)
    row = {**new_row(new), "id": track_id, "number": number}
    row["added_at"] = new.added_at or datetime.now(UTC).isoformat(timespec="seconds")
    old = connection.execute("SELECT number FROM tracks WHERE id = ?", (track_id,)).fetchone()
    if old is not None and old[0] != number:
        left.add(old[0])
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    # A replaced track keeps its place in the list and, where no other is told, its day.
    kept = ("id",) if new.added_at else ("id", "added_at")
    sets = ", ".join(f"{n} = excluded.{n}" for n in row if n not in kept)
    statement = (
        f"INSERT INTO tracks ({names}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {sets}"  # noqa: S608
    )
    connection.execute(statement, row)
    seq = (seq_of(connection, track_id),)
    connection.execute("DELETE FROM covers WHERE seq = ?", seq)
    if new.cover is not None:
        connection.execute("INSERT INTO covers VALUES (?, ?)", (*seq, new.cover))
    return track_id


def _number(connection: sqlite3.Connection, new: NewTrack) -> int:
    """Return the audio's number; features that are stored stay, others are added."""
    add = "INSERT OR IGNORE INTO audios (audio_id, duration_s) VALUES (?, ?)"
    connection.execute(add, (new.audio_id, new.duration_s))
    find = "SELECT number FROM audios WHERE audio_id = ?"
    number = int(connection.execute(find, (new.audio_id,)).fetchone()[0])
    connection.executemany(
        "INSERT OR IGNORE INTO features VALUES (?, ?, ?, ?)",
        ((number, engine, f.digest, f.data) for engine, f in new.features.items()),
    )
    return number


def _free_id(connection: sqlite3.Connection, new: NewTrack) -> str:
    """Return the id of this source and content, longer where another track has taken it."""
    same = (source_bytes(new.source), new.content_id)
    for candidate in track_ids(new.source, new.content_id):
        statement = "SELECT source, content_id FROM tracks WHERE id = ?"
        held = connection.execute(statement, (candidate,)).fetchone()
        if held is None or tuple(held) == same:
            return candidate
    raise AssertionError


def drop_orphans(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete those audios that no track refers to any more, and their features."""
    statement = f"""DELETE FROM audios WHERE number {IN_LIST}
        AND number NOT IN (SELECT number FROM tracks)"""  # noqa: S608
    connection.execute(statement, (json_list(numbers),))


def seq_of(connection: sqlite3.Connection, track_id: str) -> int:
    """Return a track's place in the order of addition; raises `TrackNotFoundError`."""
    row = connection.execute("SELECT seq FROM tracks WHERE id = ?", (plain(track_id),)).fetchone()
    if row is None:
        raise missing(track_id)
    return int(row[0])


def json_list(numbers: Iterable[int]) -> str:
    """Return the one parameter that `IN_LIST` takes, however many numbers there are."""
    return json.dumps([int(number) for number in numbers])


def missing(track_id: str) -> TrackNotFoundError:
    """Return the error for an id that no track has."""
    return TrackNotFoundError(f"no track has the id {track_id!r}")
