"""Which libraries keep clips in a folder: none deletes what another one may name."""

from __future__ import annotations

import os
from pathlib import Path

FILE_NAME = "libraries"


def enrol(folder: Path, library: str) -> None:
    """Write down that a library keeps clips in a folder; once is enough.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    if library in tenants(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    # Appended in one write: two that enrol at once are both there.
    descriptor = os.open(folder / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{library}\n".encode("utf-8", "surrogateescape"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tenants(folder: Path) -> frozenset[str]:
    """Return the libraries that were ever enrolled; those that are gone may be struck out."""
    try:
        text = (folder / FILE_NAME).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return frozenset()
    return frozenset(line for line in text.splitlines() if line)
