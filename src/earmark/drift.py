"""What has come apart in a library is put together again, from the truth and without any audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from earmark.errors import DamagedIndexError, LibraryParametersError, StoreUnavailableError
from earmark.indexes import Indexes
from earmark.ports import Mending, TrackStore
from earmark.reports import Progress, ProgressCallback, RepairReport
from earmark.shared_indexes import SharedIndexes


def repair(
    tracks: TrackStore,
    indexes: Indexes,
    check: Callable[[], list[str]],
    progress: ProgressCallback | None = None,
) -> RepairReport:
    """Mend what the truth suffices to mend, and tell what is wrong still.

    The caller keeps other writers out. What writers that died have left is cleared away, an index
    gets what it lacks and loses what the truth does not hold, and one that is damaged is built
    again. What was lost of the truth itself, or was made with other parameters, is left to
    `earmark rebuild`, which reads the files again.

    Parameters
    ----------
    check
        Returns one sentence for each fault of the library.
    """
    found = check()
    done = list(_Repair(tracks, indexes, progress).run())
    return RepairReport(tuple(found), tuple(done), tuple(check()))


class _Repair:
    def __init__(
        self, tracks: TrackStore, indexes: Indexes, progress: ProgressCallback | None
    ) -> None:
        self._tracks = tracks
        self._indexes = indexes
        self._progress = progress
        self._done = 0

    def run(self) -> Iterator[str]:
        """Mend one thing after the other; yield a sentence for each that was wrong."""
        indexes, tracks = self._indexes, self._tracks
        if isinstance(tracks, Mending):
            yield from tracks.mend()
        if isinstance(indexes, SharedIndexes) and (left := indexes.tidy()):
            yield f"cleared away {left} numbers that were left half added or half removed"
        for name in indexes.names:
            try:
                yield from self._mended(name)
            except (LibraryParametersError, StoreUnavailableError):
                continue  # the last check tells

    def _mended(self, name: str) -> Iterator[str]:
        indexes = self._indexes
        try:
            if isinstance(indexes, SharedIndexes):
                gone = len(indexes.drift(name)[0])
                added = indexes.mend(name, self._step) - gone
                if gone:
                    yield f"removed {gone} recordings from the index of {name!r}: no track has them"
                if added:
                    yield f"added {added} recordings to the index of {name!r} that it lacked"
            faults = indexes.current(name).verify()
        except DamagedIndexError as error:
            faults = [error.message]
        if faults:
            count = indexes.rebuild(name, self._step)
            yield f"built the index of {name!r} again: {count} recordings"

    def _step(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(Progress(self._done, self._done))
