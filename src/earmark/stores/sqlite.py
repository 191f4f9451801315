"""The embedded track store: one SQLite file in the library's folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from earmark.errors import DamagedIndexError
from earmark.ports import NewTrack, Numbers, SourceState, StoredFeatures, TrackChanges
from earmark.stores.rows import (
    STATE_COLUMNS,
    TRACK_COLUMNS,
    Decoder,
    changed_row,
    plain,
    source_bytes,
)
from earmark.stores.schema import Database
from earmark.stores.sqlite_writes import (
    IN_LIST,
    drop_orphans,
    json_list,
    missing,
    put_track,
    seq_of,
)
from earmark.types import Track

_FEATURES_AT_ONCE = 64
_TRACKS = f"SELECT {TRACK_COLUMNS} FROM tracks JOIN audios USING (number)"  # noqa: S608
_STATES = f"SELECT {STATE_COLUMNS} FROM tracks"  # noqa: S608


class SqliteTrackStore:
    """A `TrackStore` in a folder, for any number of threads and processes.

    Parameters
    ----------
    folder
        The library; holds ``tracks.sqlite`` and ``write.lock``.
    lock_wait_s
        How long a writer waits for another.
    create
        Whether to make a library where there is none.

    Raises
    ------
    LibraryNotFoundError, LibraryVersionError, DamagedIndexError, StoreUnavailableError
        The folder holds no library this version can use.
    """

    def __init__(
        self, folder: str | Path, lock_wait_s: float = 60.0, *, create: bool = True
    ) -> None:
        self._database = Database(Path(folder), lock_wait_s, create)
        self._decoder = Decoder(self._database.path)

    def writing(self) -> AbstractContextManager[None]:
        """Hold the library's single writer's lock; raises `LibraryLockedError`."""
        return self._database.writing()

    def put(self, tracks: Sequence[NewTrack]) -> list[Track]:
        """Insert or replace, all in one durable transaction."""
        with self._database.transaction() as connection:
            left: set[int] = set()
            ids = [put_track(connection, new, left) for new in tracks]
            drop_orphans(connection, left)
            return [self._track(connection, track_id) for track_id in ids]

    def update(self, track_id: str, changes: TrackChanges) -> Track:
        """Overwrite metadata of one track; raises `TrackNotFoundError`."""
        with self._database.transaction() as connection:
            row = changed_row(changes, self._track(connection, track_id))
            sets = ", ".join(f"{name} = :{name}" for name in row)
            statement = f"UPDATE tracks SET {sets} WHERE id = :id"  # noqa: S608
            connection.execute(statement, {**row, "id": track_id})
            return self._track(connection, track_id)

    def delete(self, track_ids: Sequence[str]) -> None:
        """Delete all or none in one durable transaction; raises `TrackNotFoundError`."""
        with self._database.transaction() as connection:
            left = {self._track(connection, track_id).number for track_id in track_ids}
            for track_id in track_ids:
                connection.execute("DELETE FROM tracks WHERE id = ?", (track_id,))
            drop_orphans(connection, left)

    def get(self, track_id: str) -> Track:
        """Return one track; raises `TrackNotFoundError`."""
        with self._database.reading() as connection:
            return self._track(connection, track_id)

    def by_number(self, numbers: Sequence[int]) -> dict[int, list[Track]]:
        """Return the tracks of each number, first added first; unknown numbers are absent."""
        found: dict[int, list[Track]] = {}
        statement = f"{_TRACKS} WHERE number {IN_LIST} ORDER BY seq"
        with self._database.reading() as connection:
            for row in connection.execute(statement, (json_list(numbers),)):
                track = self._decoder.track(row)
                found.setdefault(track.number, []).append(track)
        return found

    def source_state(self, source: str) -> SourceState | None:
        """Return what is remembered of a source; of several tracks, the one added last."""
        statement = f"{_STATES} WHERE source = ? ORDER BY seq DESC LIMIT 1"
        with self._database.reading() as connection:
            row = connection.execute(statement, (source_bytes(source),)).fetchone()
        return self._decoder.state(row) if row else None

    def by_content(self, content_id: str) -> list[SourceState]:
        """Return every track of a content id, first added first."""
        statement = f"{_STATES} WHERE content_id = ? ORDER BY seq"
        with self._database.reading() as connection:
            rows = connection.execute(statement, (content_id,)).fetchall()
        return [self._decoder.state(row) for row in rows]

    def page(self, after: str | None, limit: int, text: str | None = None) -> list[Track]:
        """Return tracks in the order they were added; raises `TrackNotFoundError` for ``after``."""
        statement = (
            f"{_TRACKS} WHERE seq > :seq AND (:text IS NULL OR instr(search, :text)) "
            "ORDER BY seq LIMIT :limit"
        )
        wanted = plain(text.casefold()) if text else None
        with self._database.reading() as connection:
            seq = 0 if after is None else seq_of(connection, after)
            row = {"seq": seq, "text": wanted, "limit": max(0, limit)}
            return [self._decoder.track(row) for row in connection.execute(statement, row)]

    def cover(self, track_id: str) -> bytes | None:
        """Return the cover picture's bytes, or None; raises `TrackNotFoundError`."""
        with self._database.reading() as connection:
            row = (seq_of(connection, track_id),)
            found = connection.execute("SELECT data FROM covers WHERE seq = ?", row).fetchone()
        return bytes(found[0]) if found else None

    def count(self) -> int:
        """Return the number of tracks."""
        return int(self._one("SELECT count(*) FROM tracks"))

    def numbers(self, engine: str) -> Numbers:
        """Return the sorted numbers that hold features of ``engine``."""
        statement = "SELECT number FROM features WHERE engine = ? ORDER BY number"
        with self._database.reading() as connection:
            rows = connection.execute(statement, (engine,)).fetchall()
        return np.array([number for (number,) in rows], np.int64)

    def features(self, engine: str, numbers: Sequence[int]) -> Iterator[tuple[int, StoredFeatures]]:
        """Yield the features of those numbers that have them, ascending, a few at a time."""
        ordered = sorted({int(number) for number in numbers})
        statement = (
            f"SELECT number, digest, data FROM features WHERE number {IN_LIST} AND engine = ? "  # noqa: S608
            "ORDER BY number"
        )
        for start in range(0, len(ordered), _FEATURES_AT_ONCE):
            some = json_list(ordered[start : start + _FEATURES_AT_ONCE])
            with self._database.reading() as connection:
                rows = connection.execute(statement, (some, engine)).fetchall()
            for number, digest, data in rows:
                yield number, StoredFeatures(digest, bytes(data))

    def replace_features(self, engine: str, items: Mapping[int, StoredFeatures]) -> None:
        """Overwrite one engine's features of existing numbers; others are passed over."""
        statement = (
            "INSERT OR REPLACE INTO features SELECT number, ?, ?, ? FROM audios WHERE number = ?"
        )
        with self._database.transaction() as connection:
            connection.executemany(
                statement,
                ((engine, f.digest, f.data, int(number)) for number, f in items.items()),
            )

    def revision(self) -> int:
        """Return a counter that every process's transactions raise.

        SQLite's own ``data_version`` is silent about the changes of the asking connection.
        """
        return int(self._one("SELECT revision FROM meta"))

    def totals(self) -> Mapping[str, float]:
        """Return ``tracks``, ``audios``, ``audio_s`` and ``bytes``."""
        path = self._database.path
        files = (path, path.with_name(path.name + "-wal"))
        return {
            "tracks": self.count(),
            "audios": int(self._one("SELECT count(*) FROM audios")),
            "audio_s": float(self._one("SELECT total(duration_s) FROM audios")),
            "bytes": sum(file.stat().st_size for file in files if file.exists()),
        }

    def check(self) -> list[str]:
        """Return one sentence per fault found; reads the whole file."""
        path = self._database.path
        faults: list[str] = []
        try:
            with self._database.reading() as connection:
                rows = connection.execute("PRAGMA integrity_check").fetchall()
                faults += [f"{path}: {text}" for (text,) in rows if text != "ok"]
                for table, *_ in connection.execute("PRAGMA foreign_key_check"):
                    faults.append(f"{path}: a row of {table} refers to one that is missing")
                orphans = (
                    "SELECT number FROM audios WHERE number NOT IN (SELECT number FROM tracks)"
                )
                faults += [
                    f"{path}: audio {n} has no track" for (n,) in connection.execute(orphans)
                ]
                for row in connection.execute(_TRACKS):
                    self._decoder.track(row)
        except DamagedIndexError as error:
            faults.append(error.message)
        return faults

    def close(self) -> None:
        """Close every thread's connection."""
        self._database.close()

    def _track(self, connection: sqlite3.Connection, track_id: str) -> Track:
        row = connection.execute(f"{_TRACKS} WHERE id = ?", (plain(track_id),)).fetchone()
        if row is None:
            raise missing(track_id)
        return self._decoder.track(row)

    def _one(self, statement: str) -> float:
        with self._database.reading() as connection:
            value: float = connection.execute(statement).fetchone()[0]
        return value
