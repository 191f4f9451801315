"""Which folder is a library's for what was uploaded, and no other library's."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from earmark.config import ServeSettings
from earmark.errors import UsageError
from earmark.library import Library
from earmark.ports.ledger import Ledger, SharedLedger
from earmark.service.bodies.faults import store_faults
from earmark.service.bodies.media import MediaRoom

MARK = ".library"
DEFAULT = "earmark-media"
_WRITTEN_S = 2.0


def media_room(library: Library, ledger: Ledger, options: ServeSettings) -> MediaRoom:
    """Return where a library's uploads are kept, by all its services and workers alike.

    A library that many machines share agrees on one folder, which says so in a file: who sees
    another one would not find the uploads of a job, and would throw away those of a library.

    Raises
    ------
    UsageError
        The folder is another library's, or not the one that this library's uploads are in.
    StoreError
        It cannot be written.
    """
    if options.media:
        folder = Path(options.media).expanduser()
    elif "://" in library.address:
        folder = Path(DEFAULT)
    else:
        folder = library.folder / "media"
    room = MediaRoom(folder)
    if isinstance(ledger, SharedLedger):
        _agree(room.folder, ledger)
    return room


def _agree(folder: Path, ledger: SharedLedger) -> None:
    """Find, or make, the folder's mark, and raise where it is not the one that is agreed on."""
    path = folder / MARK
    library = ledger.agree("library", uuid.uuid4().hex)
    with store_faults("uploads cannot be kept"):
        folder.mkdir(parents=True, exist_ok=True)
        made = _made(path, f"{library}.{uuid.uuid4().hex}")
        mark = path.read_text("ascii", "replace").strip()
    if mark.partition(".")[0] != library:
        message = (
            f"{str(folder)!r} holds the uploads of another library; name a folder of this one's "
            f"own with --media (EARMARK_SERVE_MEDIA), or delete {str(path)!r} if that one is gone"
        )
        raise UsageError(message)
    agreed = ledger.agree("media", mark)
    if agreed == mark:
        return
    if made:
        with store_faults("uploads cannot be kept"):
            path.unlink(missing_ok=True)
    message = (
        f"{str(folder)!r} is not the folder in which this library's uploads are; share that one "
        f"and name it with --media (EARMARK_SERVE_MEDIA), or, if it is lost, write {agreed} into "
        f"{str(path)!r}"
    )
    raise UsageError(message)


def _made(path: Path, mark: str) -> bool:
    """Make a mark where there is none; return whether there was none."""
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(f"{mark}\n")
    except FileExistsError:
        until_s = time.monotonic() + _WRITTEN_S  # another process may be about to write it
        while not path.read_text("ascii", "replace").strip():
            if time.monotonic() > until_s:
                path.write_text(f"{mark}\n", "ascii")
                return True
            time.sleep(0.05)
        return False
    return True
