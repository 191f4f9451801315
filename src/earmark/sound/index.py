"""The derived index: statistics, and the vectors of moments that were made with them.

The first tracks wait, in memory, until there is something to fit the statistics on. A library
that has outgrown its statistics asks to be built anew (`SoundIndex.outgrown`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from earmark.errors import LibraryParametersError
from earmark.ports import Embedded, IndexRoom, Numbers, VectorStore
from earmark.sound.features import SoundFeatures
from earmark.sound.labels_kept import pack_labels
from earmark.sound.model import Float32
from earmark.sound.params import SoundParams, digest_of
from earmark.sound.statistics import Statistics, fit

T = TypeVar("T")
STATISTICS = "statistics"
ENOUGH_WINDOWS = 4096
"""Statistics fitted on this many windows are final."""
GROWTH = 8
"""Others are fitted anew once there are this many times the windows."""
_SEED = 20
_ASKED_AGAIN = 4


@dataclass(frozen=True, slots=True)
class Opened:
    """Statistics and the store whose vectors were made with them."""

    statistics: Statistics
    moments: VectorStore


class SoundIndex:
    """The vectors of one library, with the statistics that they need.

    Parameters
    ----------
    room
        Where they are kept.
    digest
        Stands for what decides features.
    """

    def __init__(self, room: IndexRoom, params: SoundParams, digest: str) -> None:
        self._room = room
        self._params = params
        self._digest = digest
        self._lock = threading.RLock()
        self._waiting: dict[int, SoundFeatures] = {}
        self._counted = 0
        """Windows of what waits, as far as they were counted: adding counts each track once."""
        self._opened: Opened | None = None
        self._kept = False
        """Whether the statistics in use are those on disk."""
        self._looked = False
        """Whether the disk was looked at; a rebuild of what is damaged opens without."""

    def known(self) -> Numbers:
        """Return the sorted numbers that a search can find now."""
        with self._lock:
            self._look()
            waiting = np.array(sorted(self._waiting), np.int64)
            if self._opened is None:
                return waiting
            return np.union1d(self._opened.moments.known(), waiting)

    def add(self, items: Iterable[tuple[int, SoundFeatures]]) -> None:
        """Make features searchable at once."""
        with self._lock:
            self._look()
            if self._opened is not None:
                self._add(self._opened, items)
                return
            for number, features in items:
                if self._opened is not None:
                    self._add(self._opened, [(number, features)])
                    continue
                self._waiting[number] = features
                self._counted += len(features.vectors)
                if self._counted >= ENOUGH_WINDOWS:
                    self._counted = self._windows_waiting()
                    if self._counted >= ENOUGH_WINDOWS:
                        self.settled()
            if self._room.shared:
                self.settled()

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers."""
        with self._lock:
            self._look()
            for number in numbers:
                self._waiting.pop(number, None)
            if self._opened is not None:
                self._opened.moments.remove(numbers)

    def settled(self) -> Opened | None:
        """Return the store with everything in it; None while there is nothing that sounds."""
        with self._lock:
            self._look()
            if self._opened is None and self._windows_waiting():
                self._open_kept()  # another process may have fitted them since
                if self._opened is None:
                    self._opened = self._open(self._agreed(self._fitted()))
            if self._opened is not None and self._waiting:
                self._add(self._opened, self._waiting.items())
                self._waiting = {}
            return self._opened

    def asked(self, ask: Callable[[Opened | None], T]) -> T:
        """Return what ``ask`` makes of `settled`, with the statistics that are in force.

        Another process may fit them anew at any moment; then it is asked again.
        """
        for _ in range(_ASKED_AGAIN):
            opened = self.settled()
            try:
                return ask(opened)
            except LibraryParametersError:
                self.reload()
                if self._opened is opened:
                    raise
        return ask(self.settled())

    def flush(self) -> None:
        """Write statistics, then vectors; the caller holds the writer's lock."""
        with self._lock:
            opened = self.settled()
            if opened is None:
                return
            if not self._kept:
                self._room.keep(STATISTICS, opened.statistics.to_bytes())
                self._kept = True
            opened.moments.flush()

    def reload(self) -> None:
        """Look for what another process has written since."""
        with self._lock:
            stored = self._room.note(STATISTICS)
            own = self._opened.statistics.to_bytes() if self._opened and self._kept else None
            if not self._looked or stored != own:
                self._opened, self._kept, self._waiting = None, False, {}
                self._open_kept()
            if self._opened is None or not self._kept:
                return
            try:
                self._opened.moments.reload()
            except LibraryParametersError:
                if self._room.note(STATISTICS) == stored:
                    raise
                self.reload()  # fitted anew between our two looks

    def drop(self) -> None:
        """Forget everything, on disk too: vectors before the statistics that they need."""
        with self._lock:
            self._look()
            if self._opened is not None:
                self._opened.moments.drop()
            else:  # where statistics were lost, vectors that nobody can read may be left
                self._room.vectors(self._params.join.dimension, self._digest).drop()
            self._opened, self._kept, self._waiting = None, False, {}
            self._room.keep(STATISTICS, None)

    def statistics_bytes(self) -> int:
        """Return the size of the statistics on disk."""
        with self._lock:
            self._look()
            return len(self._opened.statistics.to_bytes()) if self._opened and self._kept else 0

    def gathering(self) -> bool:
        """Whether more tracks would still make the statistics better, which a flush would end."""
        with self._lock:
            return self._opened is None and self._windows_waiting() < ENOUGH_WINDOWS

    def outgrown(self) -> bool:
        """Whether the statistics are those of a much smaller library."""
        with self._lock:
            self._look()
            if self._opened is None:
                return False
            fitted_on = self._opened.statistics.fitted_on
            count = self._opened.moments.stats()["vectors"]
            return fitted_on < ENOUGH_WINDOWS and count >= GROWTH * fitted_on

    def joined(self, opened: Opened, features: SoundFeatures) -> Float32:
        """Return the unit vectors (n, d) of windows in the space of the opened index."""
        return opened.statistics.joined(
            features.vectors, features.timbres, features.length_s, self._params.join
        )

    def _add(self, opened: Opened, items: Iterable[tuple[int, SoundFeatures]]) -> None:
        opened.moments.add(
            Embedded(
                number,
                self.joined(opened, features),
                features.start_s,
                features.length_s,
                pack_labels(features),
            )
            for number, features in items
        )

    def _agreed(self, statistics: Statistics) -> Statistics:
        """Return the statistics that all writers use: where many write, the first to be kept."""
        if not self._room.shared:
            return statistics
        kept = self._room.agree(STATISTICS, statistics.to_bytes())
        self._kept = True
        return Statistics.from_bytes(kept)

    def _windows_waiting(self) -> int:
        return sum(len(features.vectors) for features in self._waiting.values())

    def _fitted(self) -> Statistics:
        waiting = [self._waiting[number] for number in sorted(self._waiting)]
        columns = (
            np.concatenate([f.vectors for f in waiting]),
            np.concatenate([f.timbres for f in waiting]),
            np.concatenate([f.length_s for f in waiting]),
        )
        return fit(*columns, self._params.join, np.random.default_rng(_SEED))

    def _look(self) -> None:
        if not self._looked:
            self._open_kept()

    def _open_kept(self) -> None:
        stored = self._room.note(STATISTICS)
        if stored is not None:
            self._opened = self._open(Statistics.from_bytes(stored))
            self._kept = True
        self._looked = True

    def _open(self, statistics: Statistics) -> Opened:
        dimension = statistics.basis.shape[1]
        digest = digest_of(self._params.join, self._digest, statistics.digest)
        return Opened(statistics, self._room.vectors(dimension, digest))
