"""The scaled-out vector store: Milvus, Standalone or Distributed, or Milvus Lite in a file."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from earmark.errors import DamagedIndexError
from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.embedded import checked, numbers_of, queries_of
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.milvus_client import Milvus, Patience
from earmark.stores.milvus_index import MilvusIndex
from earmark.stores.milvus_schema import IndexSizes, Names, prefix, window_ids
from earmark.stores.milvus_tracks import BATCH, Entry
from earmark.stores.milvus_view import MilvusView
from earmark.stores.milvus_windows import Found, found_in, neighbours


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
        names = Names(address.namespace, engine, index)
        new = Entry(engine, index, digest, dimension, birth="")
        self._index = MilvusIndex(self._milvus, names, new, sizes or IndexSizes())
        self._windows, self._tracks = self._index.windows, self._index.tracks
        self._dimension = dimension
        self._changing = threading.RLock()  # held while Milvus is asked what it holds, or changed
        self._view = MilvusView(dimension)

    def known(self) -> Numbers:
        """Return the sorted numbers that are held."""
        self._open()
        return self._view.known()

    def add(self, items: Iterable[Embedded]) -> None:
        """Make vectors searchable at once; numbers that are known are left as they are."""
        self._open()
        for item in items:
            new = checked(item, self._dimension)
            window_ids(new.number, len(new.vectors))
            self._view.add(new)

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers at once, also where another process adds them later."""
        self._open()
        self._view.remove(numbers)

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
            gone, items = self._view.changes()
            if self._view.seen.entry is None and items:
                self._view.hold(self._index.create())
            if self._view.seen.entry and self._view.seen.entry.busy:
                self._step(self._view.seen.entry.busy, [])  # what a writer that died has left
            while gone or items:
                # A number that was removed and is back goes before it comes.
                batch = items[:BATCH] if len(gone) <= BATCH else []
                self._step(gone[:BATCH], batch)
                gone, items = gone[BATCH:], items[len(batch) :]
            self._view.hold(self._index.fit(self._view.seen))

    def reload(self) -> None:
        """Look for what another process has written; costs one question where nothing was."""
        with self._changing:
            self._look()

    def drop(self) -> None:
        """Forget everything, in Milvus too; works on an index of other parameters."""
        with self._changing:
            self._index.drop()
            self._view.forget()

    def search(self, queries: Float32, k: int, among: Numbers | None = None) -> Neighbours:
        """Return the ``k`` windows nearest to each query."""
        rows = queries_of(queries, k, self._dimension)
        self._open()
        visible, kind, near = self._view.search(rows, k, among)
        some: Numbers | None = None
        if among is not None:
            asked = visible.only(numbers_of(among))
            some = asked.numbers if len(asked.numbers) < len(visible.numbers) else None
            visible = asked
        found = self._milvus.patiently(lambda: self._windows.search(rows, k, visible, kind, some))
        if near is not None:
            pairs = zip(found, found_in(near), strict=True)
            found = [Found.of(pair).first(k) for pair in pairs]
        return neighbours(found, k)

    def embedded(self, number: int) -> Embedded:
        """Return what is held of a number; raises `KeyError`."""
        self._open()
        one = self._view.embedded(number)
        if isinstance(one, Embedded):
            return one
        (payload,) = self.payloads([number])
        (item,) = self._milvus.patiently(lambda: list(self._windows.read(one)))
        return Embedded(item.number, item.vectors, item.start_s, item.length_s, payload)

    def payloads(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the bytes given with each number; raises `KeyError`."""
        self._open()
        wanted = [int(number) for number in numbers]
        found, rest = self._view.payloads(wanted)
        kept = self._tracks.payloads(rest)
        if len(kept) < len(rest):
            message = f"rows of {self._index.where} are missing; run `earmark rebuild`"
            raise DamagedIndexError(message)
        found.update((number, payload) for number, (payload, _) in kept.items())
        return [found[number] for number in wanted]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` of what Milvus holds, before its own packing, and the usual counts."""
        self._open()
        visible, pending = self._view.counts()
        return {
            "bytes": visible.total * (4 * self._dimension + 40),
            "segments": int(self._view.seen.entry is not None),
            "vectors": visible.total + pending["vectors"],
            "pending": pending["pending"],
        }

    def verify(self) -> list[str]:
        """Read all that Milvus holds; return one sentence per fault (`earmark doctor`)."""
        self._open()
        return self._index.faults(self._view.seen)

    def _open(self) -> None:
        if not self._view.opened:
            with self._changing:
                if not self._view.opened:
                    self._look()

    # --- the caller holds the lock ``_changing`` ---------------------------------------------

    def _look(self) -> None:
        self._view.hold(self._index.look(self._view.seen if self._view.opened else None))

    def _step(self, gone: Sequence[int], items: Sequence[Embedded]) -> None:
        self._view.hold(self._index.step(self._view.seen, gone, items), items)


def discard(address: MilvusAddress, engine: str) -> None:
    """Delete every collection of one engine of one library, whatever state it is in."""
    milvus = Milvus(address)
    for name in sorted(milvus.names(), reverse=True):  # a journal before its windows
        if name.startswith(prefix(address.namespace, engine)):
            milvus.drop(name)
