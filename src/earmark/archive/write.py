"""A library into an archive."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from earmark.archive import FORMAT, VERSION
from earmark.errors import UsageError
from earmark.ports import TrackStore
from earmark.reports import CopyReport, Progress, ProgressCallback
from earmark.types import Track

PAGE = 256
_EPOCH = (1980, 1, 1, 0, 0, 0)


def export(
    tracks: TrackStore,
    engines: Sequence[str],
    path: Path,
    *,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> CopyReport:
    """Write every track to an archive, which appears under its name only once it is whole.

    Raises
    ------
    UsageError
        The file exists and may not be overwritten.
    OSError
        It cannot be written.
    """
    if path.exists() and not overwrite:
        message = f"{str(path)!r} exists already; name another file"
        raise UsageError(message)
    building = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        with zipfile.ZipFile(building, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            count = _Writer(archive, tracks, engines, progress).write()
        with building.open("rb") as file:
            os.fsync(file.fileno())
        building.replace(path)
    except BaseException:
        building.unlink(missing_ok=True)
        raise
    return CopyReport(count, bytes=path.stat().st_size)


class _Writer:
    def __init__(
        self,
        archive: zipfile.ZipFile,
        tracks: TrackStore,
        engines: Sequence[str],
        progress: ProgressCallback | None,
    ) -> None:
        self._archive = archive
        self._tracks = tracks
        self._engines = engines
        self._progress = progress
        self._sums: list[str] = []
        self._audios: set[int] = set()
        self._digests: dict[str, set[str]] = {name: set() for name in engines}

    def write(self) -> int:
        total, done = self._tracks.count(), 0
        for part, page in enumerate(_pages(self._tracks), start=1):
            lines = [json.dumps(self._line(track), ensure_ascii=False) for track in page]
            self._member(f"tracks/{part:06d}.jsonl", ("\n".join(lines) + "\n").encode())
            self._features([track.number for track in page])
            for track in page:
                cover = self._tracks.cover(track.id)
                if cover is not None:
                    self._member(f"covers/{track.id}", cover)
            done += len(page)
            if self._progress:
                self._progress(Progress(done, max(total, done)))
        shape = {
            "format": FORMAT,
            "version": VERSION,
            "tracks": done,
            "audios": len(self._audios),
            "engines": {name: sorted(digests) for name, digests in self._digests.items()},
        }
        self._member("earmark.json", json.dumps(shape, indent=2).encode())
        sums = "".join(self._sums)
        self._archive.writestr(_info("SHA256SUMS"), sums.encode())
        return done

    def _line(self, track: Track) -> dict[str, Any]:
        state = self._tracks.source_state(track.source)
        mine = state if state is not None and state.track_id == track.id else None
        return track.as_dict() | {
            "audio": track.number,
            "size_bytes": mine.size_bytes if mine else -1,
            "modified_ns": mine.modified_ns if mine else -1,
        }

    def _features(self, numbers: Sequence[int]) -> None:
        new = sorted(set(numbers) - self._audios)
        self._audios.update(new)
        for engine in self._engines:
            for number, item in self._tracks.features(engine, new):
                self._digests[engine].add(item.digest)
                self._member(f"features/{engine}/{item.digest}/{number}", item.data)

    def _member(self, name: str, data: bytes) -> None:
        self._archive.writestr(_info(name), data)
        self._sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")


def _pages(tracks: TrackStore) -> Iterator[list[Track]]:
    after: str | None = None
    while page := tracks.page(after, PAGE):
        yield page
        after = page[-1].id


def _info(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _EPOCH)  # equal libraries give equal archives
