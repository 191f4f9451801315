"""The folder of an index: which segments are in force, replaced all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.stores.durable import UNFINISHED, sync_folder
from earmark.stores.faults import damaged_index
from earmark.stores.manifest import (
    NAME,
    Manifest,
    SegmentEntry,
    mark_of,
    read_manifest,
    write_manifest,
)
from earmark.stores.runs import LiveRun, Run, merged
from earmark.stores.segment_file import SUFFIX, open_segment, verify_segment, write_segment


class SegmentFolder:
    """What this process last saw of a folder of segments.

    Files are written under names that were never used, and a new manifest puts them in force. So
    a crash leaves the old index or the new one, and readers keep what they have mapped.
    """

    def __init__(self, path: Path, digest: str, hash_bits: int) -> None:
        self._path = path
        self._digest = digest
        self._hash_bits = hash_bits
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

    def load(self, mapped: Mapping[str, Run]) -> list[tuple[str, Run]]:
        """Return the segments in force by name, opening those that are not in ``mapped``."""
        while True:
            manifest = read_manifest(self._path, self._digest, self._hash_bits)
            try:
                opened = [
                    (e.name, mapped.get(e.name) or open_segment(self._path, e, self._hash_bits))
                    for e in manifest.entries
                ]
            except FileNotFoundError as error:
                if mark_of(self._path) == manifest.mark:
                    raise damaged_index(self._path, f"{error.filename} is missing") from error
                continue  # another process merged it away between our two looks: look again
            self._manifest = manifest
            return opened

    def replace(self, groups: Sequence[Sequence[LiveRun]]) -> None:
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
                    entries.append(write_segment(self._path, merged(group)))
            write_manifest(self._path, self._digest, self._hash_bits, tuple(entries))
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
