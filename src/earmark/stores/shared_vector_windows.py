"""The windows of a shared index in Milvus: one collection an epoch, opened, fitted and swept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from earmark.errors import DamagedIndexError, LibraryParametersError, StoreUnavailableError
from earmark.stores.milvus_client import Milvus, NotLoadedError
from earmark.stores.milvus_schema import BUILT, VECTOR, IndexSizes, Names, windows_fields
from earmark.stores.milvus_windows import WindowRows
from earmark.stores.redis_client import RedisClient
from earmark.stores.shared_vector_turn import Turn

T = TypeVar("T")
FLAT = "FLAT"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 1.0


class SharedWindows:
    """The collections of one index; any number of processes at once.

    Redis keeps the kind of index that a collection has, and only while it answers completely:
    whoever makes, loads or changes one does so in its `Turn` and writes the kind down last. Where
    it is missing, because its maker died, the next one that needs the collection mends it.
    """

    def __init__(
        self, milvus: Milvus, client: RedisClient, names: Names, dimension: int, sizes: IndexSizes
    ) -> None:
        self._milvus, self._client = milvus, client
        self._base, self._dimension, self._sizes = names.windows, dimension, sizes
        self._keys = ("index", names.engine, names.index)
        self._turn = Turn(client, client.key(*self._keys, "turn"))
        self._opened: int | None = None

    def rows(self, epoch: int) -> WindowRows:
        """Return the rows of an epoch."""
        return WindowRows(self._milvus, self.name(epoch), self._dimension)

    def name(self, epoch: int) -> str:
        """Return what Milvus calls the collection of an epoch."""
        return f"{self._base}_e{epoch}"

    def where(self, epoch: int) -> str:
        """Return what messages call it."""
        return f"{self.name(epoch)} in {self._milvus.address}"

    def kind_key(self, epoch: int) -> str:
        """Return the key in Redis of the kind of index."""
        return self._client.key(*self._keys, epoch, "kind")

    # --- opened ------------------------------------------------------------------------------

    def open(self, epoch: int, *, make: bool) -> None:
        """See to it that the collection answers; costs a question to Redis at most once it does.

        Raises
        ------
        NotLoadedError
            Another process is at it; ask again.
        DamagedIndexError
            There is none, and it is not to be made.
        LibraryParametersError
            Its vectors have another dimension.
        """
        if self._opened == epoch:
            return
        if not self._answers(epoch):
            with self._turn.mine() as mine:
                if not mine:
                    raise self._busy(epoch)
                self._mend(epoch, make=make)
        dimension = self._milvus.dimension(self.name(epoch), VECTOR)
        if dimension != self._dimension:
            message = (
                f"{self.where(epoch)} was built with dimension {dimension}, asked for "
                f"{self._dimension}; run `earmark rebuild`"
            )
            raise LibraryParametersError(message)
        self._opened = epoch

    def patiently(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asking again while another process is at the collection."""
        patience = self._milvus.patience
        began_s = busy_s = time.monotonic()
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return ask()
            except NotLoadedError:
                now_s = time.monotonic()
                busy_s = now_s if self._turn.taken() else busy_s
                if now_s > min(busy_s + patience.ask_s, began_s + patience.build_s):
                    raise
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    @contextmanager
    def asked(self, epoch: int) -> Iterator[None]:
        """Where the questions inside are not answered, the next `open` looks why."""
        try:
            yield
        except StoreUnavailableError as error:
            # A server that lets go of a collection says so in many ways; Redis tells it apart.
            working = not isinstance(error, NotLoadedError)
            if working and self._client.call("GET", self.kind_key(epoch)) is not None:
                raise
            self._opened = None
            raise self._busy(epoch) from error

    def reopened(self, epoch: int) -> NotLoadedError:
        """Mend what did not answer, unless another process is at it; return what to raise then."""
        self._opened = None
        self.open(epoch, make=False)
        return self._busy(epoch)

    def exists(self, epoch: int) -> bool:
        """Return whether there is a collection of that epoch."""
        return self._milvus.has(self.name(epoch))

    def count(self, epoch: int, number: int) -> int:
        """Return how many windows of a number there are."""
        which = f"number == {number}"
        ask = partial(self._milvus.count, self.name(epoch), which, strong=True)
        return self._milvus.patiently(ask)

    def settle(self, epoch: int) -> None:
        """Wait until every acknowledged write is found by whoever asks without waiting.

        A question that waits for all earlier writes holds until the node that searches has read
        them; from then on they are in its answers to all.
        """
        self._milvus.query(self.name(epoch), "id == 0", ["id"], 1, strong=True)

    def _answers(self, epoch: int) -> bool:
        name = self.name(epoch)
        return (
            self._client.call("GET", self.kind_key(epoch)) is not None
            and self._milvus.has(name)
            and self._milvus.index(name, VECTOR) != ""
            and self._milvus.loaded(name)
        )

    # --- changed, in the caller's turn ---------------------------------------------------------

    def _mend(self, epoch: int, *, make: bool) -> None:
        """Make what is missing: the collection, its index, its being loaded."""
        name = self.name(epoch)
        if not self._milvus.has(name):
            if not make:
                message = f"{self.where(epoch)} is gone; run `earmark doctor --repair`"
                raise DamagedIndexError(message)
            told = f"earmark: windows of {' '.join(self._keys[1:])}, epoch {epoch}"
            self._milvus.create(name, windows_fields(self._dimension), told)
            self.sweep(epoch)
        kind = self._milvus.index(name, VECTOR)
        if not kind:
            kind = FLAT
            self._milvus.reindex(name, VECTOR, kind, BUILT[kind], wait=False)
        self._load(epoch, kind)

    def _load(self, epoch: int, kind: str) -> None:
        self._milvus.load([self.name(epoch)])
        # A collection that was loaded a moment ago may answer with what it held seconds before.
        self._milvus.patiently(partial(self.settle, epoch))
        self._client.call("SET", self.kind_key(epoch), FLAT if self._milvus.address.lite else kind)

    def fit(self, epoch: int, total: int, kind: str) -> None:
        """Give the windows the index that their number wants, unless another is at it.

        Until it is made nothing is found: searches and additions wait. Milvus Lite reads all rows
        whatever the index.
        """
        self._milvus.pack(self.name(epoch))
        if self._milvus.address.lite or self._sizes.wanted(total, kind) == kind:
            return
        with self._turn.mine() as mine:
            key = self.kind_key(epoch)
            if not mine or self._client.call("GET", key) != kind.encode():
                return
            wanted = self._sizes.wanted(total, kind)
            self._client.call("DEL", key)
            name = self.name(epoch)
            self._milvus.reindex(name, VECTOR, wanted, BUILT[wanted], wait=True)
            self._load(epoch, wanted)

    def sweep(self, epoch: int) -> None:
        """Delete the collections of earlier epochs."""
        for name in self._milvus.names():
            found = re.fullmatch(rf"{re.escape(self._base)}_e(\d+)", name)
            if found and int(found[1]) < epoch:
                self._milvus.drop(name)
                self._client.call("UNLINK", self.kind_key(int(found[1])))

    def _busy(self, epoch: int) -> NotLoadedError:
        message = f"{self.where(epoch)} is being made or loaded; try again in a moment"
        return NotLoadedError(message)
