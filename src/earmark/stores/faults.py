"""Vendor errors become earmark's errors here and nowhere else."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earmark.errors import (
    DamagedIndexError,
    DiskFullError,
    LibraryLockedError,
    StoreError,
    StoreUnavailableError,
)

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# The shared-memory file beside a WAL cannot grow: SQLite calls that an I/O error.
_SQLITE_IOERR_SHMSIZE = 4874


@contextmanager
def translated(place: Path) -> Iterator[None]:
    """Turn `sqlite3.Error` and `OSError` about ``place`` into the store errors of `earmark.errors`.

    Raises
    ------
    DiskFullError, DamagedIndexError, LibraryLockedError, StoreUnavailableError
        Whichever the vendor's error means.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(error, place) from error
    except UnicodeDecodeError as error:
        # Python's sqlite3 module, quoting names out of a damaged schema in its own message.
        raise damaged_tracks(place, error) from error
    except OSError as error:
        raise _from_os(error, place) from error


def damaged_tracks(place: Path, what: object) -> DamagedIndexError:
    """Return the error for a truth that cannot be read."""
    return DamagedIndexError(f"{place} is damaged ({what}); run `earmark doctor`")


def damaged_index(place: Path, what: object) -> DamagedIndexError:
    """Return the error for a derived index that cannot be read."""
    return DamagedIndexError(f"{place} is damaged ({what}); run `earmark rebuild`")


def _from_os(error: OSError, place: Path) -> StoreError:
    if error.errno in _NO_ROOM:
        return _full(place)
    return StoreUnavailableError(f"{place} cannot be used: {error.strerror or error}")


def _from_sqlite(error: sqlite3.Error, place: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if code == _SQLITE_IOERR_SHMSIZE:
        return _full(place)
    match None if code is None else code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return _full(place)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LibraryLockedError(f"{place} is locked by another process; try again later")
        case (
            sqlite3.SQLITE_CORRUPT
            | sqlite3.SQLITE_NOTADB
            # A statement of ours that does not run, or a rule of ours that does not hold, can
            # only mean that the tables are not the ones we wrote.
            | sqlite3.SQLITE_ERROR
            | sqlite3.SQLITE_CONSTRAINT
            | sqlite3.SQLITE_MISMATCH
            | sqlite3.SQLITE_FORMAT
        ):
            return damaged_tracks(place, error)
    if isinstance(error, sqlite3.OperationalError) and "decode" in str(error):
        return damaged_tracks(place, error)
    return StoreUnavailableError(f"{place} cannot be used: {error}")


def _full(place: Path) -> DiskFullError:
    return DiskFullError(f"no room left on the device of {place}; free some space and try again")
