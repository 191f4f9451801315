"""Which files of this machine a request may name: those below the roots, links resolved."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earmark.errors import (
    EarmarkError,
    ForbiddenError,
    InvalidRequestError,
    NotAudioError,
    SourceNotFoundError,
    SourceUnreadableError,
    UsageError,
)
from earmark.ingest.playlists import SUFFIXES as PLAYLISTS
from earmark.reports import Failure

MOST_ENTRIES = 1_000_000
MOST_PATH_CHARACTERS = 4096


def resolved(name: str, roots: Sequence[Path]) -> Path:
    """Return the file or folder that a request names, links resolved.

    Raises
    ------
    ForbiddenError
        It lies outside the roots, or there are none; whether it exists is not told then.
    InvalidRequestError
        It is no absolute path, or a playlist: what a playlist names may lie anywhere.
    """
    if not roots:
        message = (
            "this service adds no files of its own machine; name folders in roots "
            "(EARMARK_SERVE_ROOTS), or upload the files"
        )
        raise ForbiddenError(message)
    if "\0" in name or len(name) > MOST_PATH_CHARACTERS or not os.path.isabs(name):  # noqa: PTH117
        message = f"{name!r:.200} is no absolute path of the service's machine"
        raise InvalidRequestError(message)
    try:
        path = Path(os.path.realpath(name))
    except OSError as error:
        message = f"{name!r:.200} cannot be resolved: {error.strerror or error}"
        raise InvalidRequestError(message) from error
    if not is_below(path, roots):
        message = f"{name!r:.200} lies outside the folders that this service adds from (roots)"
        raise ForbiddenError(message)
    if is_playlist(name) or is_playlist(path):
        message = f"{name!r:.200} is a playlist, which a request may not name; name its files"
        raise InvalidRequestError(message)
    return path


def is_below(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether a resolved path is a root or lies in one."""
    return any(path == root or root in path.parents for root in roots)


def is_playlist(path: str | Path) -> bool:
    """Return whether a file would be read as a playlist, which names other files.

    >>> is_playlist("/music/a.M3U8"), is_playlist("/music/a.wav")
    (True, False)
    """
    return Path(path).suffix.lower() in PLAYLISTS


@dataclass(slots=True)
class Found:
    """Files to add, each once, links resolved, and what may not or cannot be added."""

    files: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def unfolded(
    names: Sequence[str],
    roots: Sequence[Path],
    endings: frozenset[str],
    stop: threading.Event | None = None,
    most: int = MOST_ENTRIES,
) -> Found:
    """Return the files below the names; nothing is opened.

    Folders are walked, also through links, as long as these stay below the roots; a loop ends
    where it began. Whoever can write below the roots between this and the reading can still put
    a link there: the roots are folders that only trusted people write to.

    Parameters
    ----------
    endings
        What is taken from folders; a file that is named is always taken.
    stop
        Ends the walk early once it is set.
    most
        How many entries are looked at.

    Raises
    ------
    UsageError
        There are more entries than that.
    """
    found = Found()
    walk = _Walk(roots, endings, found, stop or threading.Event(), most)
    seen: set[str] = set()
    for name in names:
        try:
            path = resolved(name, roots)
            files = [path] if not path.is_dir() else walk.files(path)
            for file in files:
                if str(file) not in seen:
                    seen.add(str(file))
                    _must_be_a_file(file)
                    found.files.append(str(file))
        except UsageError:
            raise
        except EarmarkError as error:
            found.failed.append(Failure.of(name, error))
        except OSError as error:  # e.g. a name that is too long for the file system
            message = f"{name!r:.200} cannot be read: {error.strerror or error}"
            found.failed.append(Failure(name, SourceUnreadableError.code, message))
    return found


@dataclass(slots=True)
class _Walk:
    roots: Sequence[Path]
    endings: frozenset[str]
    found: Found
    stop: threading.Event
    left: int
    visited: set[str] = field(default_factory=set)

    def files(self, top: Path) -> Iterator[Path]:
        """Yield a folder's files, resolved, in a stable order."""
        any_file = False
        for folder, folders, names in os.walk(top, onerror=self._unreadable, followlinks=True):
            real = os.path.realpath(folder)
            self._count(len(folders) + len(names), top)
            if real in self.visited or self.stop.is_set():
                folders.clear()
                continue
            self.visited.add(real)
            folders[:] = sorted(n for n in folders if n[0] != "." and self._allowed(folder, n))
            for name in sorted(names):
                if name[0] != "." and Path(name).suffix.lower() in self.endings:
                    any_file = True
                    path = self._allowed(folder, name)
                    if path is not None:
                        yield path
        if not any_file and not self.stop.is_set():
            message = f"no audio file lies in the folder {str(top)!r}"
            raise NotAudioError(message)

    def _allowed(self, folder: str, name: str) -> Path | None:
        """Return where an entry leads, or None, and say so, where that is outside."""
        path = Path(os.path.realpath(os.path.join(folder, name)))  # noqa: PTH118
        if is_below(path, self.roots) and not is_playlist(path):
            return path
        where = _printable(os.path.join(folder, name))  # noqa: PTH118
        message = f"{where!r} leads outside the folders that this service adds from (roots)"
        if is_playlist(path):
            message = f"{where!r} leads to a playlist, which a request may not name"
        self.found.failed.append(Failure(where, ForbiddenError.code, message))
        return None

    def _unreadable(self, error: OSError) -> None:
        message = f"the folder {error.filename!r} cannot be read: {error.strerror}"
        where = _printable(str(error.filename))
        self.found.failed.append(Failure(where, SourceUnreadableError.code, message))

    def _count(self, entries: int, top: Path) -> None:
        self.left -= entries
        if self.left < 0:
            message = f"{str(top)!r} holds too many entries for one job; name its folders"
            raise UsageError(message)


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _must_be_a_file(path: Path) -> None:
    if not path.exists():
        message = f"{str(path)!r} does not exist"
        raise SourceNotFoundError(message)
    if not path.is_file():
        message = f"{str(path)!r} is not a regular file"
        raise SourceUnreadableError(message)
