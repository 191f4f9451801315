"""Vectors that any number of processes write at once: windows in Milvus, the rest in Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from earmark.ports import Embedded, Float32, Neighbours, Numbers
from earmark.stores.embedded import numbers_of, queries_of
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.milvus_client import Milvus, Patience
from earmark.stores.milvus_schema import Held, IndexSizes, Names
from earmark.stores.milvus_windows import Found, neighbours
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_roster import NUMBER_LIMIT, Roster
from earmark.stores.shared_vector_faults import SharedFaults
from earmark.stores.shared_vector_look import SharedLook
from earmark.stores.shared_vector_records import Records
from earmark.stores.shared_vector_windows import SharedWindows
from earmark.stores.shared_vector_writes import NUMBERS, SharedWrites, batches


class SharedVectorStore:
    """A `VectorStore` without a writer's lock; nothing is asked before the first use.

    What `add` was given is durable, and found by every process, when it returns; `flush` only
    fits the index to its size. What `remove` was given is found by nobody when it returns. A
    number that was removed may come back through the same store, or through another one once
    `remove` has returned.

    Milvus Lite serves one process only: with it, so does this store.

    Parameters
    ----------
    address
        Where the windows are, and in which namespace.
    client
        Where the rest is: payloads, and which numbers are held.
    engine, index
        What else names them.
    dimension
        Components of a vector.
    digest
        What the vectors were made with; an index of another digest is refused, not searched.
    """

    def __init__(
        self,
        address: MilvusAddress,
        client: RedisClient,
        engine: str,
        index: str,
        dimension: int,
        digest: str = "",
        *,
        patience: Patience | None = None,
        sizes: IndexSizes | None = None,
    ) -> None:
        self._milvus = milvus = Milvus(address, patience or Patience())
        self._client, self._dimension = client, dimension
        self._roster = Roster(client, engine, index, digest)
        self._records = Records(client, engine, index)
        names = Names(address.namespace, engine, index)
        self._windows = SharedWindows(milvus, client, names, dimension, sizes or IndexSizes())
        parts = (self._roster, self._records, self._windows)
        self._look = SharedLook(client, *parts)
        self._writes = SharedWrites(*parts, self._look)
        self._faults = SharedFaults(milvus, self._windows, self._records)
        self._changing = threading.RLock()  # a removal and an addition come one after the other

    # --- what is held ------------------------------------------------------------------------

    def known(self) -> Numbers:
        """Return the sorted numbers that are held."""
        return self._look.view().known()

    def embedded(self, number: int) -> Embedded:
        """Return what is held of a number; raises `KeyError`."""
        return self._milvus.patiently(lambda: self._embedded(int(number)))

    def payloads(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the bytes given with each number, in one round trip; raises `KeyError`."""
        _, records = self._look.records([int(number) for number in numbers])
        return [record.payload for record in records]

    def stats(self) -> Mapping[str, int]:
        """Return ``bytes`` of the windows, before Milvus packs them, and the usual counts."""
        view = self._look.view()
        return {
            "bytes": view.total * (4 * self._dimension + 40),
            "segments": int(view.total > 0),
            "vectors": view.total,
            "pending": 0,
        }

    def reload(self) -> None:
        """Look for what another process has written, as every search does."""
        self._look.view()

    def search(self, queries: Float32, k: int, among: Numbers | None = None) -> Neighbours:
        """Return the ``k`` windows nearest to each query, of all that was held when asked."""
        rows = queries_of(queries, k, self._dimension)
        wanted = None if among is None else np.unique(numbers_of(among))
        return neighbours(self._milvus.patiently(lambda: self._search(rows, k, wanted)), k)

    # --- changes -----------------------------------------------------------------------------

    def add(self, items: Iterable[Embedded]) -> None:
        """Write numbers, and enrol them once every search finds all of them.

        Raises
        ------
        StoreUnavailableError
            What was not enrolled yet is found by nobody; add it again.
        """
        with self._changing:
            for batch in batches(items, self._dimension):
                self._writes.add(batch)

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers and delete what is kept of them, also of those not known (`orphans`).

        Raises
        ------
        StoreUnavailableError
            They may be hidden already; remove them again to delete the rest.
        """
        wanted = sorted({int(number) for number in numbers if 0 <= number < NUMBER_LIMIT})
        with self._changing:
            for at in range(0, len(wanted), NUMBERS):
                self._writes.remove(wanted[at : at + NUMBERS])

    def flush(self) -> None:
        """Give the windows the index that their number wants; nothing is pending."""
        with self._changing:
            self._writes.fit()

    def drop(self) -> None:
        """Forget everything, in Milvus too; works on an index of other parameters."""
        with self._changing:
            meta, new = self._roster.meta, self._roster.drop() + 1
            swept = self._client.call("HGET", meta, "swept")  # up to which epoch all is deleted
            for epoch in range(int(swept or 0), new):
                self._records.drop(epoch)
            self._windows.sweep(new)
            self._client.call("HSET", meta, "swept", new)

    # --- soundness ---------------------------------------------------------------------------

    def verify(self) -> list[str]:
        """Read all that is held; return one sentence per fault found (`earmark doctor`)."""
        return self._milvus.patiently(lambda: self._faults.sentences(self._look.view))

    def damaged(self) -> list[int]:
        """Return the numbers of which something is missing or wrong: remove and add them."""
        return self._milvus.patiently(lambda: self._faults.damaged(self._look.view))

    def orphans(self) -> list[int]:
        """Return the numbers that a writer which died has left: remove them.

        What a writer is at just now looks the same: ask while there is none.
        """
        return self._milvus.patiently(lambda: self._faults.orphans(self._look.view))

    # --- how -----------------------------------------------------------------------------------

    def _search(self, rows: Float32, k: int, wanted: Numbers | None) -> list[Found]:
        view, kind = self._look.kind()
        chosen = None if wanted is None else wanted[view.has(wanted)]
        if not view.total or (chosen is not None and not len(chosen)):
            return [Found.nothing()] * len(rows)
        if kind is None:
            raise self._windows.reopened(view.epoch)
        self._windows.open(view.epoch, make=False)
        if chosen is not None and len(chosen) == view.items:
            chosen = None
        with self._windows.asked(view.epoch):
            return self._windows.rows(view.epoch).search(rows, k, view, kind, chosen)

    def _embedded(self, number: int) -> Embedded:
        epoch, (record,) = self._look.records([number])
        none = np.zeros(0, np.float32)
        if not record.windows:
            vectors = np.zeros((0, self._dimension), np.float32)
            return Embedded(number, vectors, none, none, record.payload)
        self._windows.open(epoch, make=False)
        with self._windows.asked(epoch):
            held = Held.of([(number, record.windows)])
            (item,) = self._windows.rows(epoch).read(held)
        if len(item.vectors) != record.windows:
            raise self._look.lost([number])
        return Embedded(number, item.vectors, item.start_s, item.length_s, record.payload)
