"""What a detection was made from, kept as sound: so that a person can listen and decide."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from earmark import __version__
from earmark.audio.flac import flac_bytes
from earmark.errors import DamagedIndexError, NoMediaError
from earmark.homes import store_errors
from earmark.monitor.sweeping import touch
from earmark.monitor.tenants import enrol, tenants
from earmark.monitor.timeline import overlap_s
from earmark.ports import Detection, Entry, EvidenceFile
from earmark.types import Clip, Span

if TYPE_CHECKING:
    from earmark.library import Library

UNFINISHED = ".unfinished"
"""Suffix of a file that is not yet what it will be; whoever finds one may delete it."""
SUFFIX = ".flac"
_CHUNK_BYTES = 1 << 20


class EvidenceRoom:
    """A folder of clips, each under the sha256 of its file; made where it is missing.

    Any number of threads and processes may keep clips in one folder. The same clip is one file.

    Parameters
    ----------
    library
        Whose clips these are, where others may keep theirs in the same folder; empty: nobody else
        does.
    """

    def __init__(self, folder: str | os.PathLike[str], library: str = "") -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._library = library
        self._enrolled = False

    def others(self) -> frozenset[str]:
        """Return the other libraries that keep clips here: what they name is not ours to delete."""
        if not self._library:
            return frozenset()
        with store_errors(self.folder):
            return tenants(self.folder) - {self._library}

    def _enrol(self) -> None:
        if self._library and not self._enrolled:
            enrol(self.folder, self._library)
            self._enrolled = True

    def keep(self, detection: Detection, clip: Clip, library: Library | None) -> EvidenceFile:
        """Keep the clip of a detection; on the disk when this returns.

        Raises
        ------
        DiskFullError
            No room is left.
        StoreError
            It cannot be written.
        """
        data = flac_bytes(clip)
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._place(sha256)
        with store_errors(path):
            self._enrol()
            # Touched first: what is in use is not deleted. The checksum is what tells a file of a
            # full or broken disk from a good one.
            if not (touch(path) and _holds(path, sha256)):
                _write(path, data)
        return EvidenceFile(
            path=path.relative_to(self.folder).as_posix(),
            sha256=sha256,
            bytes=len(data),
            start_s=clip.start_s,
            duration_s=clip.duration_s,
            rate_hz=clip.rate_hz,
            reference=aligned(detection, Span(clip.start_s, clip.start_s + clip.duration_s)),
            engine=detection.kind if library is None else library.maker(detection.kind),
            version=__version__,
            library="" if library is None else f"{library.address} revision {library.revision}",
            figures=figures(detection),
        )

    def find(self, entry: Entry) -> Path:
        """Return the file of an entry's evidence, its checksum verified.

        Raises
        ------
        NoMediaError
            The entry was kept without a clip, or its clip was given up.
        DamagedIndexError
            The file is missing or is not what was kept.
        """
        if entry.evidence is None:
            message = f"detection {entry.id!r} was kept without a clip of its source"
            raise NoMediaError(message)
        if entry.evidence.pruned_at is not None:
            on = datetime.fromtimestamp(entry.evidence.pruned_at, UTC).date().isoformat()
            message = (
                f"the clip of detection {entry.id!r} was deleted on {on}; `evidence_keep_days`, "
                "`evidence_max_gb` and `earmark detections prune` say how long clips are kept"
            )
            raise NoMediaError(message)
        path = self._place(entry.evidence.sha256)
        if not path.is_file():
            message = f"the evidence of detection {entry.id!r} is missing; {path} is not there"
            raise DamagedIndexError(message)
        if not _holds(path, entry.evidence.sha256):
            message = (
                f"the evidence of detection {entry.id!r} is not what was kept: {path} does not "
                f"have the sha256 {entry.evidence.sha256}; take it from a backup"
            )
            raise DamagedIndexError(message)
        return path

    def _place(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}{SUFFIX}"


def aligned(detection: Detection, clip: Span) -> Span:
    """Return the stretch of the reference that a clip of the source plays, as far as it does.

    It is that of the piece which the clip holds most of.
    """
    piece = max(detection.pieces, key=lambda piece: overlap_s(piece.query, clip))
    start_s = max(piece.query.start_s, clip.start_s)
    end_s = min(piece.query.end_s, clip.end_s)
    if end_s <= start_s:
        start_s, end_s = piece.query.start_s, piece.query.end_s

    def at(source_s: float) -> float:
        return piece.reference.start_s + (source_s - piece.query.start_s) * piece.time_ratio

    return Span(round(at(start_s), 4), round(at(end_s), 4))


def figures(detection: Detection) -> Mapping[str, float | int]:
    """Return the numbers that a detection rests on."""
    longest = detection.longest
    return {
        "confidence": round(detection.confidence, 4),
        "score": round(detection.score, 4),
        "played_s": round(detection.played_s, 3),
        "pieces": len(detection.pieces),
        "time_ratio": round(longest.time_ratio, 5),
        "pitch_shift_semitones": round(longest.pitch_shift_semitones, 3),
    }


def _holds(path: Path, sha256: str) -> bool:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == sha256


def _write(path: Path, data: bytes) -> None:
    """Write a file that appears whole; two that write the same one do not meet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(UNFINISHED, path.stem[:16], path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    for folder in (path.parent, path.parent.parent):
        _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
