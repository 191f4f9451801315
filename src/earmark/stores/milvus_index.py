"""One index in Milvus as a whole: what it holds, and the steps that change it under a journal."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from earmark.errors import LibraryParametersError
from earmark.ports import Embedded
from earmark.stores.milvus_client import Milvus
from earmark.stores.milvus_schema import (
    BUILT,
    VECTOR,
    Held,
    IndexSizes,
    Names,
    tracks_fields,
    windows_fields,
)
from earmark.stores.milvus_tracks import BATCH, Entry, TrackRows, checksum
from earmark.stores.milvus_windows import WindowRows

_FLAT = "FLAT"


@dataclass(frozen=True, slots=True)
class Seen:
    """What Milvus held when it was last asked.

    ``entry`` is the one in force, None where there is no index; ``kind`` is the windows' index.
    """

    entry: Entry | None = None
    held: Held = field(default_factory=Held.none)
    kind: str = _FLAT


@dataclass(frozen=True, slots=True)
class MilvusIndex:
    """The two collections of an index; remembers nothing, and leaves locks to the caller.

    ``new`` is the entry, without birth, that an index made now would begin with.
    """

    milvus: Milvus
    names: Names
    new: Entry
    sizes: IndexSizes

    @property
    def windows(self) -> WindowRows:
        """The rows of windows."""
        return WindowRows(self.milvus, self.names.windows, self.new.dimension)

    @property
    def tracks(self) -> TrackRows:
        """The rows of numbers, and the journal."""
        return TrackRows(self.milvus, self.names.tracks)

    @property
    def where(self) -> str:
        """What messages call the index."""
        return f"{self.names.windows} in {self.milvus.address}"

    # --- what is there -----------------------------------------------------------------------

    def look(self, last: Seen | None) -> Seen:
        """Read the journal, and what it says has changed; ``last`` itself where nothing has.

        Raises
        ------
        LibraryParametersError
            The index was made with other parameters.
        """
        old, entry = last or Seen(), self._journal()
        if last is not None and entry == last.entry:
            return last
        if entry is None:
            return replace(old, entry=None, held=Held.none())
        self._check(entry)
        self.milvus.patiently(lambda: self.milvus.load([self.names.windows]))
        kind = _FLAT if self.milvus.address.lite else self.kind()
        held = self._changed(old, entry) or self.tracks.held(entry)
        self._await()
        return Seen(entry, held, kind)

    def kind(self) -> str:
        """Return the kind of index that the windows have."""
        ask = partial(self.milvus.index, self.names.windows, VECTOR)
        return self.milvus.patiently(ask) or _FLAT

    def faults(self, seen: Seen) -> list[str]:
        """Read all that Milvus holds; return one sentence per fault."""
        held, busy = seen.held, bool(seen.entry and seen.entry.busy)
        wrong = 0
        for at in range(0, len(held.numbers), BATCH):
            some = Held(held.numbers[at : at + BATCH], held.windows[at : at + BATCH])
            kept = self.tracks.payloads(some.numbers.tolist())
            for item in self.windows.read(some):
                payload, told = kept.get(item.number, (b"", -1))
                whole = Embedded(item.number, item.vectors, item.start_s, item.length_s, payload)
                wrong += checksum(whole) != told
        faults = []
        if wrong:
            faults.append(f"{wrong} tracks of {self.where} are damaged; run `earmark rebuild`")
        if seen.entry and not busy:
            extra = self.milvus.count(self.names.windows, strong=True) - held.total
            if extra and not wrong:
                faults.append(f"{self.where} holds {extra} rows too many; run `earmark rebuild`")
        return faults

    def _changed(self, old: Seen, entry: Entry) -> Held | None:
        """Return what is held, by reading only what is new; None where that does not do."""
        if old.entry is None or old.entry.birth != entry.birth or old.entry.step > entry.step:
            return None
        new = self.tracks.held(entry, since=old.entry.step - 1)
        held = old.held.without(entry.busy).plus(new)
        return held if len(held.numbers) == self.tracks.count(entry) else None

    def _journal(self) -> Entry | None:
        """Return the entry in force; None where there is no index, or its making was cut off."""
        if not self.milvus.has(self.names.tracks) or not self.milvus.has(self.names.windows):
            return None
        if not self.milvus.index(self.names.tracks, VECTOR):
            return None
        self.milvus.load([self.names.tracks])
        return self.milvus.patiently(self.tracks.latest)

    def _check(self, entry: Entry) -> None:
        made = (entry.digest, entry.dimension, entry.format)
        wanted = (self.new.digest, self.new.dimension, self.new.format)
        if made != wanted:
            message = (
                f"{self.where} was built with parameters {made[0]} and dimension {made[1]}, "
                f"asked for {wanted[0]} and {wanted[1]}; run `earmark rebuild`"
            )
            raise LibraryParametersError(message)

    # --- changes -----------------------------------------------------------------------------

    def drop(self) -> None:
        """Delete both collections, whatever state they are in."""
        for name in (self.names.tracks, self.names.windows):
            if self.milvus.has(name):
                self.milvus.drop(name)

    def create(self) -> Seen:
        """Make both collections, empty; the journal's first entry says that they are whole."""
        self.drop()  # what a maker that died has left
        names = (self.names.tracks, self.names.windows)
        new = self.new
        told = f"earmark: {new.engine} {new.index}, {new.dimension} dimensions, {new.digest}"
        self.milvus.create(self.names.windows, windows_fields(new.dimension), told)
        self.milvus.create(self.names.tracks, tracks_fields(), told)
        for name in names:
            self.milvus.reindex(name, VECTOR, _FLAT, BUILT[_FLAT], wait=False)
        self.milvus.load(names)
        entry = replace(new, birth=uuid.uuid4().hex)
        self.tracks.enter(entry)
        return Seen(entry)

    def step(self, seen: Seen, gone: Sequence[int], items: Sequence[Embedded]) -> Seen:
        """Delete numbers and write others, so that at no moment half of one is known."""
        assert seen.entry is not None  # noqa: S101 - only called where there is an index
        begun = seen.entry.begun([*gone, *(item.number for item in items)])
        self.tracks.enter(begun)
        self.windows.remove(gone, seen.held)
        self.tracks.remove(gone)
        self.windows.put(items)
        self.tracks.put(items, begun.step)
        done = begun.done()
        self.tracks.enter(done)
        self.milvus.pack(self.names.windows)
        self._await()
        added = Held.of([(item.number, len(item.vectors)) for item in items])
        return replace(seen, entry=done, held=seen.held.without(gone).plus(added))

    def fit(self, seen: Seen) -> Seen:
        """Give the windows the index that their number wants; Milvus Lite reads all of them."""
        if seen.entry is None or self.milvus.address.lite:
            return seen
        wanted = self.sizes.wanted(seen.held.total, seen.kind)
        if wanted == seen.kind:
            return seen
        self.milvus.reindex(self.names.windows, VECTOR, wanted, BUILT[wanted], wait=True)
        self.milvus.load([self.names.windows])
        return replace(seen, kind=wanted)

    def _await(self) -> None:
        """Wait until every acknowledged write is found, so that nobody has to wait any more."""
        for name in (self.names.tracks, self.names.windows):
            ask = partial(self.milvus.query, name, "id == 0", ["id"], 1, strong=True)
            self.milvus.patiently(ask)
