"""Indexes that many machines write to: changed before a track is published, never caught up with.

What a search finds is what the shared stores hold; nobody adds from memory what the truth has and
an index lacks. Such drift is what writers that died have left (`tidy`), or damage (`drift`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from earmark.bootstrap import Parts
from earmark.errors import EarmarkError, LibraryParametersError, StoreError
from earmark.indexes import CHUNK, Indexes
from earmark.ports import Engine, Numbers, Outgrowing, SharedTrackStore, Stage

_BEGUN = "begun"
"""A note beside an index that is being built: where its builder is killed, another does it."""


class SharedIndexes(Indexes):
    """Every engine of one library whose truth is a `SharedTrackStore`.

    Any number of threads and processes may `lead` and `clear` at once; `rebuild`, `mend`, `choose`
    and `switch` want the library alone.
    """

    def __init__(self, parts: Parts, tracks: SharedTrackStore) -> None:
        super().__init__(parts)
        self._shared = tracks

    def lead(self, stage: Stage) -> None:
        """Make every engine find a stage's numbers, before it is published.

        Raises
        ------
        StoreError
            An index cannot be written; nothing of the stage must be published then.
        """
        features = dict(zip(stage.numbers, (new.features for new in stage.tracks), strict=True))
        for name in self.names:
            engine = self._ready(name, record=True)
            analysis = engine.analysis
            items = []
            for number in stage.new.get(name, ()):
                stored = features[number][name]
                if stored.digest == analysis.digest:  # a copy brings what no rebuild could renew
                    items.append((number, analysis.unpack(stored.data)))
            if items:
                engine.add(items)

    def clear(self, numbers: Sequence[int]) -> None:
        """Make no engine find numbers, after they are hidden or were never published."""
        if numbers:
            for name in self.names:
                self._ready(name, record=False).remove(numbers)

    def tidy(self) -> int:
        """Clear away what writers that died have left; return how many numbers it was.

        Whoever does that at the same time does no harm.
        """
        left = self._shared.leftovers()
        for at in range(0, len(left), CHUNK):
            some = left[at : at + CHUNK]
            self.clear(some)
            self._shared.forget(some)
        return len(left)

    def drift(self, name: str) -> tuple[Numbers, Numbers]:
        """Return the numbers that an index has and the truth lacks, and the other way round."""
        gone, missing = self._apart(name)
        if len(gone) or len(missing):  # or somebody has changed something between two questions
            again = self._apart(name)
            gone, missing = np.intersect1d(gone, again[0]), np.intersect1d(missing, again[1])
        return gone, missing

    def mend(self, name: str, progress: Callable[[int], None] | None = None) -> int:
        """Make an index hold what the truth holds; the caller has the library alone.

        Returns
        -------
        int
            How many numbers were added or removed.
        """
        engine = self._ready(name, record=True)
        gone, missing = self.drift(name)
        for at in range(0, len(gone), CHUNK):
            engine.remove(gone[at : at + CHUNK].tolist())
        added = 0
        for at in range(0, len(missing), CHUNK):
            chunk = missing[at : at + CHUNK].tolist()
            items = list(self._unpacked(name, engine, chunk, strict=False))
            engine.add(items)
            added += len(items)
            if progress:
                progress(len(chunk))
        return len(gone) + added

    def switch(self, name: str, on: bool) -> int:
        """Switch an engine on or off; the caller has the library alone.

        Returns
        -------
        int
            How many audios it cannot find until a rebuild.
        """
        if not on:
            return super().switch(name, on)
        with self._lock:
            self._parts.switch(name, on)
            try:
                self.mend(name)
                self.flush()
            except LibraryParametersError:
                return int(self._parts.tracks.totals()["audios"])
            return int(self._parts.tracks.totals()["audios"]) - len(self.engine(name).known())

    def outgrown(self) -> list[str]:
        """Return the engines whose index would be better if it were built anew.

        So would one whose building was cut off by a kill.
        """
        found = []
        for name in self.names:
            engine = self._ready(name, record=False)
            outgrown = isinstance(engine, Outgrowing) and engine.outgrown()
            if outgrown or self._parts.room(name).note(_BEGUN) is not None:
                found.append(name)
        return found

    def rebuild(self, name: str, progress: Callable[[int], None] | None = None) -> int:
        """Build one index again from the truth alone; the caller has the library alone."""
        room = self._parts.room(name)
        room.keep(_BEGUN, b"rebuild")
        count = super().rebuild(name, progress)
        room.keep(_BEGUN, None)
        return count

    def follow(self) -> None:
        """Do nothing: the indexes went ahead."""

    def flush(self) -> None:
        """Let every engine put its index in order; what is found does not change."""
        for name in self.names:
            self._ready(name, record=False).flush()

    def faults(self) -> list[str]:
        """Return one sentence for each thing wrong with an index or its parameters."""
        found: list[str] = []
        try:
            if left := len(self._shared.leftovers()):
                found.append(
                    f"{left} numbers were left half added or half removed by a writer that died; "
                    "the next `earmark add` or `earmark doctor --repair` clears them away"
                )
        except StoreError as error:
            found.append(error.message)
        for name in self.names:
            try:
                found += self._faults_of(name)
            except EarmarkError as error:
                found.append(error.message)
        return found

    def _apart(self, name: str) -> tuple[Numbers, Numbers]:
        """Compare an index with the truth; asked in this order, a living writer is no fault."""
        engine = self._ready(name, record=False)
        known = engine.known()
        # `tidy` sees to what was left, and others will publish what is staged, or have by then.
        others = np.array([*self._shared.leftovers(), *self._shared.staged()], np.int64)
        live = self._parts.tracks.numbers(name)
        gone = np.setdiff1d(np.setdiff1d(known, live, assume_unique=True), others)
        return gone, np.setdiff1d(live, engine.known(), assume_unique=True)

    def _faults_of(self, name: str) -> Iterator[str]:
        engine = self._ready(name, record=False)
        yield from engine.verify()
        gone, missing = self.drift(name)
        digest, stale = engine.analysis.digest, list[int]()
        for at in range(0, len(missing), CHUNK):
            found = self._parts.tracks.features(name, missing[at : at + CHUNK].tolist())
            stale += [number for number, stored in found if stored.digest != digest]
        missing = np.setdiff1d(missing, np.array(stale, np.int64))
        for what, numbers in (
            ("in the index of {} that no track has", gone),
            ("not in the index of {}", missing),
        ):
            if len(numbers):
                told = what.format(repr(name))
                yield f"{len(numbers)} recordings are {told}; run `earmark doctor --repair`"
        audios = int(self._parts.tracks.totals()["audios"])
        lacking = audios - len(self._parts.tracks.numbers(name)) + len(stale)
        if lacking > 0:
            yield (
                f"{lacking} recordings have no features of {name!r} that can be searched; run "
                "`earmark rebuild` where their files can be read"
            )

    def _ready(self, name: str, *, record: bool) -> Engine[Any]:
        """Return an engine as others have left it, or raise what forbids to use it."""
        with self._lock:
            engine = self._as_chosen(name)
            self._check_digest(name, engine, record=record)
            engine.reload()
            return engine

    def _catch_up(self, name: str, *, durable: bool = False) -> int:
        """Look for what others have changed; additions are there already."""
        revision = self._parts.tracks.revision()
        if self._revisions.get(name) != revision:
            self._ready(name, record=durable)
            self._revisions[name] = revision
        return 0
