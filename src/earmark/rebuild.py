"""A library made whole again: stale features from their sources, indexes from the truth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earmark.indexes import Indexes
from earmark.ingest.analyse import Analysed, Analyst, Job
from earmark.ingest.playlists import is_url
from earmark.ingest.pool import Pool
from earmark.ingest.records import again, stored_features
from earmark.ingest.scores import SCORE, file_of, kept
from earmark.ports import Analysis, TrackStore
from earmark.reports import Failure, Progress, ProgressCallback, RebuildReport
from earmark.types import Track

PAGE = 512
_POLL_S = 0.5


class Rebuild:
    """One rebuild; use once, under the writer's lock.

    Parameters
    ----------
    analyst
        Holds every engine's analysis; features of another digest are made again by it.
    """

    def __init__(
        self,
        tracks: TrackStore,
        indexes: Indexes,
        analyst: Analyst,
        workers: int,
        progress: ProgressCallback | None = None,
    ) -> None:
        self._tracks = tracks
        self._indexes = indexes
        self._analyst = analyst
        self._workers = workers
        self._progress = progress
        self._started = time.monotonic()
        self._done = 0
        self._total = 0
        self._audio_s = 0.0
        self._missing: list[Failure] = []

    def run(self) -> RebuildReport:
        """Analyse what is stale, then build every index anew."""
        stale = self._stale()
        engines = self._indexes.names
        self._total = len(stale) + sum(len(self._tracks.numbers(name)) for name in engines)
        analysed = self._analyse(stale) if stale else 0
        indexed = max(self._indexes.rebuild(name, self._step) for name in engines)
        wall_s = time.monotonic() - self._started
        return RebuildReport(indexed, analysed, tuple(self._missing), wall_s)

    def _stale(self) -> list[int]:
        """Return the numbers that lack an engine's features, or hold them of another digest."""
        stale: set[int] = set()
        for numbers in self._all_numbers():
            for analysis in self._analyst.analyses:
                stale |= set(numbers) - self._current(analysis, numbers)
        return sorted(stale)

    def _all_numbers(self) -> list[list[int]]:
        after, chunks, seen = None, list[list[int]](), set[int]()
        while page := self._tracks.page(after, PAGE):
            fresh = {track.number for track in page} - seen
            seen |= fresh
            if fresh:
                chunks.append(sorted(fresh))
            after = page[-1].id
        return chunks

    def _current(self, analysis: Analysis[Any], numbers: Sequence[int]) -> set[int]:
        found = self._tracks.features(analysis.name, numbers)
        return {number for number, item in found if item.digest == analysis.digest}

    def _analyse(self, stale: Sequence[int]) -> int:
        self._analyst.prepare()
        analysed = 0
        sources = iter(self._sources(stale))
        with Pool[Job, Analysed](self._analyst, min(self._workers, len(stale))) as pool:
            waiting: dict[str, Track] = {}
            item = next(sources, None)
            while item is not None or pool.pending:
                while item is not None and pool.has_room:
                    waiting[item.source] = item
                    pool.submit(Job(item.source, analyse=True))
                    item = next(sources, None)
                reply = pool.fetch(_POLL_S)
                if reply is None:
                    continue
                track = waiting.pop(reply.job.source)
                if self._store(track, reply.result):
                    analysed += 1
                self._step(1)
        return analysed

    def _sources(self, stale: Sequence[int]) -> list[Track]:
        """Return one readable track for each stale number; report the numbers without one."""
        found: list[Track] = []
        holders = self._tracks.by_number(stale)
        for number in stale:
            tracks = holders.get(number, [])
            track = next((track for track in tracks if _is_there(track.source)), None)
            if track is not None:
                found.append(track)
                continue
            self._step(1)
            for lost in tracks[:1]:
                message = f"{lost.source} is gone; the track cannot be found until it is back"
                self._missing.append(Failure(lost.source, "not_found", message))
        return found

    def _store(self, track: Track, result: Analysed | Failure) -> bool:
        """Put every track of this audio again, under its id, with the new features."""
        if isinstance(result, Failure):
            self._missing.append(Failure(track.source, result.code, result.message))
            return False
        if result.content_id != track.content_id:
            message = f"{track.source} has changed since; run `earmark add` on it"
            self._missing.append(Failure(track.source, "changed", message))
            return False
        self._audio_s += result.heard_s
        analyses = self._analyst.analyses
        before = stored_features(self._tracks, self._indexes.all_names, track.number)
        features, lost = kept(analyses, track.source, before, result.features or {})
        features |= {name: before[name] for name in self._indexes.off if name in before}
        holders = self._tracks.by_number([track.number])[track.number]
        extras = [dict(holder.extra) for holder in holders]
        if lost:
            for holder, extra in zip(holders, extras, strict=True):
                self._lose(holder, extra.pop(SCORE, None))
        self._tracks.put(
            [
                again(self._tracks, holder, features, extra)
                for holder, extra in zip(holders, extras, strict=True)
            ]
        )
        return True

    def _lose(self, track: Track, score: str | None) -> None:
        """Report a score that was attached to features which cannot be read any more."""
        if score is not None:
            message = (
                f"the score attached to {track.label!r} could not be kept; "
                f"run `earmark add {score} --for {track.id}`"
            )
            self._missing.append(Failure(track.source, "score_lost", message))

    def _step(self, count: int) -> None:
        self._done += count
        if self._progress:
            wall_s = time.monotonic() - self._started
            total = max(self._total, self._done)
            failed = len(self._missing)
            self._progress(Progress(self._done, total, failed, self._audio_s, wall_s))


def _is_there(source: str) -> bool:
    return is_url(source) or Path(file_of(source)).is_file()
