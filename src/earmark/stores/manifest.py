"""The manifest: which segment files make up an index, and what it was built with."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from earmark.errors import LibraryParametersError, LibraryVersionError
from earmark.stores.durable import write_file
from earmark.stores.faults import damaged_index

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """What tells one kind of index from another, under the names its manifest uses.

    ``measure`` names the width of an item (``hash_bits``, ``dimension``) and ``counted`` the items
    of a segment (``postings``, ``vectors``).
    """

    measure: str
    width: int
    counted: str


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment file as the manifest knows it; numbers lie in [first, last].

    ``items`` are postings or vectors.
    """

    name: str
    first: int
    last: int
    tracks: int
    items: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read: its entries and the mark of the very file."""

    entries: tuple[SegmentEntry, ...]
    mark: tuple[int, ...] | None
    # Holding the file mapped keeps its inode from being used again, so that an equal mark can
    # only mean the same file, however coarse the clock of the file system is.
    held: mmap.mmap | None


def mark_of(folder: Path) -> tuple[int, ...] | None:
    """Return what changes whenever the manifest is replaced; None where there is none."""
    try:
        stat = os.stat(folder / NAME)  # noqa: PTH116 - a third of the time of Path.stat
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def write_manifest(
    folder: Path, digest: str, layout: Layout, entries: tuple[SegmentEntry, ...]
) -> None:
    """Replace the manifest, durably."""
    keys = _keys(layout)
    content = {
        "format": FORMAT,
        "digest": digest,
        layout.measure: layout.width,
        "segments": [{keys[n]: getattr(entry, n) for n in keys} for entry in entries],
    }
    text = json.dumps({**content, "check": _check(content)}, indent=1)
    write_file(folder / NAME, [text.encode()])


def read_manifest(folder: Path, digest: str, layout: Layout) -> Manifest:
    """Return the manifest in force; an empty one where there is none.

    Raises
    ------
    DamagedIndexError
        The file is not what `write_manifest` wrote.
    LibraryVersionError
        Another version's format.
    LibraryParametersError
        Built with another digest, or of another width.
    """
    path = folder / NAME
    try:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            if stat.st_size == 0:
                raise damaged_index(path, "it is empty")
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return Manifest((), None, None)
    try:
        content = json.loads(held[:])
    except ValueError as error:
        raise damaged_index(path, "it is not JSON") from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise damaged_index(path, "it names no format")
    if content["format"] != FORMAT:
        message = (
            f"{path} has format {content['format']}, this earmark reads {FORMAT}; "
            "run `earmark rebuild`, or use the version that wrote it"
        )
        raise LibraryVersionError(message)
    if content.pop("check", None) != _check(content):
        raise damaged_index(path, "its checksum does not hold")
    name = layout.measure
    if content["digest"] != digest or content.get(name) != layout.width:
        message = (
            f"{folder} was built with parameters {content['digest']} and {name} "
            f"{content.get(name)}, asked for {digest} and {layout.width}; run `earmark rebuild`"
        )
        raise LibraryParametersError(message)
    keys = _keys(layout)
    entries = tuple(
        SegmentEntry(**{n: entry[keys[n]] for n in keys}) for entry in content["segments"]
    )
    mark = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return Manifest(entries, mark, held)


def _keys(layout: Layout) -> dict[str, str]:
    """Return the name in the file of each field of an entry."""
    names = {field.name: field.name for field in fields(SegmentEntry)}
    return {**names, "items": layout.counted}


def _check(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
