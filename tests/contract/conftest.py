"""Every implementation of a store behind one door: add a `Backend` here to test another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from earmark.ports import PostingStore, TrackStore, VectorStore
from earmark.stores.memory import MemoryPostingStore, MemoryTrackStore
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.stores.milvus import MilvusVectorStore
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.segments import SegmentPostingStore
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


TRACKS: dict[str, Callable[[Path], Backend[TrackStore]]] = {
    "memory": lambda folder: Backend("memory", False, MemoryTrackStore),
    "sqlite": lambda folder: Backend("sqlite", True, lambda: SqliteTrackStore(folder, 5.0)),
}

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


def milvus_store(address: MilvusAddress) -> MilvusVectorStore:
    """Open the index that tests share."""
    return MilvusVectorStore(address, "melody", "vectors", DIMENSION, "digest")


def emptied(name: str, address: MilvusAddress) -> Backend[VectorStore]:
    """Return the shared index, with nothing in it."""
    store = milvus_store(address)
    store.remove(store.known().tolist())
    store.flush()
    return Backend(name, True, lambda: milvus_store(address), examples=MILVUS[name])


@pytest.fixture(params=sorted(TRACKS))
def tracks(request, tmp_path) -> Iterator[Backend[TrackStore]]:
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


@pytest.fixture(params=sorted(POSTINGS))
def posting_backend(request) -> Callable[[Path], Backend[PostingStore]]:
    return POSTINGS[request.param]


@pytest.fixture
def postings(posting_backend, tmp_path) -> Backend[PostingStore]:
    return posting_backend(tmp_path / "index")


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


@pytest.fixture(params=sorted([*VECTORS, *MILVUS]))
def vector_backend(request) -> Callable[[Path], Backend[VectorStore]]:
    if request.param in VECTORS:
        return VECTORS[request.param]
    address = request.getfixturevalue(f"{request.param}_address")
    return lambda folder: emptied(request.param, address)


@pytest.fixture
def vectors(vector_backend, tmp_path) -> Backend[VectorStore]:
    return vector_backend(tmp_path / "index")


@pytest.fixture
def durable_vectors(vectors) -> Backend[VectorStore]:
    if not vectors.durable:
        pytest.skip("ends with the process")
    return vectors
