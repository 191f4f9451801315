"""The one place that names concrete classes: turns a library's address into its parts."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.config import Settings
from earmark.errors import (
    DamagedIndexError,
    DiskFullError,
    LibraryNotFoundError,
    StoreError,
    UsageError,
)
from earmark.manifest import NAME, Manifest, read_manifest, write_manifest
from earmark.plugins import declared_engines, load_engines
from earmark.ports import Engine, EnginePlugin, PostingStore, TrackStore, VectorStore


@dataclass(frozen=True, slots=True)
class FolderRoom:
    """Where one engine of a library folder keeps its derived index."""

    folder: Path

    def postings(self, hash_bits: int, digest: str) -> PostingStore:
        """Return memory-mapped segments in the engine's own folder."""
        from earmark.stores.segments import SegmentPostingStore

        return SegmentPostingStore(self.folder / "postings", hash_bits, digest)

    def vectors(self, dimension: int, digest: str) -> VectorStore:
        """Return memory-mapped segments in the engine's own folder."""
        from earmark.stores.vectors import FileVectorStore

        return FileVectorStore(self.folder / "vectors", dimension, digest)

    def discard(self) -> None:
        """Delete the derived index, unread (a damaged one cannot even be opened)."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(slots=True)
class Parts:
    """What a library is made of; engines are imported and opened when first asked for."""

    folder: Path
    tracks: TrackStore
    _plugins: dict[str, EnginePlugin] | None = None
    _off: tuple[object, frozenset[str]] = (None, frozenset())

    @property
    def plugins(self) -> Mapping[str, EnginePlugin]:
        """The engines that could be loaded, in the order in which ``auto`` asks them."""
        if self._plugins is None:
            self._plugins = load_engines(declared_engines())
        return self._plugins

    def room(self, name: str) -> FolderRoom:
        """Return the place of one engine's derived index."""
        return FolderRoom(self.folder / "index" / name)

    def open_engine(self, name: str) -> Engine[Any]:
        """Open one engine; raises what its stores raise."""
        return self.plugins[name](self.room(name))

    def manifest(self) -> Manifest:
        """Read ``library.json`` again: another process may have rebuilt the library."""
        return read_manifest(self.folder)

    def off(self) -> frozenset[str]:
        """Return the engines that are switched off, also by another process; costs a ``stat``."""
        try:
            stat = (self.folder / NAME).stat()
        except OSError as error:
            message = f"{self.folder / NAME} cannot be read: {error.strerror}"
            raise StoreError(message) from error
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._off[0] != seen:
            self._off = (seen, self.manifest().off)
        return self._off[1]

    def switch(self, name: str, on: bool) -> None:
        """Write down that an engine is on or off."""
        with store_errors(self.folder):
            write_manifest(self.folder, self.manifest().switched(name, on))

    def record_digest(self, name: str, digest: str) -> None:
        """Write down under which parameters an engine's features stand from now on."""
        with store_errors(self.folder):
            write_manifest(self.folder, self.manifest().with_digest(name, digest))

    def close(self) -> None:
        """Close the track store."""
        self.tracks.close()


def open_parts(
    path: str | Path, settings: Settings, *, create: bool = False, repair: bool = False
) -> Parts:
    """Open the library folder at ``path``.

    Parameters
    ----------
    create
        Make the folder a library if it is missing or empty.
    repair
        Replace a damaged ``library.json`` (the digests are then found out from the truth).

    Raises
    ------
    LibraryNotFoundError
        No library is there; the message names the command that makes one.
    LibraryVersionError
        Its format is not the one this version reads.
    DamagedIndexError, StoreError, DiskFullError
        The folder cannot be used.
    """
    if "://" in str(path):
        message = f"this version opens libraries in folders only, not {str(path)!r}"
        raise UsageError(message)
    folder = Path(path).expanduser()
    try:
        read_manifest(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        if not create:
            message = (
                f"no library at {str(folder)!r}; make one with "
                f"`earmark --library {folder} add PATH...`"
            )
            raise LibraryNotFoundError(message) from error
        _create(folder)
    except DamagedIndexError:
        if not repair:
            raise
        with store_errors(folder):
            write_manifest(folder, Manifest())
    from earmark.stores.sqlite import SqliteTrackStore

    return Parts(folder, SqliteTrackStore(folder, settings.lock_wait_s))


def _create(folder: Path) -> None:
    with store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        others = [entry.name for entry in folder.iterdir() if not entry.name.startswith(NAME)]
        if others:
            message = (
                f"{str(folder)!r} holds other things ({others[0]!r}) and is no library; "
                "name a new or an empty folder"
            )
            raise LibraryNotFoundError(message)
        write_manifest(folder, Manifest())


@contextmanager
def store_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of the system about a file that is written into store errors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"no room left on the device of {str(path)!r}; free some and run again"
            raise DiskFullError(message) from error
        message = f"{str(path)!r} cannot be written: {error.strerror or error}"
        raise StoreError(message) from error
