"""One copy from a library into another."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from earmark.copying.whole import Side, WholeTrack
from earmark.errors import DamagedIndexError, LibraryLockedError, StoppedError, TrackNotFoundError
from earmark.ports import NewTrack, Numbers, SharedTrackStore, TrackStore
from earmark.reports import CopyReport, Progress, ProgressCallback
from earmark.types import Track

PAGE = 256
"""Tracks listed at a time."""
BATCH = 64
"""Tracks read, and written in one commit, at a time."""
BATCH_BYTES = 16 << 20
"""Features and covers after which a commit is not added to."""
AT_ONCE = 8
"""Requests at a time to a library that is asked over a network."""
_TRIES = 3
_CLAIM_POLL_S = 0.2


class Copy:
    """One copy; use once.

    Parameters
    ----------
    commit
        Writes a batch durably into the target and brings its indexes up to date.
    lock_wait_s
        How long to wait where another process is adding a track of the same source.
    """

    def __init__(
        self,
        source: Side,
        target: Side,
        commit: Callable[[Sequence[NewTrack]], object],
        *,
        lock_wait_s: float = 60.0,
        progress: ProgressCallback | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._source = source
        self._target = target
        self._commit = commit
        self._lock_wait_s = lock_wait_s
        self._progress = progress
        self._stop = stop or threading.Event()
        self._written = self._replaced = self._bytes = 0
        self._done = self._total = 0
        self._started_s = time.monotonic()

    def run(self, settle: Callable[[], None]) -> CopyReport:
        """Write what the target does not hold, `settle`, then compare everything.

        Raises
        ------
        StoppedError
            ``stop`` was set; what is committed stays, and the next copy goes on from there.
        DamagedIndexError
            A track cannot be made the same on both sides.
        LibraryLockedError
            Another process kept one of the sources, or the lock, for too long.
        """
        with ThreadPoolExecutor(AT_ONCE, "earmark-copy") as pool:
            self._source, self._target = (
                replace(side, many=pool.map) if isinstance(side.tracks, SharedTrackStore) else side
                for side in (self._source, self._target)
            )
            self._total = 2 * self._source.tracks.count()
            self._copy()
            settle()
            before = self._written
            verified, checksum = self._compare()
        if self._written != before:
            settle()
        return CopyReport(
            tracks=self._written,
            unchanged=max(0, verified - self._written),
            bytes=self._bytes,
            replaced=self._replaced,
            verified=verified,
            checksum=checksum,
        )

    def _copy(self) -> None:
        """Write what the target does not hold as far as little reading tells."""
        engines = self._source.engines
        held = [
            (self._source.tracks.numbers(name), self._target.tracks.numbers(name))
            for name in engines
        ]
        for some in self._batches():
            theirs = self._target.held([track.id for track in some])
            states, others = self._source.states(some), self._target.states(theirs.values())
            missing = [
                track
                for track in some
                if (other := theirs.get(track.id)) is None
                or replace(other, number=track.number) != track
                or states.get(track.id) != others.get(track.id)
                or any(
                    _has(here, track.number) and not _has(there, other.number)
                    for here, there in held
                )
            ]
            self._write(missing)
            self._step(len(some))

    def _compare(self) -> tuple[int, str]:
        """Return how many tracks are the same on both sides, and the checksum over them."""
        count, checksum = 0, hashlib.sha256()
        for some in self._batches():
            for mark in self._verified(some):
                checksum.update(mark)
                count += 1
            self._step(len(some))
        return count, checksum.hexdigest()

    def _batches(self) -> Iterator[list[Track]]:
        """Yield the source's tracks in the order of listing; others may remove some meanwhile."""
        tracks, page = self._source.tracks, self._source.tracks.page(None, PAGE)
        while page:
            for start in range(0, len(page), BATCH):
                if self._stop.is_set():
                    message = (
                        f"stopped after {self._written} tracks were copied; the same copy again "
                        "goes on from there"
                    )
                    raise StoppedError(message)
                yield page[start : start + BATCH]
            page = _page_after(tracks, [track.id for track in page])

    def _write(self, missing: Sequence[Track]) -> None:
        """Commit tracks in batches of bounded size."""
        batch: list[WholeTrack] = []
        for whole in self._source.whole(missing):
            batch.append(whole)
            if sum(one.held_bytes for one in batch) >= BATCH_BYTES:
                self._put(batch)
                batch = []
        if batch:
            self._put(batch)

    def _put(self, batch: Sequence[WholeTrack]) -> None:
        known = self._target.held([whole.track.id for whole in batch])
        self._await_others([whole.track.source for whole in batch])
        self._commit([whole.new_track() for whole in batch])
        self._written += len(batch)
        self._replaced += len(known)
        self._bytes += sum(whole.held_bytes for whole in batch)

    def _verified(self, some: Sequence[Track]) -> list[bytes]:
        """Return the checksums of tracks after the target has the same; write what differs."""
        ids = [track.id for track in some]
        for _ in range(_TRIES):
            mine, theirs = (
                {one.track.id: one for one in side.whole(list(side.held(ids).values()))}
                for side in (self._source, self._target)
            )
            marks = {one: whole.fingerprint(whole.features) for one, whole in mine.items()}
            other = [
                one
                for one, mark in marks.items()
                if one not in theirs or theirs[one].fingerprint(mine[one].features) != mark
            ]
            if not other:
                return list(marks.values())
            # Changed since it was copied, or by somebody in the target: the source's is written.
            self._write([mine[one].track for one in other])
        message = (
            f"the copy of {mine[other[0]].track.label!r} ({other[0]}) in {self._target.address} "
            f"is not what {self._source.address} holds; run `earmark doctor` on both and copy again"
        )
        raise DamagedIndexError(message)

    def _await_others(self, sources: Sequence[str]) -> None:
        """Wait while other processes are adding the same files, where several may.

        Claims are not kept: a copy that is killed would leave them, and the next would wait.
        """
        tracks = self._target.tracks
        if not isinstance(tracks, SharedTrackStore):
            return
        wanted = sorted(set(sources))
        until_s = time.monotonic() + self._lock_wait_s
        while True:
            got = tracks.claim(wanted)
            tracks.release([one for one, mine in zip(wanted, got, strict=True) if mine])
            if all(got):
                return
            if time.monotonic() > until_s:
                taken = wanted[got.index(False)]
                message = (
                    f"{taken!r} is being added to {self._target.address} by another process; "
                    f"waited {self._lock_wait_s:g} s, run the same copy again later"
                )
                raise LibraryLockedError(message)
            time.sleep(_CLAIM_POLL_S)

    def _step(self, count: int) -> None:
        self._done += count
        if self._progress:
            wall_s = time.monotonic() - self._started_s
            self._progress(Progress(self._done, max(self._total, self._done), wall_s=wall_s))


def _has(numbers: Numbers, number: int) -> bool:
    at = int(np.searchsorted(numbers, number))
    return at < len(numbers) and int(numbers[at]) == number


def _page_after(tracks: TrackStore, ids: Sequence[str]) -> list[Track]:
    """Return what follows a page, of which tracks may have been removed since."""
    for last in reversed(ids):
        try:
            return tracks.page(last, PAGE)
        except TrackNotFoundError:
            continue
    message = f"{len(ids)} tracks were removed while they were copied; run the same copy again"
    raise StoppedError(message)
