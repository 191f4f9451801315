"""Adding: what is known is left alone, what moved is followed, the rest is analysed and committed.

A track counts once its batch is in the truth; a kill loses at most the batch in hand, and the next
run finds by size and time stamp, without reading, what is already there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from earmark.errors import DiskFullError, SourceNotFoundError, SourceUnreadableError
from earmark.ingest.analyse import Analysed, Analyst, Job
from earmark.ingest.claims import AGAIN_S, Claims
from earmark.ingest.inputs import Inputs
from earmark.ingest.playlists import is_url
from earmark.ingest.pool import Pool, Reply
from earmark.ingest.records import Seen, from_copy, from_file, score_lost, with_score
from earmark.ingest.scores import SCORE, file_of, is_gone
from earmark.ports import NewTrack, TrackChanges, TrackStore
from earmark.reports import AddReport, Failure, Progress, ProgressCallback
from earmark.types import Track

BATCH_TRACKS = 32
BATCH_S = 2.0
_POLL_S = 0.25


class Ingest:
    """One run over inputs; use once.

    Parameters
    ----------
    tracks
        The truth, for what is known already.
    commit
        Writes a batch durably and returns the tracks; `DiskFullError` ends the run.
    analyst
        What workers do.
    workers
        How many processes.
    idle
        Engines that are switched off: what the truth holds of theirs goes along with copies.
    """

    def __init__(
        self,
        tracks: TrackStore,
        commit: Callable[[Sequence[NewTrack]], list[Track]],
        analyst: Analyst,
        workers: int,
        *,
        progress: ProgressCallback | None = None,
        stop: threading.Event | None = None,
        labels: Sequence[str] = (),
        idle: Sequence[str] = (),
    ) -> None:
        self._tracks = tracks
        self._claims = Claims(tracks)
        self._elsewhere: list[str] = []
        """Sources that another process has claimed."""
        self._commit_batch = commit
        self._analyst = analyst
        self._workers = workers
        self._progress = progress
        self._stop = stop or threading.Event()
        self._labels = tuple(labels)
        self._idle = tuple(idle)
        self._started = time.monotonic()
        self._report = AddReport()
        self._total = 0
        self._begun = 0
        self._batch: list[NewTrack] = []
        self._batch_since = 0.0
        self._seen: dict[str, Seen] = {}

    def run(self, inputs: Inputs) -> AddReport:
        """Add everything; returns early, marked interrupted, once ``stop`` is set."""
        self._total = len(inputs.sources) + len(inputs.failed)
        for failure in inputs.failed:
            self._fail(failure)
        workers = min(self._workers, len(inputs.sources))
        with Pool[Job, Analysed](self._analyst, workers) as pool:
            try:
                finished = self._drive(pool, inputs.sources)
                self._commit()
            except KeyboardInterrupt:
                self._commit()
                raise
            except DiskFullError as error:
                message = (
                    f"{error.message}; {self._report.added} tracks added before are kept, "
                    "the same command goes on from there"
                )
                raise DiskFullError(message) from error
            finally:
                self._claims.release(*self._seen)
        return replace(self._report, wall_s=self._wall_s(), interrupted=not finished)

    def _drive(self, pool: Pool[Job, Analysed], sources: Sequence[str]) -> bool:
        """Feed the workers and settle what comes back; False where it was stopped early."""
        waiting = iter(sources)
        source = next(waiting, None)
        while not self._stop.is_set() and (source is not None or pool.pending or self._elsewhere):
            while source is not None and pool.has_room and not self._stop.is_set():
                self._begin(source, pool)
                source = next(waiting, None)
            if source is None and not pool.pending and self._elsewhere:
                waiting = self._look_again()
                source = next(waiting, None)
                continue
            reply = pool.fetch(_POLL_S) if pool.pending else None
            if reply is not None:
                self._settle(reply, pool)
            due = self._batch and time.monotonic() - self._batch_since >= BATCH_S
            if due or len(self._batch) >= BATCH_TRACKS:
                self._commit()
        return source is None and not pool.pending and not self._elsewhere

    def _look_again(self) -> Iterator[str]:
        """Return what others were at work on: it is done by now, or theirs to finish, or ours.

        What is in hand is committed first: nobody waits for it then.
        """
        self._commit()
        again, self._elsewhere = self._elsewhere, []
        self._stop.wait(AGAIN_S)
        return iter(again)

    def _begin(self, source: str, pool: Pool[Job, Analysed]) -> None:
        """Leave a file alone if its size and time are known, else have it read."""
        self._begun += 1
        if is_url(source):
            if self._claimed(source):
                self._seen[source] = Seen(self._begun)
                pool.submit(Job(source, analyse=True))
            return
        try:
            stat = os.stat(file_of(source))  # noqa: PTH116 - a string is all that is kept of a path
        except FileNotFoundError:
            self._fail(Failure(source, SourceNotFoundError.code, f"{source} does not exist"))
            return
        except OSError as error:
            message = f"{source} cannot be read: {error.strerror}"
            self._fail(Failure(source, SourceUnreadableError.code, message))
            return
        seen = Seen(self._begun, stat.st_size, stat.st_mtime_ns)
        if self._unchanged(source, seen):
            self._count(source, unchanged=1)
        elif self._claimed(source):
            if self._claims.needed and self._unchanged(source, seen):
                self._count(self._forget(source), unchanged=1)  # somebody was quicker
                return
            self._seen[source] = seen
            pool.submit(Job(source, analyse=False))

    def _unchanged(self, source: str, seen: Seen) -> bool:
        state = self._tracks.source_state(source)
        now = (seen.size_bytes, seen.modified_ns)
        return state is not None and (state.size_bytes, state.modified_ns) == now

    def _claimed(self, source: str) -> bool:
        if self._claims.take(source):
            return True
        self._elsewhere.append(source)
        return False

    def _settle(self, reply: Reply[Job, Analysed], pool: Pool[Job, Analysed]) -> None:
        job, result = reply.job, reply.result
        if isinstance(result, Failure):
            self._forget(job.source)
            self._fail(replace(result, input=job.source))
        elif not self._known(job.source, result.content_id):
            if result.features is None:
                pool.submit(Job(job.source, analyse=True))
            else:
                self._report = replace(
                    self._report,
                    audio_s=self._report.audio_s + result.heard_s,
                    warnings=(*self._report.warnings, *result.warnings),
                )
                self._take(from_file(job.source, self._seen[job.source], result, self._labels))

    def _known(self, source: str, content_id: str) -> bool:
        """Settle a source whose bytes the library holds: touched, moved or a copy."""
        holders = self._tracks.by_content(content_id)
        seen = self._seen[source]
        where = TrackChanges(size_bytes=seen.size_bytes, modified_ns=seen.modified_ns)
        mine = next((state for state in holders if state.source == source), None)
        if mine is not None:
            if not is_url(source):
                self._tracks.update(mine.track_id, where)
            self._count(self._forget(source), unchanged=1)
            return True
        if not holders:
            return False
        state = self._tracks.source_state(source)
        gone = next((holder for holder in holders if is_gone(holder.source)), None)
        if gone is not None and state is None:
            self._tracks.update(gone.track_id, replace(where, source=source))
            self._count(self._forget(source), unchanged=1, moved=1)
            return True
        analyses = self._analyst.analyses
        copy = from_copy(source, seen, self._tracks, holders[0], analyses, self._labels, self._idle)
        if copy is None:
            return False
        self._take(copy)
        return True

    def _take(self, track: NewTrack) -> None:
        if not self._batch:
            self._batch_since = time.monotonic()
        self._batch.append(track)

    def _commit(self) -> None:
        """Write the batch in hand; only then does it count."""
        if not self._batch:
            return
        with self._tracks.writing():
            ordered = sorted(self._batch, key=lambda track: self._seen[track.source].order)
            batch = [self._with_identity(track) for track in ordered]
            committed = self._commit_batch(batch)
        self._batch = []
        holders = self._tracks.by_number(sorted({track.number for track in committed}))
        replaced = sum(track.track_id is not None for track in batch)
        first = {number: found[0].id for number, found in holders.items()}
        linked = sum(first.get(track.number, track.id) != track.id for track in committed)
        self._report = replace(
            self._report,
            replaced=self._report.replaced + replaced,
            linked=self._report.linked + linked,
            track_ids=(*self._report.track_ids, *(track.id for track in committed)),
        )
        self._claims.release(*(track.source for track in batch))
        for track in batch:
            self._seen.pop(track.source, None)
            self._count(track.source, added=1)

    def _with_identity(self, track: NewTrack) -> NewTrack:
        """Keep the id, and what a person wrote and attached, of a track whose file has changed."""
        state = self._tracks.source_state(track.source)
        if state is None:
            return track
        old = self._tracks.get(state.track_id)
        track, lost = with_score(self._tracks, self._analyst.analyses, old, track)
        extra = {**old.extra, **track.extra}
        if lost is not None:
            del extra[SCORE]
            told = (*self._report.warnings, score_lost(old.id, lost))
            self._report = replace(self._report, warnings=told)
        return replace(
            track,
            track_id=old.id,
            title=track.title or old.title,
            artist=track.artist or old.artist,
            album=track.album or old.album,
            tags=tuple(dict.fromkeys((*old.tags, *track.tags))),
            extra=extra,
        )

    def _fail(self, failure: Failure) -> None:
        self._report = replace(self._report, failed=(*self._report.failed, failure))
        self._tell(failure.input)

    def _count(self, source: str, *, added: int = 0, unchanged: int = 0, moved: int = 0) -> None:
        report = self._report
        self._report = replace(
            report,
            added=report.added + added,
            unchanged=report.unchanged + unchanged,
            moved=report.moved + moved,
        )
        self._tell(source)

    def _tell(self, source: str) -> None:
        if self._progress is None:
            return
        report = self._report
        done = report.added + report.unchanged + len(report.failed)
        self._progress(
            Progress(done, self._total, len(report.failed), report.audio_s, self._wall_s(), source)
        )

    def _forget(self, source: str) -> str:
        self._seen.pop(source, None)
        self._claims.release(source)
        return source

    def _wall_s(self) -> float:
        return time.monotonic() - self._started
