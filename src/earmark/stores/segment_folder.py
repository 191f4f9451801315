"""The folder of an index: which segments are in force, replaced all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from earmark.stores.durable import UNFINISHED, sync_folder
from earmark.stores.faults import damaged_index
from earmark.stores.manifest import (
    NAME,
    Layout,
    Manifest,
    SegmentEntry,
    mark_of,
    read_manifest,
    write_manifest,
)
from earmark.stores.sealed import SUFFIX, verify_segment
from earmark.stores.tiers import Live

R = TypeVar("R")
L = TypeVar("L", bound=Live)
L_contra = TypeVar("L_contra", bound=Live, contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Kind(Protocol[R_co, L_contra]):
    """How segments of one kind are read and written; R is a mapped run, L one with its dead."""

    @property
    def layout(self) -> Layout:
        """What the manifest says of them."""

    def write(self, folder: Path, group: Sequence[L_contra]) -> SegmentEntry:
        """Write what lives in the group as one segment, durable on return."""

    def open(self, folder: Path, entry: SegmentEntry) -> R_co:
        """Map a segment; raises `DamagedIndexError` and `FileNotFoundError`."""


class SegmentFolder(Generic[R, L]):
    """What this process last saw of a folder of segments.

    Files are written under names that were never used, and a new manifest puts them in force. So
    a crash leaves the old index or the new one, and readers keep what they have mapped.
    """

    def __init__(self, path: Path, digest: str, kind: Kind[R, L]) -> None:
        self._path = path
        self._digest = digest
        self._kind = kind
        self._manifest: Manifest | None = None

    @property
    def loaded(self) -> bool:
        """Whether `load` has been called."""
        return self._manifest is not None

    @property
    def entries(self) -> tuple[SegmentEntry, ...]:
        """The segments in force when `load` was last called."""
        return self._manifest.entries if self._manifest else ()

    @property
    def bytes(self) -> int:
        """The size of all of it on disk."""
        held = self._manifest.held if self._manifest else None
        return sum(entry.bytes for entry in self.entries) + (len(held) if held else 0)

    def changed(self) -> bool:
        """Whether another manifest is in force now; one ``stat``."""
        return mark_of(self._path) != (self._manifest.mark if self._manifest else None)

    def load(self, mapped: Mapping[str, R]) -> list[tuple[str, R]]:
        """Return the segments in force by name, opening those that are not in ``mapped``."""
        while True:
            manifest = read_manifest(self._path, self._digest, self._kind.layout)
            try:
                opened = [
                    (e.name, mapped.get(e.name) or self._kind.open(self._path, e))
                    for e in manifest.entries
                ]
            except FileNotFoundError as error:
                if mark_of(self._path) == manifest.mark:
                    raise damaged_index(self._path, f"{error.filename} is missing") from error
                continue  # another process merged it away between our two looks: look again
            self._manifest = manifest
            return opened

    def replace(self, groups: Sequence[Sequence[L]]) -> None:
        """Put one segment for each group in force; a group of one named run keeps its file."""
        self._path.mkdir(parents=True, exist_ok=True)
        old = {entry.name: entry for entry in self.entries}
        entries: list[SegmentEntry] = []
        try:
            for group in groups:
                name = group[0].name if len(group) == 1 else None
                if name is not None:
                    entries.append(old[name])
                elif any(live.alive.any() for live in group):
                    entries.append(self._kind.write(self._path, group))
            write_manifest(self._path, self._digest, self._kind.layout, tuple(entries))
        except BaseException:
            # Unless the new manifest is in force already, what was written for it is of no use.
            if not self.changed():
                self.sweep()
            raise

    def sweep(self) -> None:
        """Delete files that no manifest names: merged ones, and those a crash left behind."""
        names = {entry.name for entry in self.entries}
        for path in self._path.iterdir() if self._path.is_dir() else ():
            ours = path.name.endswith((SUFFIX, UNFINISHED))
            if ours and path.name not in names:
                path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Delete the index, whatever state it is in."""
        (self._path / NAME).unlink(missing_ok=True)
        if self._path.is_dir():
            sync_folder(self._path)
            self._manifest = None
            self.sweep()

    def verify(self) -> list[str]:
        """Read every segment whole; return one sentence per fault."""
        found = [verify_segment(self._path, entry) for entry in self.entries]
        return [fault for fault in found if fault]
