"""Uploads that are kept: one folder beside the library, one folder of its own for each file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import stat
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from weakref import WeakValueDictionary

from earmark.ingest.scores import SCORE, file_of
from earmark.service.bodies.faults import store_faults
from earmark.types import Track

INCOMING = ".incoming"
LONGEST_NAME_BYTES = 120
NAMELESS = "upload"
_OURS = re.compile(r"([0-9a-f]{2})/([0-9a-f]{32})/([^/]+)")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_ENDING_BYTES = 16


def safe_name(name: str) -> str:
    r"""Return a file's name that is safe on any disk: the last part only, at most 120 bytes.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\tmp\\a.wav"), safe_name("..")
    ('passwd', 'a.wav', 'upload')
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    last = unicodedata.normalize("NFC", last.encode("utf-8", "replace").decode())
    kept = "".join(c for c in last if c not in '<>:"|?*#' and unicodedata.category(c)[0] != "C")
    kept = " ".join(kept.split()).lstrip(". ").rstrip(". ")
    if _RESERVED.fullmatch(kept):
        kept = f"_{kept}"
    ending = PurePosixPath(kept).suffix
    stem = kept.removesuffix(ending)
    if len(ending.encode()) > _LONGEST_ENDING_BYTES:
        stem, ending = kept, ""
    room = LONGEST_NAME_BYTES - len(ending.encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ")
    return f"{stem}{ending}" if stem else NAMELESS


def files_of(track: Track) -> frozenset[str]:
    """Return the paths that a track may keep in a `MediaRoom`: its audio and its score."""
    named = (track.source, track.extra.get(SCORE, ""))
    return frozenset(file_of(source) for source in named if source)


class MediaRoom:
    """Files that came over the network, below one folder; nothing outside it is ever touched.

    A kept file is ``<folder>/<2 hex>/<32 hex>/<name>``; the digits are chosen at random, so that
    nobody can aim at another's. What is still arriving is below ``.incoming``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as they are
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.memory_bytes = 0
        """What bodies that are small enough to stay in memory take up now."""

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self._folder

    def turn(self, track_id: str) -> asyncio.Lock:
        """Return the lock of one track's changes: read, compare and write in one go."""
        return self._turns.setdefault(track_id, asyncio.Lock())

    def incoming(self) -> tuple[int, Path]:
        """Return an open descriptor of a new temporary file, and its path."""
        folder = self._folder / INCOMING
        with store_faults("an upload cannot be taken"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=folder)
        return descriptor, Path(name)

    def keep(self, temporary: Path, name: str) -> Path:
        """Move a file that has arrived to its own place, durably, and return that.

        Parameters
        ----------
        name
            What its sender calls it; see `safe_name`.

        Raises
        ------
        DiskFullError, StoreError
            It cannot be kept.
        """
        key = secrets.token_hex(16)
        shelf = self._folder / key[:2]
        folder = shelf / key
        path = folder / safe_name(name)
        with store_faults("an upload cannot be kept"):
            _sync(temporary)
            shelf.mkdir(mode=0o755, parents=True, exist_ok=True)
            folder.mkdir(mode=0o755)
            temporary.replace(path)
            path.chmod(0o644)
            for one in (folder, shelf, self._folder):
                _sync(one)
        return path

    def holds(self, source: str) -> bool:
        """Return whether a source is a kept file's path (whether it is still there or not)."""
        return self._key(source) is not None

    def find(self, source: str) -> Path | None:
        """Return a kept file, also where the library's folder has moved since; None if gone."""
        inside = _OURS.fullmatch("/".join(PurePosixPath(source).parts[-3:]))
        path = self._folder.joinpath(*inside.groups()) if inside else None
        return path if path is not None and self._real(path) else None

    def discard(self, source: str) -> None:
        """Delete a kept file; other sources are left alone, and links are not followed."""
        if self.holds(source) and self._real(Path(source)):
            with store_faults("an upload cannot be deleted"):
                _empty_out(Path(source).parent)

    def sweep(self, in_use: Callable[[str], bool], older_than_s: float = 86_400.0) -> int:
        """Delete what nobody uses and what never arrived, if it is old enough.

        Parameters
        ----------
        in_use
            Whether some track or job names this path. A library whose folder was moved names
            others: compare by `tail` (``lambda path: tail(path) in tails``), else uploads are lost.

        Returns
        -------
        int
            How many files went.
        """
        oldest = time.time() - older_than_s
        gone = 0
        for path in (self._folder / INCOMING).glob("*"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < oldest:
                    path.unlink()
                    gone += 1
        for folder in self._kept_folders():
            try:
                names = [folder / name for name in os.listdir(folder)]  # noqa: PTH208
                if folder.lstat().st_mtime < oldest and not any(in_use(str(p)) for p in names):
                    _empty_out(folder)
                    gone += len(names)
            except OSError:
                continue
        return gone

    def _kept_folders(self) -> Iterator[Path]:
        for shelf in self._folder.glob("[0-9a-f][0-9a-f]"):
            if not shelf.is_symlink():
                for folder in shelf.glob("*"):
                    if re.fullmatch("[0-9a-f]{32}", folder.name) and not folder.is_symlink():
                        yield folder

    def _key(self, source: str) -> str | None:
        prefix = f"{self._folder}/"
        inside = _OURS.fullmatch(source[len(prefix) :]) if source.startswith(prefix) else None
        if inside is None or inside[3] in (".", "..") or not inside[2].startswith(inside[1]):
            return None
        return inside[2]

    def _real(self, path: Path) -> bool:
        """Return whether a path is a file in real folders: no link on the way below ours."""
        try:
            folders = [path.parent.lstat().st_mode, path.parent.parent.lstat().st_mode]
            return all(map(stat.S_ISDIR, folders)) and stat.S_ISREG(path.lstat().st_mode)
        except (OSError, ValueError):
            return False


def tail(source: str) -> str:
    """Return the part of a kept file's path that stays when the library's folder moves.

    >>> tail("/srv/library/media/ab/abcd/song.wav")
    'ab/abcd/song.wav'
    """
    return "/".join(PurePosixPath(source).parts[-3:])


def _empty_out(folder: Path) -> None:
    """Delete a kept file with its own folder; the 256 shelves stay: others may be filling them."""
    for name in os.listdir(folder):  # noqa: PTH208
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
