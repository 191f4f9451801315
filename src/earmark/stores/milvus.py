"""The scaled-out vector store: Milvus, Standalone or Distributed, or Milvus Lite in a file."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from earmark.errors import DamagedIndexError, LibraryParametersError
from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.embedded import checked, numbers_of, queries_of
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.milvus_client import Milvus, NotLoadedError, Patience
from earmark.stores.milvus_schema import (
    BUILT,
    VECTOR,
    Held,
    IndexSizes,
    Names,
    prefix,
    tracks_fields,
    window_ids,
    windows_fields,
)
from earmark.stores.milvus_tracks import BATCH, Entry, TrackRows, checksum
from earmark.stores.milvus_windows import Found, WindowRows, found_in, neighbours

T = TypeVar("T")
_FLAT = "FLAT"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0


class MilvusVectorStore:
    """A `VectorStore` in two collections of a Milvus; nothing is asked before the first use.

    Additions stay in memory until `flush`, so that readers which catch up with the truth write
    nothing. `flush` and `drop` want the library's writer's lock.

    Parameters
    ----------
    address
        Where, and in which namespace.
    engine, index
        What else names the collections.
    dimension
        Components of a vector.
    digest
        What the vectors were made with; an index of another digest is refused, not searched.
    """

    def __init__(
        self,
        address: MilvusAddress,
        engine: str,
        index: str,
        dimension: int,
        digest: str = "",
        *,
        patience: Patience | None = None,
        sizes: IndexSizes | None = None,
    ) -> None:
        self._milvus = Milvus(address, patience or Patience())
        self._sizes = sizes or IndexSizes()
        self._names = Names(address.namespace, engine, index)
        self._new = Entry(engine, index, digest, dimension, birth="")
        self._windows = WindowRows(self._milvus, self._names.windows, dimension)
        self._tracks = TrackRows(self._milvus, self._names.tracks)
        self._dimension = dimension
        self._changing = threading.RLock()  # held while Milvus is asked what it holds, or changed
        self._guard = threading.RLock()  # held while the state below is read or changed
        self._entry: Entry | None
        self._opened: bool
        self._kind: str
        self._held: Held
        self._visible: Held
        self._hidden: set[int]
        self._pending: _Pending
        self._forget()

    def known(self) -> Numbers:
        """Return the sorted numbers that are held."""
        self._open()
        with self._guard:
            return np.union1d(self._visible.numbers, self._pending.known())

    def add(self, items: Iterable[Embedded]) -> None:
        """Make vectors searchable at once; numbers that are known are left as they are."""
        self._open()
        for item in items:
            new = checked(item, self._dimension)
            window_ids(new.number, len(new.vectors))
            with self._guard:
                if not self._visible.has(np.array([new.number]))[0]:
                    self._pending.add([new])

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, also where another process adds them later."""
        self._open()
        with self._guard:
            self._hidden.update(int(number) for number in numbers)
            self._pending.remove(numbers)
            self._visible = self._visible.without(self._hidden)

    def flush(self) -> None:
        """Write pending additions and delete what is hidden, in steps that are whole or nothing.

        Raises
        ------
        StoreUnavailableError
            Additions stay in memory; what this step began, the next flush ends.
        """
        with self._changing:
            self._open()
            self.reload()
            with self._guard:
                items = [self._pending.embedded(n) for n in self._pending.known().tolist()]
                gone = [n for n in self._held.numbers.tolist() if n in self._hidden]
            if self._entry is None and items:
                self._create()
            if self._entry and self._entry.busy:
                self._step(self._entry.busy, [])  # what a writer that died has left
            while gone or items:
                # A number that was removed and is back goes before it comes.
                batch = items[:BATCH] if len(gone) <= BATCH else []
                self._step(gone[:BATCH], batch)
                gone, items = gone[BATCH:], items[len(batch) :]
            self._fit()

    def reload(self) -> None:
        """Look for what another process has written; costs one question where nothing was."""
        with self._changing:
            self._look()

    def drop(self) -> None:
        """Forget everything, in Milvus too; works on an index of other parameters."""
        with self._changing:
            for name in (self._names.tracks, self._names.windows):
                if self._milvus.has(name):
                    self._milvus.drop(name)
            with self._guard:
                self._forget()

    def search(self, queries: Float32, k: int, among: Numbers | None = None) -> Neighbours:
        """Return the ``k`` windows nearest to each query."""
        rows = queries_of(queries, k, self._dimension)
        self._open()
        with self._guard:
            visible, kind = self._visible, self._kind
            near = self._pending.search(rows, k, among) if len(self._pending) else None
        if among is not None:
            asked = visible.only(numbers_of(among))
            some, visible = len(asked.numbers) < len(visible.numbers), asked
        else:
            some = False
        found = self._patiently(lambda: self._windows.search(rows, k, visible, kind, among=some))
        if near is not None:
            pairs = zip(found, found_in(near), strict=True)
            found = [Found.of(pair).first(k) for pair in pairs]
        return neighbours(found, k)

    def embedded(self, number: int) -> Embedded:
        """Return what is held of a number; raises `KeyError`."""
        self._open()
        with self._guard:
            if number in self._pending:
                return self._pending.embedded(number)
            one = self._visible.only(np.array([int(number)]))
        (payload,) = self.payloads([number])
        (item,) = self._patiently(lambda: list(self._windows.read(one)))
        return Embedded(item.number, item.vectors, item.start_s, item.length_s, payload)

    def payloads(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the bytes given with each number; raises `KeyError`."""
        self._open()
        wanted = [int(number) for number in numbers]
        found: dict[int, bytes] = {}
        with self._guard:
            for number in wanted:
                if number in self._pending:
                    found[number] = self._pending.payloads([number])[0]
            rest = sorted(set(wanted) - found.keys())
            missing = [n for n in rest if not self._visible.has(np.array([n]))[0]]
        if missing:
            raise KeyError(missing[0])
        kept = self._tracks.payloads(rest)
        if len(kept) < len(rest):
            message = f"rows of {self._where} are missing; run `earmark rebuild`"
            raise DamagedIndexError(message)
        found.update((number, payload) for number, (payload, _) in kept.items())
        return [found[number] for number in wanted]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` of what Milvus holds, before its own packing, and the usual counts."""
        self._open()
        with self._guard:
            pending, visible = self._pending.stats(), self._visible
        return {
            "bytes": visible.total * (4 * self._dimension + 40),
            "segments": int(self._entry is not None),
            "vectors": visible.total + pending["vectors"],
            "pending": pending["pending"],
        }

    def verify(self) -> list[str]:
        """Read all that Milvus holds; return one sentence per fault (`earmark doctor`)."""
        self._open()
        with self._guard:
            held, busy = self._held, bool(self._entry and self._entry.busy)
        wrong = 0
        for at in range(0, len(held.numbers), BATCH):
            some = Held(held.numbers[at : at + BATCH], held.windows[at : at + BATCH])
            kept = self._tracks.payloads(some.numbers.tolist())
            for item in self._windows.read(some):
                payload, told = kept.get(item.number, (b"", -1))
                whole = Embedded(item.number, item.vectors, item.start_s, item.length_s, payload)
                wrong += checksum(whole) != told
        faults = []
        if wrong:
            faults.append(f"{wrong} tracks of {self._where} are damaged; run `earmark rebuild`")
        if self._entry and not busy:
            extra = self._milvus.count(self._names.windows, strong=True) - held.total
            if extra and not wrong:
                faults.append(f"{self._where} holds {extra} rows too many; run `earmark rebuild`")
        return faults

    # --- the state ---------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"{self._names.windows} in {self._milvus.address}"

    def _forget(self) -> None:
        self._entry = None
        self._opened = False
        self._kind = _FLAT
        self._held = self._visible = Held.none()
        self._hidden = set()
        self._pending = _Pending(self._dimension)

    def _open(self) -> None:
        if not self._opened:
            with self._changing:
                if not self._opened:
                    self._look()

    def _hold(self, held: Held, entry: Entry | None) -> None:
        """Let ``held`` be what Milvus holds; the caller has the guard."""
        self._held, self._entry = held, entry
        self._visible = held.without(self._hidden)
        pending = self._pending.known()
        self._pending.remove(pending[self._visible.has(pending)].tolist())

    def _look(self) -> None:
        """Read the journal, and what it says has changed."""
        old, entry = self._entry, self._journal()
        if self._opened and entry == old:
            return
        if entry is None:
            held = Held.none()
        else:
            self._check(entry)
            self._patiently(lambda: self._milvus.load([self._names.windows]))
            kind = _FLAT if self._milvus.address.lite else self._index()
            held = self._changed(old, entry) or self._tracks.held(entry)
            self._await()
        with self._guard:
            if entry is not None:
                self._kind = kind
            self._hold(held, entry)
            self._opened = True

    def _changed(self, old: Entry | None, entry: Entry) -> Held | None:
        """Return what is held, by reading only what is new; None where that does not do."""
        if old is None or old.birth != entry.birth or old.step > entry.step:
            return None
        new = self._tracks.held(entry, since=old.step - 1)
        held = self._held.without(entry.busy).plus(new)
        return held if len(held.numbers) == self._tracks.count(entry) else None

    def _journal(self) -> Entry | None:
        """Return the entry in force; None where there is no index, or its making was cut off."""
        if not self._milvus.has(self._names.tracks) or not self._milvus.has(self._names.windows):
            return None
        if not self._milvus.index(self._names.tracks, VECTOR):
            return None
        self._milvus.load([self._names.tracks])
        return self._patiently(self._tracks.latest)

    def _check(self, entry: Entry) -> None:
        made = (entry.digest, entry.dimension, entry.format)
        wanted = (self._new.digest, self._new.dimension, self._new.format)
        if made != wanted:
            message = (
                f"{self._where} was built with parameters {made[0]} and dimension {made[1]}, "
                f"asked for {wanted[0]} and {wanted[1]}; run `earmark rebuild`"
            )
            raise LibraryParametersError(message)

    def _index(self) -> str:
        return self._patiently(lambda: self._milvus.index(self._names.windows, VECTOR)) or _FLAT

    # --- changes: the caller holds the lock ``_changing`` ------------------------------------

    def _create(self) -> None:
        """Make both collections, empty; the journal's first entry says that they are whole."""
        names = (self._names.tracks, self._names.windows)
        for name in names:
            if self._milvus.has(name):
                self._milvus.drop(name)  # what a maker that died has left
        new = self._new
        told = f"earmark: {new.engine} {new.index}, {new.dimension} dimensions, {new.digest}"
        self._milvus.create(self._names.windows, windows_fields(self._dimension), told)
        self._milvus.create(self._names.tracks, tracks_fields(), told)
        for name in names:
            self._milvus.reindex(name, VECTOR, _FLAT, BUILT[_FLAT], wait=False)
        self._milvus.load(names)
        entry = Entry(new.engine, new.index, new.digest, new.dimension, uuid.uuid4().hex)
        self._tracks.enter(entry)
        with self._guard:
            self._kind = _FLAT
            self._hold(Held.none(), entry)

    def _step(self, gone: Sequence[int], items: Sequence[Embedded]) -> None:
        """Delete numbers and write others, so that at no moment half of one is known."""
        assert self._entry is not None  # noqa: S101 - only called where there is an index
        numbers = [item.number for item in items]
        begun = self._entry.begun([*gone, *numbers])
        self._tracks.enter(begun)
        self._windows.remove(gone, self._held)
        self._tracks.remove(gone)
        self._windows.put(items)
        self._tracks.put(items, begun.step)
        done = begun.done()
        self._tracks.enter(done)
        self._milvus.pack(self._names.windows)
        self._await()
        added = Held.of([(item.number, len(item.vectors)) for item in items])
        with self._guard:
            self._hidden.difference_update(numbers)
            self._hold(self._held.without(gone).plus(added), done)

    def _await(self) -> None:
        """Wait until every acknowledged write is found, so that nobody has to wait any more."""
        for name in (self._names.tracks, self._names.windows):
            self._patiently(partial(self._milvus.query, name, "id == 0", ["id"], 1, strong=True))

    def _fit(self) -> None:
        """Give the windows the index that their number wants; Milvus Lite reads all of them."""
        if self._entry is None or self._milvus.address.lite:
            return
        wanted = self._sizes.wanted(self._held.total, self._kind)
        if wanted != self._kind:
            self._milvus.reindex(self._names.windows, VECTOR, wanted, BUILT[wanted], wait=True)
            self._milvus.load([self._names.windows])
            with self._guard:
                self._kind = wanted

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asking again while the index is being made or loaded."""
        until_s = time.monotonic() + self._milvus.patience.ask_s
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return ask()
            except NotLoadedError:
                if time.monotonic() + wait_s > until_s:
                    raise
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


class _Pending(MemoryVectorStore):
    """Additions that are not in Milvus yet."""

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, number: int) -> bool:
        return int(number) in self._items


def discard(address: MilvusAddress, engine: str) -> None:
    """Delete every collection of one engine of one library, whatever state it is in."""
    milvus = Milvus(address)
    for name in sorted(milvus.names(), reverse=True):  # a journal before its windows
        if name.startswith(prefix(address.namespace, engine)):
            milvus.drop(name)
