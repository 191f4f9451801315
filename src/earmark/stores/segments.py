"""The embedded posting store: immutable segments on disk, a tail in memory, merged in tiers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.kernels.postings import DamageError
from earmark.ports import Hashes, Hits, Numbers, Payload, Posted
from earmark.stores.faults import damaged_index, translated
from earmark.stores.posted import as_uint32, checked
from earmark.stores.runs import LiveRun, Run, fits, gathered, merged
from earmark.stores.segment_file import PostingSegments
from earmark.stores.segment_folder import SegmentFolder
from earmark.stores.tiers import rewritten_if_dead, settled, tiers
from earmark.stores.timeline import Timeline

SMALL_SEGMENT = 1 << 20
"""Segments of fewer postings always merge: rewriting 3 MB is cheaper than one more look-up."""
SEAL_POSTINGS = 1 << 22
"""Additions are packed at the latest when so many have gathered."""


class SegmentPostingStore:
    """A `PostingStore` in a folder; nothing is read before the first use.

    Any number of processes may read one folder. `flush` and `drop` want the library's writer's
    lock. Any thread may search while another writes: `locate` and `payload` answer from the
    snapshot of the calling thread's last `lookup`.

    Parameters
    ----------
    folder
        Created by the first flush.
    hash_bits
        Hashes are below ``2**hash_bits``.
    digest
        What the postings were made with; an index of another digest is refused, not searched.
    """

    def __init__(self, folder: str | Path, hash_bits: int = 22, digest: str = "") -> None:
        self._folder = Path(folder)
        self._hash_bits = hash_bits
        self._digest = digest
        self._guard = threading.RLock()
        self._seen = threading.local()
        self._files: SegmentFolder[Run, LiveRun]
        self._disk: list[LiveRun]
        self._tail: list[LiveRun]
        self._pending: dict[int, Posted]
        self._pending_postings: int
        self._removed: set[int]
        self._known: set[int]
        self._now: Timeline | None
        self._forget()

    def known(self) -> Numbers:
        """Return the sorted numbers that `lookup` can find."""
        with self._open():
            return np.array(sorted(self._known), np.int64)

    def add(self, items: Iterable[Posted]) -> None:
        """Make postings searchable at once; numbers that are known are left as they are."""
        for item in items:
            with self._open():
                if item.number in self._known:
                    continue
                self._pending[item.number] = checked(item, self._hash_bits)
                self._pending_postings += len(item.hashes)
                self._known.add(item.number)
                self._removed.discard(item.number)
                self._changed()
                if self._pending_postings >= SEAL_POSTINGS:
                    self._seal()

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, also where another process adds them later."""
        gone = [int(number) for number in numbers]
        with self._open():
            self._removed.update(gone)
            self._known.difference_update(gone)
            for number in gone:
                pending = self._pending.pop(number, None)
                self._pending_postings -= len(pending.hashes) if pending else 0
            self._disk = [live.without(gone) for live in self._disk]
            self._tail = [live.without(gone) for live in self._tail]
            self._changed()

    def flush(self) -> None:
        """Write the tail as a segment and merge what is small or mostly dead.

        Raises
        ------
        DiskFullError
            Everything is as before; additions stay in memory.
        """
        with self._open(), self._damage():
            self.reload()
            self._seal()
            runs = [*self._disk, *self._tail]
            groups = [rewritten_if_dead(g) for g in tiers(runs, SMALL_SEGMENT, 8, fits)]
            as_is = [group[0].name for group in groups if len(group) == 1]
            if self._tail or as_is != [live.name for live in self._disk]:
                self._files.replace(groups)
                self._tail = []
                self._load()
            self._files.sweep()

    def reload(self) -> None:
        """Look for what another process has written; costs one ``stat`` where nothing was."""
        with self._open():
            if self._files.changed():
                self._load()

    def drop(self) -> None:
        """Forget everything, on disk too; works on an index that cannot be opened."""
        with self._guard, translated(self._folder):
            self._files.drop()
            self._forget()

    def counts(self, hashes: Hashes) -> npt.NDArray[np.uint32]:
        """Return how many postings each hash has, dead ones included."""
        with self._damage():
            return self._timeline().counts(as_uint32(hashes))

    def lookup(self, hashes: Hashes) -> Hits:
        """Return every live posting of every hash."""
        self._seen.timeline = timeline = self._timeline()
        with self._damage():
            return timeline.lookup(as_uint32(hashes))

    def locate(
        self, positions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (numbers, frames) of positions of this thread's last `lookup`."""
        timeline = self._mine()
        with self._guard:
            # A current timeline has nothing removed in it.
            removed = [] if timeline is self._now else list(self._removed)
        return timeline.locate(np.asarray(positions, np.int64), np.array(removed, np.int64))

    def payload(self, number: int) -> Payload:
        """Return a number's bytes, mapped; raises `KeyError` for a number that is not known."""
        try:
            return self._mine().payload(number)
        except KeyError:
            return self._timeline().payload(number)

    def payloads(self, numbers: Sequence[int]) -> list[Payload]:
        """Return the payload of each number; raises `KeyError`."""
        return [self.payload(number) for number in numbers]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` on disk, ``segments``, ``postings``, ``pending`` numbers."""
        with self._open():
            sealed = [*self._disk, *self._tail]
            return {
                "bytes": self._files.bytes,
                "segments": len(self._disk),
                "postings": sum(run.size for run in sealed) + self._pending_postings,
                "pending": sum(len(run.numbers) for run in self._tail) + len(self._pending),
            }

    def verify(self) -> list[str]:
        """Read every segment whole; return one sentence per fault (`earmark doctor`)."""
        with self._open():
            return self._files.verify()

    # --- the state; everything below is called with the guard held ---------------------------

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._guard, translated(self._folder):
            if not self._files.loaded:
                self._load()
            yield

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except DamageError as error:
            raise damaged_index(self._folder, error) from error

    def _changed(self) -> None:
        """Forget snapshots: what this thread looked up is no guide to what it wrote since."""
        self._now = None
        self._seen.timeline = None

    def _forget(self) -> None:
        self._files = SegmentFolder(self._folder, self._digest, PostingSegments(self._hash_bits))
        self._disk, self._tail = [], []
        self._pending = {}
        self._pending_postings = 0
        self._removed, self._known = set(), set()
        self._changed()

    def _mine(self) -> Timeline:
        return getattr(self._seen, "timeline", None) or self._timeline()

    def _timeline(self) -> Timeline:
        now = self._now
        if now is not None:
            return now
        with self._open(), self._damage():
            self._seal()
            self._now = timeline = Timeline([*self._disk, *self._tail])
            return timeline

    def _seal(self) -> None:
        """Pack pending additions and merge the tail's runs in tiers."""
        if not self._pending:
            return
        run = LiveRun.of(gathered(list(self._pending.values()), self._hash_bits))
        groups = tiers([*self._tail, run], 0, 4, fits)
        self._tail = [
            group[0] if len(group) == 1 else LiveRun.of(merged(group))
            for group in groups
            if any(live.alive.any() for live in group)
        ]
        self._pending = {}
        self._pending_postings = 0
        self._now = None

    def _load(self) -> None:
        """Map the segments in force; what they hold is no longer kept in memory."""
        opened = self._files.load({live.name: live.run for live in self._disk if live.name})
        self._disk = settled(opened, self._removed, LiveRun.of)
        stored = {n for live in self._disk for n in live.numbers.tolist()}
        self._tail = [live.without(list(stored)) for live in self._tail]
        for number in stored & self._pending.keys():
            self._pending_postings -= len(self._pending.pop(number).hashes)
        tail = {n for live in self._tail for n in live.numbers.tolist()}
        self._known = stored | tail | self._pending.keys()
        self._changed()
