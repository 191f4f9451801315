"""The requests that the stores make of a Milvus, each with a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.milvus_connection import connected, forget
from earmark.stores.milvus_errors import NotLoadedError, explained, patiently

__all__ = ["Hits", "Milvus", "NotLoadedError", "Patience", "forget"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each kind of request may take.

    pymilvus asks again, ever less often, while the server cannot be reached and the time is not
    over. Every request of earmark may be repeated: rows are upserted under fixed keys.
    """

    connect_s: float = 10.0
    ask_s: float = 30.0
    write_s: float = 60.0
    build_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found for one query: parallel arrays, ``fields`` those that were asked for."""

    ids: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]
    fields: Mapping[str, npt.NDArray[np.int64]]

    @classmethod
    def of(cls, hits: Sequence[Any], fields: Sequence[str]) -> Hits:
        """Return pymilvus' hits as arrays."""
        count = len(hits)
        return cls(
            np.fromiter((hit["id"] for hit in hits), np.int64, count),
            np.fromiter((hit["distance"] for hit in hits), np.float32, count),
            {
                name: np.fromiter((hit["entity"][name] for hit in hits), np.int64, count)
                for name in fields
            },
        )


@dataclass(frozen=True, slots=True)
class Milvus:
    """One Milvus, connected when first asked; all stores of a process share the connection."""

    address: MilvusAddress
    patience: Patience = Patience()

    def has(self, name: str) -> bool:
        """Return whether there is a collection of that name."""
        with self._answering() as client:
            return bool(client.has_collection(name, timeout=self.patience.ask_s))

    def names(self) -> list[str]:
        """Return the names of all collections."""
        with self._answering() as client:
            return list(client.list_collections(timeout=self.patience.ask_s))

    def create(self, name: str, fields: Mapping[str, Mapping[str, Any]], told: str) -> None:
        """Create a collection, without index; the first field is its key."""
        from pymilvus import DataType

        with self._answering() as client:
            schema = client.create_schema(
                auto_id=False, enable_dynamic_field=False, description=told
            )
            for place, (field, what) in enumerate(fields.items()):
                options = {key: value for key, value in what.items() if key != "type"}
                kind = getattr(DataType, what["type"])
                schema.add_field(field, kind, is_primary=place == 0, **options)
            client.create_collection(
                name, schema=schema, consistency_level="Bounded", timeout=self.patience.write_s
            )

    def dimension(self, name: str, field: str) -> int:
        """Return the dimension of a collection's vector field, 0 where it has none."""
        with self._answering() as client:
            told = client.describe_collection(name, timeout=self.patience.ask_s)
        sizes = [what["params"].get("dim", 0) for what in told["fields"] if what["name"] == field]
        return int(sizes[0]) if sizes else 0

    def index(self, name: str, field: str) -> str:
        """Return the kind of index a field has, or an empty string."""
        with self._answering() as client:
            told = client.describe_index(name, field, timeout=self.patience.ask_s)
        return str(told["index_type"]) if told else ""

    def reindex(
        self, name: str, field: str, kind: str, how: Mapping[str, int], *, wait: bool
    ) -> None:
        """Give a field another index, and ``wait`` for it; until then nothing is found."""
        with self._answering() as client:
            if client.describe_index(name, field, timeout=self.patience.ask_s):
                client.release_collection(name, timeout=self.patience.write_s)
                client.drop_index(name, field, timeout=self.patience.write_s)
            wanted = client.prepare_index_params()
            wanted.add_index(field, index_type=kind, metric_type="IP", params=dict(how))
            client.create_index(name, wanted, timeout=self.patience.build_s, sync=wait)

    def loaded(self, name: str) -> bool:
        """Return whether a collection answers questions."""
        with self._answering() as client:
            state = client.get_load_state(name, timeout=self.patience.ask_s)["state"]
        return str(state).rpartition(".")[2] == "Loaded"

    def load(self, names: Sequence[str]) -> None:
        """Have collections answer; what is loaded already costs one question."""
        with self._answering() as client:
            waiting = [name for name in names if not self.loaded(name)]
            for name in waiting:
                client.load_collection(name, timeout=self.patience.build_s, _async=True)
            for name in waiting:
                client.load_collection(name, timeout=self.patience.build_s)

    def drop(self, name: str) -> None:
        """Delete a collection, if there is one."""
        with self._answering() as client:
            client.drop_collection(name, timeout=self.patience.write_s)

    def upsert(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows; those of the same key are replaced."""
        with self._answering() as client:
            # Milvus Lite works in this process: it may be slow, it cannot be away.
            limit_s = self.patience.build_s if self.address.lite else self.patience.write_s
            client.upsert(name, [dict(row) for row in rows], timeout=limit_s)

    def pack(self, name: str) -> None:
        """Have Milvus Lite put new rows into its files: a search reads them far faster there.

        A server does that by itself, and better when it is not told to.
        """
        if self.address.lite:
            with self._answering() as client:
                client.flush(name, timeout=self.patience.build_s)

    def delete(self, name: str, which: str) -> None:
        """Delete the rows that an expression names."""
        with self._answering() as client:
            client.delete(name, filter=which, timeout=self.patience.write_s)

    def query(
        self, name: str, which: str, fields: Sequence[str], limit: int, *, strong: bool = False
    ) -> list[dict[str, Any]]:
        """Return ``fields`` of at most ``limit`` rows; ``strong`` waits for every earlier write."""
        with self._answering() as client:
            found = client.query(
                name,
                filter=which,
                output_fields=list(fields),
                limit=limit,
                consistency_level=_level(strong=strong),
                timeout=self.patience.ask_s,
            )
        return list(found)

    def count(self, name: str, which: str = "", *, strong: bool = False) -> int:
        """Return the number of rows that an expression names."""
        with self._answering() as client:
            found = client.query(
                name,
                filter=which,
                output_fields=["count(*)"],
                consistency_level=_level(strong=strong),
                timeout=self.patience.ask_s,
            )
        return int(found[0]["count(*)"])

    def search(
        self,
        name: str,
        field: str,
        queries: list[Any],
        limit: int,
        *,
        which: str,
        fields: Sequence[str],
        how: Mapping[str, int],
    ) -> list[Hits]:
        """Return the rows nearest to each query by inner product, best first."""
        with self._answering() as client:
            found = client.search(
                name,
                data=queries,
                anns_field=field,
                limit=limit,
                filter=which,
                output_fields=list(fields),
                search_params={"metric_type": "IP", "params": dict(how)},
                consistency_level=_level(strong=False),
                timeout=self.patience.ask_s,
            )
        return [Hits.of(hits, fields) for hits in found]

    def patiently(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asking again while the index is being made or loaded."""
        return patiently(ask, self.patience.ask_s)

    @contextmanager
    def _answering(self) -> Iterator[Any]:
        """Yield the client; raise what its errors mean."""
        client = connected(self.address, self.patience.connect_s)
        with explained(self.address):
            yield client


def _level(*, strong: bool) -> str:
    return "Strong" if strong else "Bounded"
