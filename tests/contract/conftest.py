"""Every implementation of a store behind one door: add a `Backend` here to test another."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from earmark.ports import PostingStore, SharedTrackStore, TrackStore, VectorStore
from earmark.stores.memory import MemoryPostingStore, MemoryTrackStore
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.stores.milvus import MilvusVectorStore
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_postings import RedisPostingStore
from earmark.stores.redis_tracks import RedisTrackStore
from earmark.stores.segments import SegmentPostingStore
from earmark.stores.shared_vectors import SharedVectorStore
from earmark.stores.sqlite import SqliteTrackStore
from earmark.stores.vectors import FileVectorStore

S = TypeVar("S")
HASH_BITS = 12
DIMENSION = 20


@dataclass
class Backend(Generic[S]):
    """How to open one store again and again; ``durable`` says whether that shows the same data."""

    name: str
    durable: bool
    open: Callable[[], S]
    examples: int = 50
    shared: bool = False
    """Whether what one opening writes is there for all others at once."""


TRACKS: dict[str, Callable[[Path], Backend[TrackStore]]] = {
    "memory": lambda folder: Backend("memory", False, MemoryTrackStore),
    "sqlite": lambda folder: Backend("sqlite", True, lambda: SqliteTrackStore(folder, 5.0)),
}
REDIS = {"redis": "single", "redis-cluster": "cluster", "redis-twice": "twice"}

POSTINGS: dict[str, Callable[[Path], Backend[PostingStore]]] = {
    "memory": lambda folder: Backend("memory", False, lambda: MemoryPostingStore(HASH_BITS)),
    "segments": lambda folder: Backend(
        "segments", True, lambda: SegmentPostingStore(folder, HASH_BITS, "digest")
    ),
}

VECTORS: dict[str, Callable[[Path], Backend[VectorStore]]] = {
    "memory": lambda folder: Backend("memory", False, lambda: MemoryVectorStore(DIMENSION)),
    "file": lambda folder: Backend(
        "file", True, lambda: FileVectorStore(folder, DIMENSION, "digest")
    ),
}
# Milvus Lite's and a server's indexes are emptied and used again: making one takes seconds.
MILVUS = {"lite": 12, "server": 5}
"""How often Hypothesis tries each."""
SHARED = {"lite+redis": 6, "server+redis": 3, "server+cluster": 2}
"""The same of those whose numbers and payloads are in Redis."""


def milvus_store(address: MilvusAddress) -> MilvusVectorStore:
    """Open the index that tests share."""
    return MilvusVectorStore(address, "melody", "vectors", DIMENSION, "digest")


def emptied(name: str, address: MilvusAddress) -> Backend[VectorStore]:
    """Return the shared index, with nothing in it."""
    store = milvus_store(address)
    store.remove(store.known().tolist())
    store.flush()
    return Backend(name, True, lambda: milvus_store(address), examples=MILVUS[name])


def emptied_shared(name: str, address: MilvusAddress, client: RedisClient) -> Backend[VectorStore]:
    """Return a shared index that every process may write to, with nothing in it."""

    def open_one() -> SharedVectorStore:
        engine = name.partition("+")[2]
        return SharedVectorStore(address, client, engine, "vectors", DIMENSION, "digest")

    store = open_one()
    store.remove([*store.known().tolist(), *store.orphans()])
    return Backend(name, True, open_one, examples=SHARED[name], shared=True)


@pytest.fixture(scope="session")
def redis_namespace() -> str:
    """A namespace in every Redis, one for the session."""
    return uuid.uuid4().hex


@pytest.fixture(params=sorted([*TRACKS, *REDIS]))
def tracks(request, tmp_path) -> Iterator[Backend[TrackStore]]:
    if request.param in REDIS:
        backend = request.getfixturevalue(f"{REDIS[request.param]}_tracks")
    else:
        backend = TRACKS[request.param](tmp_path / "library")
    opened: list[TrackStore] = []
    inner = backend.open

    def remembered() -> TrackStore:
        opened.append(inner())
        return opened[-1]

    backend.open = remembered
    yield backend
    for store in opened:
        store.close()


class TwiceClient(RedisClient):
    """Sends every request again, as if the first answer had been lost on the way."""

    def call(self, *command):
        super().call(*command)
        return super().call(*command)


def redis_tracks_at(
    port: int, name: str, lock_wait_s: float = 5.0, kind: type[RedisClient] = RedisClient
) -> Iterator[Backend]:
    """Lend a library of its own in a Redis; every opening has connections of its own."""
    address = RedisAddress("127.0.0.1", port, namespace=uuid.uuid4().hex)
    clients: list[RedisClient] = []
    stores: list[RedisTrackStore] = []

    def open_one() -> RedisTrackStore:
        clients.append(kind(address))
        stores.append(RedisTrackStore(clients[-1], lock_wait_s))
        return stores[-1]

    yield Backend(name, True, open_one, shared=True)
    for one in (*stores, *clients):
        one.close()


@pytest.fixture
def single_tracks(redis_host) -> Iterator[Backend[TrackStore]]:
    yield from redis_tracks_at(redis_host.port, "redis")


@pytest.fixture
def cluster_tracks(redis_cluster_host) -> Iterator[Backend[TrackStore]]:
    yield from redis_tracks_at(redis_cluster_host.port, "redis-cluster")


@pytest.fixture
def twice_tracks(redis_host) -> Iterator[Backend[TrackStore]]:
    yield from redis_tracks_at(redis_host.port, "redis-twice", kind=TwiceClient)


@pytest.fixture(params=sorted(REDIS))
def shared_tracks(request) -> Backend[SharedTrackStore]:
    return request.getfixturevalue(f"{REDIS[request.param]}_tracks")


@pytest.fixture
def hasty_tracks(redis_host) -> Iterator[Backend[SharedTrackStore]]:
    yield from redis_tracks_at(redis_host.port, "redis", lock_wait_s=0.3)


@pytest.fixture(params=sorted([*POSTINGS, *REDIS]))
def posting_backend(request) -> Iterator[Callable[[Path], Backend[PostingStore]]]:
    name = request.param
    if name in POSTINGS:
        yield POSTINGS[name]
        return
    cluster = name == "redis-cluster"
    host = request.getfixturevalue("redis_cluster_host" if cluster else "redis_host")
    kind = TwiceClient if name == "redis-twice" else RedisClient
    clients: list[RedisClient] = []

    def backend(_: Path) -> Backend[PostingStore]:
        """Lend a namespace of its own; every opening has connections of its own."""
        address = RedisAddress("127.0.0.1", host.port, namespace=uuid.uuid4().hex)

        def open_one() -> PostingStore:
            clients.append(kind(address))
            return RedisPostingStore(clients[-1], "recording", HASH_BITS, "digest")

        return Backend(name, True, open_one, examples=5, shared=True)

    yield backend
    for client in clients:
        client.close()


@pytest.fixture
def postings(posting_backend, tmp_path) -> Backend[PostingStore]:
    return posting_backend(tmp_path / "index")


@pytest.fixture
def turned_postings(durable_postings) -> Backend[PostingStore]:
    if durable_postings.shared:
        pytest.skip("nothing is pending in one opening")
    return durable_postings


@pytest.fixture
def shared_postings(postings) -> Backend[PostingStore]:
    if not postings.shared:
        pytest.skip("one writer at a time")
    return postings


@pytest.fixture
def durable_tracks(tracks) -> Backend[TrackStore]:
    if not tracks.durable:
        pytest.skip("ends with the process")
    return tracks


@pytest.fixture
def durable_postings(postings) -> Backend[PostingStore]:
    if not postings.durable:
        pytest.skip("ends with the process")
    return postings


@pytest.fixture(params=sorted([*VECTORS, *MILVUS, *SHARED]))
def vector_backend(request) -> Iterator[Callable[[Path], Backend[VectorStore]]]:
    name = request.param
    if name in VECTORS:
        yield VECTORS[name]
        return
    milvus, _, redis = name.partition("+")
    address = request.getfixturevalue(f"{milvus}_address")
    if not redis:
        yield lambda folder: emptied(name, address)
        return
    host = request.getfixturevalue({"redis": "redis_host", "cluster": "redis_cluster_host"}[redis])
    namespace = request.getfixturevalue("redis_namespace")
    client = RedisClient(RedisAddress("127.0.0.1", host.port, namespace=namespace + milvus))
    yield lambda folder: emptied_shared(name, address, client)
    client.close()


@pytest.fixture
def vectors(vector_backend, tmp_path) -> Backend[VectorStore]:
    return vector_backend(tmp_path / "index")


@pytest.fixture
def durable_vectors(vectors) -> Backend[VectorStore]:
    if not vectors.durable:
        pytest.skip("ends with the process")
    return vectors


@pytest.fixture
def turned_vectors(durable_vectors) -> Backend[VectorStore]:
    if durable_vectors.shared:
        pytest.skip("nothing is pending in one opening")
    return durable_vectors


@pytest.fixture
def shared_vectors(vectors) -> Backend[VectorStore]:
    if not vectors.shared:
        pytest.skip("one writer at a time")
    return vectors
