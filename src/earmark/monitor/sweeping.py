"""Clips that no detection names any more are deleted."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("earmark.monitor")

GRACE_S = 600.0
"""A file that was written or asked for so lately stays: its detection may be on its way."""
GOING = ".going"
"""Suffix of a clip that is about to be deleted; one that is found is looked at once more."""
_SUFFIX = ".flac"
_OURS = re.compile(
    r"(?P<two>[0-9a-f]{2})/(?P=two)[0-9a-f]{14}([0-9a-f]{48}\.flac|\w+\.unfinished)(\.going)?"
)
"""Nothing else is deleted, whatever folder somebody has chosen."""


def sweep(
    folder: Path, in_use: Set[str], before: float, *, dry_run: bool = False
) -> tuple[int, int]:
    """Delete the clips of a folder that nothing names; return how many files and bytes that is.

    Parameters
    ----------
    in_use
        The sha256 of every clip that is named. Rows come first: they were read after the last one
        had given up its clip, so no row ever names what is deleted here.
    before
        Files that were touched since then, in seconds since 1970, stay.
    dry_run
        Count only.
    """
    files = size = 0
    with suppress(FileNotFoundError):
        for path in sorted(folder.glob("??/*")):
            try:
                gone = _swept(path, in_use, before, dry_run=dry_run)
            except OSError as error:  # another process was quicker, or the disk is in trouble
                log.warning("%s stays: %s", path, error.strerror or error)
                continue
            if gone is not None:
                files, size = files + 1, size + gone
    return files, size


def _swept(path: Path, in_use: Set[str], before: float, *, dry_run: bool) -> int | None:
    """Delete a file if it may go; return its bytes, or None where it stays."""
    if not _OURS.fullmatch(f"{path.parent.name}/{path.name}"):
        return None
    if path.name.endswith(GOING) and not dry_run:
        path = _looked_at_again(path, in_use)
    if path.name.removesuffix(GOING).removesuffix(_SUFFIX) in in_use:
        return None
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    if state.st_mtime >= before:
        return None
    if not dry_run:
        going = path.with_name(path.name + GOING)
        path.rename(going)
        # Whoever keeps the same clip touches it first: then it is in use, though not yet named.
        if going.stat().st_mtime >= before:
            going.replace(path)
            return None
        going.unlink()
    return state.st_size


def _looked_at_again(going: Path, in_use: Set[str]) -> Path:
    """Put back what a killed process was about to delete; it is judged like any other then."""
    path = going.with_name(going.name.removesuffix(GOING))
    if path.exists() and path.name.removesuffix(_SUFFIX) not in in_use:
        going.unlink(missing_ok=True)
    else:
        going.replace(path)
    return path


def touch(path: Path) -> bool:
    """Note that a clip is in use from now on; return whether it is there.

    One that is young is safe as it is. One that is missing may be put back by `sweep` a moment
    later, as old as it was: whoever keeps it writes it anew.
    """
    try:
        if time.time() - path.stat().st_mtime > GRACE_S / 2:
            os.utime(path)
    except OSError:
        return False
    return True
