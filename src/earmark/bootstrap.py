"""The one place that names concrete classes: turns a library's address into its parts."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from earmark.config import Settings
from earmark.errors import (
    DamagedIndexError,
    DiskFullError,
    EarmarkError,
    LibraryNotFoundError,
    StoreError,
    UsageError,
)
from earmark.manifest import NAME, Manifest, read_manifest, write_manifest
from earmark.places import VectorPlace, VectorPlaces
from earmark.plugins import declared_engines, load_engines
from earmark.ports import (
    Engine,
    EnginePlugin,
    Ledger,
    PostingStore,
    Preparing,
    TrackStore,
    VectorStore,
)


@dataclass(frozen=True, slots=True)
class FolderRoom:
    """Where one engine of a library folder keeps its derived index."""

    folder: Path
    choices: Mapping[str, str] = field(default_factory=dict)
    wishes: Mapping[str, str] = field(default_factory=dict)
    place: VectorPlace = field(default_factory=VectorPlace)

    def note(self, name: str) -> bytes | None:
        """Return the bytes of a small file beside the index."""
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            message = f"{str(self.folder / name)!r} cannot be read: {error.strerror or error}"
            raise StoreError(message) from error

    def keep(self, name: str, data: bytes | None) -> None:
        """Write a small file beside the index: all of it or nothing."""
        from earmark.stores.durable import write_file

        with store_errors(self.folder / name):
            if data is None:
                (self.folder / name).unlink(missing_ok=True)
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(self.folder / name, [data])

    def choice(self, name: str) -> str | None:
        """Return what ``library.json`` recorded."""
        return self.choices.get(name)

    def wish(self, name: str) -> str | None:
        """Return what the settings ask for."""
        return self.wishes.get(name)

    def postings(self, hash_bits: int, digest: str) -> PostingStore:
        """Return memory-mapped segments in the engine's own folder."""
        from earmark.stores.segments import SegmentPostingStore

        return SegmentPostingStore(self.folder / "postings", hash_bits, digest)

    def vectors(self, dimension: int, digest: str, name: str = "vectors") -> VectorStore:
        """Return memory-mapped segments in the engine's own folder, or collections in Milvus."""
        return self.place.store(self.folder, name, dimension, digest)

    def discard(self) -> None:
        """Delete the derived index, unread (a damaged one cannot even be opened)."""
        self.place.empty(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(slots=True)
class Parts:
    """What a library is made of; engines are imported and opened when first asked for."""

    folder: Path
    tracks: TrackStore
    wishes: Mapping[str, str] = field(default_factory=dict)
    places: VectorPlaces = field(default_factory=lambda: VectorPlaces(Path()))
    _plugins: dict[str, EnginePlugin] | None = None
    _seen: tuple[object, Manifest] = (None, Manifest())
    _left: VectorPlace | None = None

    @property
    def plugins(self) -> Mapping[str, EnginePlugin]:
        """The engines that could be loaded, in the order in which ``auto`` asks them."""
        if self._plugins is None:
            self._plugins = load_engines(declared_engines())
        return self._plugins

    def room(self, name: str) -> FolderRoom:
        """Return the place of one engine's derived index."""
        choices = self.manifest().choices.get(name, {})
        return FolderRoom(self.folder / "index" / name, choices, self.wishes, self.place())

    def open_engine(self, name: str) -> Engine[Any]:
        """Open one engine; raises what its stores raise."""
        return self.plugins[name](self.room(name))

    def manifest(self) -> Manifest:
        """Read ``library.json`` again: another process may have rebuilt the library."""
        return read_manifest(self.folder)

    def off(self) -> frozenset[str]:
        """Return the engines that are switched off, also by another process; costs a ``stat``."""
        return self._latest().off

    def place(self) -> VectorPlace:
        """Return where vectors are now, also if another process moved them; costs a ``stat``."""
        return self.places.now(self._latest().vectors)

    def settle(self) -> bool:
        """Write down where vectors are, and start there with nothing, where that is new.

        The caller holds the writer's lock, and opens engines anew where this returns True.
        """
        manifest, place = self.manifest(), self.place()
        told = self.places.written(place)
        if told == manifest.vectors:
            return False
        self._left = VectorPlaces(self.folder, token=self.places.token).now(manifest.vectors)
        for name in self.plugins:
            place.empty(self.folder / "index" / name)
        with store_errors(self.folder):
            write_manifest(self.folder, replace(manifest, vectors=told))
        return True

    def leave(self) -> None:
        """Delete what `settle` has left in the old place, if that can still be reached."""
        left, self._left = self._left, None
        if left is not None:
            with suppress(EarmarkError):
                for name in self.plugins:
                    left.empty(self.folder / "index" / name)

    def switch(self, name: str, on: bool) -> None:
        """Write down that an engine is on or off."""
        with store_errors(self.folder):
            write_manifest(self.folder, self.manifest().switched(name, on))

    def record_digest(
        self, name: str, digest: str, choices: Mapping[str, str] | None = None
    ) -> None:
        """Write down under which parameters and choices an engine's features stand from now on."""
        with store_errors(self.folder):
            manifest = self.manifest().with_digest(name, digest)
            write_manifest(self.folder, manifest.choosing(name, choices or {}))

    def try_choices(self, name: str, choices: Mapping[str, str]) -> None:
        """Raise what keeps an engine from working with ``choices``; nothing is written."""
        nowhere = FolderRoom(self.folder / "index" / f"{name}.tried", wishes=choices)
        analysis = self.plugins[name](nowhere).analysis
        if isinstance(analysis, Preparing):
            analysis.prepare()

    def choose(self, name: str, choices: Mapping[str, str]) -> None:
        """Write down an engine's choices, e.g. its model, before its features are made anew."""
        with store_errors(self.folder):
            write_manifest(self.folder, self.manifest().choosing(name, choices))

    def _latest(self) -> Manifest:
        try:
            stat = (self.folder / NAME).stat()
        except OSError as error:
            message = f"{self.folder / NAME} cannot be read: {error.strerror}"
            raise StoreError(message) from error
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._seen[0] != seen:
            self._seen = (seen, self.manifest())
        return self._seen[1]

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

    wishes = {"model": settings.model}
    places = VectorPlaces(folder, settings.vectors, settings.milvus_token)
    return Parts(folder, SqliteTrackStore(folder, settings.lock_wait_s), wishes, places)


def open_ledger(place: str | os.PathLike[str], settings: Settings | None = None) -> Ledger:
    """Open what a service keeps beside the library at ``place``; made where it is missing.

    It lies in ``service/ledger.sqlite`` in the library's folder, for its owner only.

    Raises
    ------
    LibraryNotFoundError
        No library is there.
    LibraryVersionError
        The ledger's format is not the one this version reads.
    DamagedIndexError, StoreUnavailableError, DiskFullError, LibraryLockedError
        It cannot be used.
    """
    from earmark.stores.sqlite_ledger import SqliteLedger

    settings = settings or Settings()
    folder = Path(place).expanduser()
    if not (folder / NAME).is_file():
        message = f"no library at {str(folder)!r}; make one with `earmark add`"
        raise LibraryNotFoundError(message)
    return SqliteLedger(folder / "service", settings.lock_wait_s)


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
