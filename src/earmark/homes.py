"""Where a library keeps what is no track: its manifest, and the rooms of its indexes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from earmark.errors import DiskFullError, EarmarkError, StoreError
from earmark.manifest import NAME, Manifest, read_manifest, write_manifest
from earmark.places import VectorPlace, VectorPlaces
from earmark.ports import IndexRoom, PostingStore, VectorStore

Change = Callable[[Manifest], Manifest]


class Room(IndexRoom, Protocol):
    """The place of one engine's index, which can be cleared unread."""

    def discard(self) -> None:
        """Delete the derived index, unread (a damaged one cannot even be opened)."""


class Home(Protocol):
    """A folder, or a namespace in Redis."""

    @property
    def address(self) -> str:
        """What messages call the library, and what ``--library`` takes; no secrets."""

    def manifest(self) -> Manifest:
        """Read the manifest again: another process may have rebuilt the library."""

    def latest(self) -> Manifest:
        """Return the manifest as it was a moment ago; cheap."""

    def change(self, change: Change) -> None:
        """Replace the manifest by what ``change`` makes of it, durably."""

    def place(self) -> VectorPlace:
        """Return where vectors are now, also if another process moved them; cheap."""

    def settle(self, engines: Iterable[str]) -> bool:
        """Write down where vectors are, and start there with nothing, where that is new.

        The caller holds the writer's lock, and opens engines anew where this returns True.
        """

    def leave(self, engines: Iterable[str]) -> None:
        """Delete what `settle` has left in the old place, if that can still be reached."""

    def room(self, name: str, wishes: Mapping[str, str]) -> Room:
        """Return the place of one engine's derived index."""

    def faults(self) -> list[str]:
        """Return one sentence for each thing that makes this a bad place for a library."""

    def reach(self) -> None:
        """Raise what keeps a server that the library needs from answering, in a few seconds."""

    def close(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class FolderRoom:
    """Where one engine of a library folder keeps its derived index."""

    folder: Path
    choices: Mapping[str, str] = field(default_factory=dict)
    wishes: Mapping[str, str] = field(default_factory=dict)
    place: VectorPlace = field(default_factory=VectorPlace)

    @property
    def shared(self) -> bool:
        """Whether several machines write here at once: they do not."""
        return False

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

    def agree(self, name: str, data: bytes) -> bytes:
        """Keep the bytes; the writer's lock keeps others out."""
        self.keep(name, data)
        return data

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
        """Delete the derived index, unread."""
        self.place.empty(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


class FolderHome:
    """A library's folder.

    Parameters
    ----------
    vectors, token
        Where vectors are to be, and the secret for it; see `earmark.places`.
    """

    def __init__(self, folder: Path, vectors: str = "", token: str = "") -> None:
        self.folder = folder
        self._places = VectorPlaces(folder, vectors, token)
        self._seen: tuple[object, Manifest] = (None, Manifest())
        self._left: VectorPlace | None = None

    @property
    def address(self) -> str:
        """The folder's name as it was given."""
        return str(self.folder)

    def manifest(self) -> Manifest:
        """Read ``library.json`` again."""
        return read_manifest(self.folder)

    def latest(self) -> Manifest:
        """Return what ``library.json`` says; costs a ``stat``."""
        try:
            stat = (self.folder / NAME).stat()
        except OSError as error:
            message = f"{self.folder / NAME} cannot be read: {error.strerror}"
            raise StoreError(message) from error
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._seen[0] != seen:
            self._seen = (seen, self.manifest())
        return self._seen[1]

    def change(self, change: Change) -> None:
        """Replace ``library.json``; the caller holds the writer's lock."""
        with store_errors(self.folder):
            write_manifest(self.folder, change(self.manifest()))

    def place(self) -> VectorPlace:
        """Return where vectors are now."""
        return self._places.now(self.latest().vectors)

    def settle(self, engines: Iterable[str]) -> bool:
        """Write down where vectors are, and start there with nothing, where that is new."""
        manifest, place = self.manifest(), self.place()
        told = self._places.written(place)
        if told == manifest.vectors:
            return False
        old = VectorPlaces(self.folder, token=self._places.token)
        self._left = old.now(manifest.vectors)
        for name in engines:
            place.empty(self.folder / "index" / name)
        self.change(lambda manifest: replace(manifest, vectors=told))
        return True

    def leave(self, engines: Iterable[str]) -> None:
        """Delete what `settle` has left in the old place."""
        left, self._left = self._left, None
        if left is not None:
            with suppress(EarmarkError):
                for name in engines:
                    left.empty(self.folder / "index" / name)

    def room(self, name: str, wishes: Mapping[str, str]) -> FolderRoom:
        """Return the engine's folder."""
        choices = self.manifest().choices.get(name, {})
        return FolderRoom(self.folder / "index" / name, choices, wishes, self.place())

    def faults(self) -> list[str]:
        """Return nothing: any disk will do."""
        return []

    def reach(self) -> None:
        """Do nothing: who asks for a track sees whether the disk is there."""

    def close(self) -> None:
        """Do nothing: no file stays open."""


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
