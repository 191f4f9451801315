"""Files that are either wholly there or not at all, whenever the power goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

UNFINISHED = ".unfinished"
"""Suffix of a file that is not yet what it will be; whoever finds one may delete it."""


def write_file(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write ``path`` so that it appears under its name complete and on the disk.

    A crash leaves the old file, or none, and perhaps one whose name ends in `UNFINISHED`.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names created, replaced or removed in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
