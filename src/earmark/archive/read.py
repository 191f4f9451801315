"""An archive into a library."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from earmark.archive import FORMAT, VERSION
from earmark.errors import (
    ArchiveError,
    LibraryParametersError,
    LibraryVersionError,
    TrackNotFoundError,
)
from earmark.ingest.analyse import audio_identity
from earmark.ports import NewTrack, StoredFeatures, TrackStore
from earmark.reports import CopyReport, Progress, ProgressCallback
from earmark.types import Track

_TEXTS = ("id", "source", "content_id", "title", "artist", "album")
_WHOLES = ("audio", "size_bytes", "modified_ns")


def import_into(
    tracks: TrackStore,
    commit: Callable[[Sequence[NewTrack]], object],
    digests: Mapping[str, str],
    path: Path,
    progress: ProgressCallback | None = None,
) -> CopyReport:
    """Commit every track of an archive that ``tracks`` does not hold with the same content.

    Raises
    ------
    ArchiveError, LibraryVersionError
        See `Archive`.
    LibraryParametersError
        Its features are not those of the engines of this library, whose ``digests`` are given.
    """
    archive = Archive(path)
    try:
        for engine, found in archive.digests.items():
            other = [digest for digest in found if digest != digests.get(engine, digest)]
            if other:
                message = (
                    f"{str(path)!r} holds features of {engine!r} made with other parameters "
                    f"or another model ({other[0]}, here {digests[engine]}); "
                    "add the files themselves instead, or run `earmark rebuild` where it came "
                    "from and export it again"
                )
                raise LibraryParametersError(message)
        added = unchanged = 0
        for page in archive.pages():
            new = list(_missing(tracks, archive, page))
            if new:
                commit(new)
            added += len(new)
            unchanged += len(page) - len(new)
            if progress:
                progress(Progress(added + unchanged, archive.count))
    finally:
        archive.close()
    return CopyReport(added, unchanged, path.stat().st_size)


def _missing(
    tracks: TrackStore, archive: Archive, page: Sequence[Mapping[str, Any]]
) -> Iterator[NewTrack]:
    for line in page:
        held = _held(tracks, line)
        if held is None or held.content_id != line["content_id"]:
            yield archive.new_track(line, held.id if held else line["id"])


def _held(tracks: TrackStore, line: Mapping[str, Any]) -> Track | None:
    try:
        return tracks.get(line["id"])
    except TrackNotFoundError:
        state = tracks.source_state(line["source"])
        return tracks.get(state.track_id) if state is not None else None


class Archive:
    """An archive opened to be read; every member is checked against its sum as it is read.

    Raises
    ------
    ArchiveError
        Not an archive, or damaged.
    LibraryVersionError
        Of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            sums = self._zip.read("SHA256SUMS").decode()
            self._sums = {name: total for total, name in _sum_lines(sums)}
            shape = json.loads(self._read("earmark.json"))
            self.version = int(shape["version"])
            self.count = int(shape["tracks"])
            self.digests: Mapping[str, list[str]] = shape["engines"]
            if shape["format"] != FORMAT:
                raise KeyError(FORMAT)
        except FileNotFoundError as error:
            message = f"{str(path)!r} does not exist"
            raise ArchiveError(message) from error
        except OSError as error:
            message = f"{str(path)!r} cannot be read: {error.strerror or error}"
            raise ArchiveError(message) from error
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
            message = f"{str(path)!r} is not an earmark archive, or was cut short; export it again"
            raise ArchiveError(message) from error
        if self.version != VERSION:
            message = (
                f"{str(path)!r} has archive version {self.version}, this earmark reads {VERSION}"
            )
            raise LibraryVersionError(message)
        self._blobs: dict[int, list[tuple[str, str, str]]] = {}
        for name in self._sums:
            room, _, rest = name.partition("/")
            if room == "features":
                engine, digest, number = rest.split("/")
                self._blobs.setdefault(int(number), []).append((engine, digest, name))

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the tracks' lines, page by page."""
        for name in sorted(name for name in self._sums if name.startswith("tracks/")):
            try:
                lines = [json.loads(line) for line in self._read(name).splitlines()]
            except ValueError as error:
                raise self._damaged(name) from error
            if not all(map(_is_track, lines)):
                raise self._damaged(name)
            yield lines

    def new_track(self, line: Mapping[str, Any], track_id: str) -> NewTrack:
        """Return a line with its features and its cover."""
        features = {
            engine: StoredFeatures(digest, self._read(name))
            for engine, digest, name in self._blobs.get(int(line["audio"]), [])
        }
        cover = f"covers/{line['id']}"
        return NewTrack(
            source=line["source"],
            content_id=line["content_id"],
            audio_id=audio_identity(features),
            duration_s=line["duration_s"],
            features=features,
            size_bytes=line["size_bytes"],
            modified_ns=line["modified_ns"],
            title=line["title"],
            artist=line["artist"],
            album=line["album"],
            tags=tuple(line["tags"]),
            extra=line["extra"],
            cover=self._read(cover) if cover in self._sums else None,
            track_id=track_id,
            added_at=line.get("added_at") or None,
        )

    def _read(self, name: str) -> bytes:
        try:
            data = self._zip.read(name)
        except (zipfile.BadZipFile, KeyError, EOFError) as error:
            raise self._damaged(name) from error
        if hashlib.sha256(data).hexdigest() != self._sums.get(name):
            raise self._damaged(name)
        return data

    def _damaged(self, name: str) -> ArchiveError:
        return ArchiveError(f"{str(self._path)!r} is damaged (in {name}); export it again")


def _is_track(line: object) -> bool:
    """Return whether a line says all of a track that it must, each thing in its type."""
    if not isinstance(line, dict):
        return False
    tags, extra, length_s = line.get("tags"), line.get("extra"), line.get("duration_s")
    return (
        all(isinstance(line.get(name), str) for name in _TEXTS)
        and all(type(line.get(name)) is int for name in _WHOLES)
        and isinstance(length_s, int | float)
        and math.isfinite(length_s)
        and isinstance(line.get("added_at", ""), str)
        and isinstance(tags, list)
        and isinstance(extra, dict)
        and all(isinstance(word, str) for word in (*tags, *extra, *extra.values()))
    )


def _sum_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        total, _, name = line.partition("  ")
        yield total, name
