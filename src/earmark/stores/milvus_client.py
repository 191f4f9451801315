"""The one file that knows pymilvus: connections, deadlines, and its errors turned into ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError, ExtraMissingError, StoreError, StoreUnavailableError
from earmark.stores.milvus_address import TOKEN, MilvusAddress

_NOT_LOADED, _NO_COLLECTION, _NO_DATABASE, _NO_INDEX = 101, 100, 800, 700
_RECOVERING = 106
# Milvus Lite takes pymilvus' pings every 10 s for an attack, hangs up, and gRPC prints that.
_LITE_OPTIONS = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": 0}
_connected: dict[MilvusAddress, Any] = {}
_connecting = threading.Lock()


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


class NotLoadedError(StoreUnavailableError):
    """The collection is there and does not answer yet: just opened, or its index is being made."""


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

    def load(self, names: Sequence[str]) -> None:
        """Have collections answer; what is loaded already costs one question."""
        with self._answering() as client:
            waiting = []
            for name in names:
                state = client.get_load_state(name, timeout=self.patience.ask_s)["state"]
                if str(state).rpartition(".")[2] != "Loaded":
                    client.load_collection(name, timeout=self.patience.build_s, _async=True)
                    waiting.append(name)
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

    @contextmanager
    def _answering(self) -> Iterator[Any]:
        """Yield the client; raise what its errors mean."""
        client = self._client()
        import grpc
        from pymilvus.exceptions import MilvusException

        try:
            yield client
        except (MilvusException, grpc.RpcError) as error:
            raise self._meant(error) from error

    def _client(self) -> Any:  # noqa: ANN401 - pymilvus has no types
        with _connecting:
            if self.address not in _connected:
                _connected[self.address] = self._connect()
            return _connected[self.address]

    def _connect(self) -> Any:  # noqa: ANN401
        try:
            import grpc
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            message = "Milvus needs pymilvus; run `pip install 'earmark[milvus]'`"
            raise ExtraMissingError(message) from error
        for name in ("pymilvus", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # their errors are raised, too
        if self.address.lite:
            self._open_file()
        try:
            client = MilvusClient(
                uri=self.address.place,
                token=self.address.token,
                db_name=self.address.database,
                timeout=self.patience.connect_s,
                secure=self.address.place.startswith("https:"),
                grpc_options=_LITE_OPTIONS if self.address.lite else {},
                dedicated=True,
            )
            # Asked whether it has a collection, a server without the database would say no.
            client.list_collections(timeout=self.patience.connect_s)
            return client
        except (MilvusException, grpc.RpcError) as error:
            raise self._meant(error) from error

    def _open_file(self) -> None:
        """Start Milvus Lite on its file; pymilvus would not tell why it cannot be opened."""
        try:
            from milvus_lite.db import MilvusLite
            from milvus_lite.exceptions import DataDirLockedError
            from milvus_lite.server_manager import server_manager_instance
        except ImportError as error:
            message = "Milvus Lite is not installed; run `pip install 'earmark[milvus]'`"
            raise ExtraMissingError(message) from error
        path = Path(self.address.place)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if server_manager_instance.start_and_get_uri(str(path)) is None:
                MilvusLite(str(path)).close()  # raises what the server manager has swallowed
                message = f"Milvus Lite cannot serve {path}"
                raise StoreUnavailableError(message)
        except DataDirLockedError as error:
            message = (
                f"{path} is in use by another process: Milvus Lite serves one at a time; "
                "close the other, or start a Milvus server for several"
            )
            raise StoreUnavailableError(message) from error
        except OSError as error:
            message = f"{path} cannot be used by Milvus Lite: {error.strerror or error}"
            raise StoreUnavailableError(message) from error

    def _meant(self, error: BaseException) -> StoreError:
        """Return what an error of pymilvus or gRPC means for the user."""
        where, text = f"Milvus at {self.address}", _told(error)
        code, status = getattr(error, "code", None), _status(error)
        if status in ("UNAUTHENTICATED", "PERMISSION_DENIED") or "auth check failure" in text:
            return StoreUnavailableError(
                f"{where} refuses the user, password or token; give it as user:password in the "
                f"URL or in {TOKEN}"
            )
        if code == _NO_DATABASE or "database not found" in text:
            return StoreUnavailableError(
                f"{where} has no database {self.address.database!r}; create it or name another"
            )
        if code in (_NOT_LOADED, _NO_INDEX, _RECOVERING, _NO_COLLECTION) or "not loaded" in text:
            return NotLoadedError(
                f"{where} is loading or rebuilding the index; try again in a moment"
            )
        if "handshake" in text.lower() or "SSL" in text:
            return StoreUnavailableError(
                f"{where} and earmark cannot agree on TLS; write https:// for a server that has "
                "it and http:// for one that has not"
            )
        if status == "DEADLINE_EXCEEDED":
            return StoreUnavailableError(f"{where} did not answer in time; try again when it does")
        if self.address.lite and status != "UNAVAILABLE":
            return DamagedIndexError(
                f"{self.address.place} is damaged ({text}); delete it and run `earmark rebuild`"
            )
        if status == "UNAVAILABLE" or "server unavailable" in text:
            message = f"{where} cannot be reached; start it or check the address"
            return StoreUnavailableError(message)
        return StoreUnavailableError(f"{where} refused a request: {text}")


def forget(address: MilvusAddress) -> None:
    """Close the connection to an address, and its Milvus Lite; the next request opens it again."""
    with _connecting:
        client = _connected.pop(address, None)
        if client is not None:
            client.close()
            if address.lite:
                from milvus_lite.server_manager import server_manager_instance

                server_manager_instance.release_server(address.place)


def _level(*, strong: bool) -> str:
    return "Strong" if strong else "Bounded"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it; pymilvus names some errors their own cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        following = error.__cause__ if error.__cause__ is not error else None
        error = following or error.__context__


def _status(error: BaseException) -> str:
    """Return the name of the gRPC status behind an error, or an empty string."""
    import grpc

    for one in _chain(error):
        code = getattr(one, "code", None)
        code = code() if callable(code) else code
        if isinstance(code, grpc.StatusCode):
            return str(code.name)
    return ""


def _told(error: BaseException) -> str:
    """Return all that an error and its causes say, in one line."""
    import grpc

    texts = []
    for one in _chain(error):
        if isinstance(one, grpc.RpcError) and hasattr(one, "details"):
            texts.append(str(one.details()))
        else:
            texts.append(str(getattr(one, "message", one)))
    return " ".join(" ".join(dict.fromkeys(texts)).split())[:300]
