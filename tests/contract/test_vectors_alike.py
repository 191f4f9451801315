"""One workload on every vector store; what each answers is compared with the oracle's answer."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from earmark.ports import Embedded
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.stores.milvus import MilvusVectorStore
from earmark.stores.milvus_schema import IndexSizes
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.shared_vectors import SharedVectorStore
from earmark.stores.vectors import FileVectorStore

DIMENSION, WINDOWS, NUMBERS = 64, 20, 100
QUERIES = np.random.default_rng(5).standard_normal((12, DIMENSION)).astype(np.float32)
QUERIES /= np.linalg.norm(QUERIES, axis=1, keepdims=True)
OFF = {"file": 0.005, "lite": 2e-6, "server": 2e-6, "shared": 2e-6}
"""By how much a similarity may differ: 8 bits a component in files, 32 in Milvus."""


def item(number: int) -> Embedded:
    rng = np.random.default_rng([number, 7])
    vectors = rng.standard_normal((WINDOWS, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    starts = np.arange(WINDOWS) * 5.0
    payload = rng.bytes(60_000 if number == 13 else 40)
    return Embedded(number, vectors, starts, np.full(WINDOWS, 10.0), payload)


def workload(open_one):
    """Yield what a store says at each step of its life."""
    store = open_one()
    store.add(item(n) for n in range(NUMBERS))
    yield "added", told(store)
    store.flush()
    yield "flushed", told(store)
    store.add(item(n) for n in range(NUMBERS - 20, NUMBERS + 5))  # mostly known already
    store.remove(range(0, 60, 2))
    yield "changed", told(store)
    store.add([item(2)])
    store.flush()
    yield "changed and flushed", told(store)
    store = open_one() or store
    if not isinstance(store, MemoryVectorStore):
        store.remove([n for n in range(0, 60, 2) if n != 2])  # as the truth has it
    yield "opened again", told(store)
    assert store.verify() == []


def told(store):
    known = store.known()
    few, many = np.array([2, 13, 61, 4, 999]), known[::2]
    answers = [store.search(QUERIES, 10)]
    answers += [store.search(QUERIES, k, among) for k, among in ((30, few), (500, many))]
    return known, answers, store.payloads([13, *known[:5]]), store.embedded(13)


@pytest.fixture(params=sorted(OFF))
def opener(request, tmp_path):
    if request.param == "file":
        yield request.param, lambda: FileVectorStore(tmp_path, DIMENSION, "alike")
    elif request.param == "shared":
        host, address = map(request.getfixturevalue, ("redis_host", "server_address"))
        client = RedisClient(RedisAddress("127.0.0.1", host.port, namespace=uuid.uuid4().hex))
        what = (address, client, "alike", "shared", DIMENSION, "alike")
        yield request.param, lambda: SharedVectorStore(*what)
        client.close()
    else:
        address = request.getfixturevalue(f"{request.param}_address")
        yield request.param, lambda: MilvusVectorStore(address, "alike", "v", DIMENSION, "alike")


def assert_same(name, step, found, right):
    (known, answers, payloads, one), (all_known, expected, kept, same) = found, right
    assert known.tolist() == all_known.tolist(), step
    assert payloads == kept, step
    np.testing.assert_allclose(one.vectors, same.vectors, atol=OFF[name], err_msg=step)
    np.testing.assert_allclose(one.start_s, same.start_s, err_msg=step)
    for mine, theirs in zip(answers, expected, strict=True):
        np.testing.assert_allclose(mine.similarity, theirs.similarity, atol=OFF[name], err_msg=step)
        if name != "file":  # where 8 bits change places of near ones
            assert_same_windows(mine, theirs, step)


def assert_same_windows(mine, theirs, step):
    """The same windows in each row but for the last place, where two may be equally near."""
    for row in range(len(QUERIES)):
        pairs = [
            list(zip(a.number[row].tolist(), a.start_s[row].tolist(), strict=True))[:-1]
            for a in (mine, theirs)
        ]
        assert len(set(pairs[0]) ^ set(pairs[1])) <= 1, step
        assert pairs[0][:5] == pairs[1][:5], step


def test_every_store_answers_as_memory_does(opener):
    name, open_one = opener
    oracle = MemoryVectorStore(DIMENSION)
    pairs = zip(workload(open_one), workload(lambda: oracle), strict=True)
    for (step, found), (_, right) in pairs:
        assert_same(name, step, found, right)


def recall(found, right):
    """The share of the right windows that were found."""
    windows = [
        {
            (row, *window)
            for row in range(len(QUERIES))
            for window in zip(*columns(a, row), strict=True)
        }
        for a in (found, right)
    ]
    return len(windows[0] & windows[1]) / len(windows[1])


def columns(near, row):
    return near.number[row].tolist(), near.start_s[row].tolist()


def test_a_server_changes_its_index_with_its_size(server_address):
    sizes = IndexSizes(flat_most=300, hnsw_most=700)

    def open_one() -> MilvusVectorStore:
        return MilvusVectorStore(server_address, "sizes", "v", DIMENSION, "alike", sizes=sizes)

    store, oracle, kinds = open_one(), MemoryVectorStore(DIMENSION), []
    for first, last in ((0, 10), (10, 25), (25, 60)):
        for one in (store, oracle):
            one.add(item(n) for n in range(first, last))
        store.flush()
        other = open_one()
        kinds.append(other._index.kind())
        for one in (store, other):
            found, right = one.search(QUERIES, 10), oracle.search(QUERIES, 10)
            assert recall(found, right) > (0.999 if kinds == ["FLAT"] else 0.9), kinds
    assert kinds == ["FLAT", "HNSW", "IVF_SQ8"]
    store.remove(range(1, 60))
    store.flush()
    assert open_one()._index.kind() == "FLAT"
    assert store.search(item(0).vectors[:1], 1).number.tolist() == [[0]]
    assert store.verify() == []
    store.drop()
