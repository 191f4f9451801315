"""The embedded vector store: immutable segments on disk, a tail in memory, searched exactly."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from earmark.kernels.vectors import MAX_DIMENSION, Nearest, row_bytes
from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.embedded import checked, none_found, numbers_of, queries_of, seconds_of
from earmark.stores.faults import translated
from earmark.stores.segment_folder import SegmentFolder
from earmark.stores.tiers import rewritten_if_dead, settled, tiers
from earmark.stores.vector_file import VectorSegments
from earmark.stores.vector_runs import LiveVectors, VectorRun, gathered, merged

SMALL_SEGMENT = 1 << 21
"""Segments of fewer bytes of vectors always merge: rewriting 2 MB costs less than one more file."""
SEAL_VECTORS = 1 << 22
"""Additions are packed to 8 bits at the latest when so many bytes (packed) have gathered."""


class FileVectorStore:
    """A `VectorStore` in a folder; nothing is read before the first use.

    Vectors are kept in 8 bits a component with a scale each. Any number of processes may read one
    folder. `flush` and `drop` want the library's writer's lock.

    Parameters
    ----------
    folder
        Created by the first flush.
    dimension
        Components of a vector, 1 to `MAX_DIMENSION`.
    digest
        What the vectors were made with; an index of another digest is refused, not searched.
    """

    def __init__(self, folder: str | Path, dimension: int, digest: str = "") -> None:
        if not 1 <= dimension <= MAX_DIMENSION:
            message = f"vectors of {dimension} dimensions; 1 to {MAX_DIMENSION} can be stored"
            raise ValueError(message)
        self._folder = Path(folder)
        self._dimension = dimension
        self._row_bytes = row_bytes(dimension)
        self._digest = digest
        self._guard = threading.RLock()
        self._files: SegmentFolder[VectorRun, LiveVectors]
        self._disk: list[LiveVectors]
        self._tail: list[LiveVectors]
        self._pending: dict[int, Embedded]
        self._pending_vectors: int
        self._removed: set[int]
        self._known: set[int]
        self._forget()

    def known(self) -> Numbers:
        """Return the sorted numbers that are held."""
        with self._open():
            return np.array(sorted(self._known), np.int64)

    def add(self, items: Iterable[Embedded]) -> None:
        """Make vectors searchable at once; numbers that are known are left as they are."""
        for item in items:
            with self._open():
                new = checked(item, self._dimension)
                if new.number in self._known:
                    continue
                self._pending[new.number] = new
                self._pending_vectors += len(new.vectors)
                self._known.add(new.number)
                self._removed.discard(new.number)
                if self._pending_vectors * self._row_bytes >= SEAL_VECTORS:
                    self._seal()

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, also where another process adds them later."""
        gone = [int(number) for number in numbers]
        with self._open():
            self._removed.update(gone)
            self._known.difference_update(gone)
            for number in gone:
                pending = self._pending.pop(number, None)
                self._pending_vectors -= len(pending.vectors) if pending else 0
            self._disk = [live.without(gone) for live in self._disk]
            self._tail = [live.without(gone) for live in self._tail]

    def flush(self) -> None:
        """Write the tail as a segment and merge what is small or mostly dead.

        Raises
        ------
        DiskFullError, DamagedIndexError
            Everything is as before; additions stay in memory.
        """
        with self._open():
            self.reload()
            self._seal()
            runs = [*self._disk, *self._tail]
            small = SMALL_SEGMENT // self._row_bytes
            groups = [rewritten_if_dead(g) for g in tiers(runs, small, 8, _fits)]
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

    def search(self, queries: Float32, k: int, among: Numbers | None = None) -> Neighbours:
        """Return the ``k`` windows nearest to each query, from one snapshot of the store."""
        rows = queries_of(queries, k, self._dimension)
        wanted = None if among is None else numbers_of(among)
        parts = [(live, live.among(wanted)) for live in self._runs()]
        held = sum(int((end - begin).sum()) for _, (begin, end, _) in parts)
        nearest = Nearest(rows, min(k, held))
        for live, stretches in parts:
            live.offer(nearest, stretches)
        best, _ = nearest.best()
        found, width = none_found(len(rows), k), best.shape[1]
        found.number[:, :width] = best["number"]
        found.start_s[:, :width] = seconds_of(best["start"])
        found.length_s[:, :width] = seconds_of(best["length"])
        found.similarity[:, :width] = best["similarity"]
        return found

    def embedded(self, number: int) -> Embedded:
        """Return a number's vectors, restored from 8 bits; raises `KeyError`."""
        run, index = _place(self._runs(), int(number))
        return run.embedded(index, self._dimension)

    def payloads(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the bytes given with each number; raises `KeyError`."""
        runs = self._runs()
        places = [_place(runs, int(number)) for number in numbers]
        return [run.payloads[index].tobytes() for run, index in places]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` on disk, ``segments``, ``vectors``, ``pending`` numbers."""
        with self._open():
            sealed = [*self._disk, *self._tail]
            return {
                "bytes": self._files.bytes,
                "segments": len(self._disk),
                "vectors": sum(live.size for live in sealed) + self._pending_vectors,
                "pending": sum(len(live.numbers) for live in self._tail) + len(self._pending),
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

    def _forget(self) -> None:
        kind = VectorSegments(self._dimension)
        self._files = SegmentFolder(self._folder, self._digest, kind)
        self._disk, self._tail = [], []
        self._pending = {}
        self._pending_vectors = 0
        self._removed, self._known = set(), set()

    def _runs(self) -> list[LiveVectors]:
        """Return a snapshot: runs are immutable, so whoever holds it needs no guard."""
        with self._open():
            self._seal()
            return [*self._disk, *self._tail]

    def _seal(self) -> None:
        """Pack pending additions and merge the tail's runs in tiers."""
        if not self._pending:
            return
        run = LiveVectors.of(gathered(list(self._pending.values()), self._dimension))
        groups = tiers([*self._tail, run], 0, 4, _fits)
        self._tail = [
            group[0] if len(group) == 1 else LiveVectors.of(merged(group))
            for group in groups
            if any(live.alive.any() for live in group)
        ]
        self._pending = {}
        self._pending_vectors = 0

    def _load(self) -> None:
        """Map the segments in force; what they hold is no longer kept in memory."""
        opened = self._files.load({live.name: live.run for live in self._disk if live.name})
        self._disk = settled(opened, self._removed, LiveVectors.of)
        stored = {n for live in self._disk for n in live.numbers.tolist()}
        self._tail = [live.without(list(stored)) for live in self._tail]
        for number in stored & self._pending.keys():
            self._pending_vectors -= len(self._pending.pop(number).vectors)
        tail = {n for live in self._tail for n in live.numbers.tolist()}
        self._known = stored | tail | self._pending.keys()


def _fits(_: Sequence[LiveVectors]) -> bool:
    """Any number of vectors fits a segment."""
    return True


def _place(runs: Sequence[LiveVectors], number: int) -> tuple[VectorRun, int]:
    for live in reversed(runs):
        index = live.run.index.get(number)
        if index is not None and live.alive[index]:
            return live.run, index
    raise KeyError(number)
