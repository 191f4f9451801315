"""A Milvus or a Redis that hangs or dies in the middle: nothing is half there afterwards."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

import numpy as np
import pytest
from redis_host import RedisHost, wanted
from vector_writer import DIMENSION, WINDOWS, item

from earmark.errors import StoreUnavailableError
from earmark.stores.milvus import discard
from earmark.stores.milvus_address import milvus_address
from earmark.stores.milvus_client import Patience, forget
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient, RedisPatience
from earmark.stores.shared_vector_records import Records
from earmark.stores.shared_vectors import SharedVectorStore

RUNS = int(os.environ.get("EARMARK_CRASH_RUNS", "12"))
QUICK = Patience(connect_s=3, ask_s=5, write_s=3)
PATIENT = Patience(ask_s=120, write_s=120)


def found(store):
    near = store.search(np.eye(DIMENSION, dtype=np.float32)[:1], 4000)
    numbers, counts = np.unique(near.number[near.number >= 0], return_counts=True)
    assert (counts == WINDOWS).all()
    return numbers.tolist()


@pytest.fixture
def address(server_address):
    one = replace(server_address, namespace=uuid.uuid4().hex)
    yield one
    discard(one, "away")


@pytest.fixture
def host(tmp_path):
    wanted()
    one = RedisHost(tmp_path / "redis")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def client(host):
    one = RedisClient(
        RedisAddress("127.0.0.1", host.port), RedisPatience(connect_s=1, answer_s=2, total_s=1)
    )
    yield one
    one.close()


def opened(address, client, patience=PATIENT):
    return SharedVectorStore(address, client, "away", "v", DIMENSION, "d", patience=patience)


def test_nothing_listens(client):
    nowhere = milvus_address("http://127.0.0.1:1?ns=x")
    store = opened(nowhere, client, QUICK)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1 cannot be reached"):
            store.add([item(1)])
    assert store.known().tolist() == []
    assert found(store) == []  # which needs no Milvus


def interrupted(store, what):
    """Have a store's next addition do ``what`` between its records and its windows."""

    class Interrupted(Records):
        def put(self, epoch, items):
            super().put(epoch, items)
            what()

    store._writes._records = Interrupted(store._client, "away", "v")


def test_a_server_that_hangs_in_the_middle_of_an_addition(milvus_server, address, client):
    store, hasty = opened(address, client), opened(address, client, QUICK)
    store.add(item(n) for n in range(3))
    assert found(hasty) == [0, 1, 2]
    more = [item(n) for n in range(2, 30)]
    interrupted(hasty, lambda: milvus_server.order("freeze"))
    try:
        with pytest.raises(StoreUnavailableError, match="did not answer in time"):
            hasty.add(more)
    finally:
        milvus_server.order("thaw")
    milvus_server.ready()
    assert found(store) == [0, 1, 2]
    assert store.damaged() == []
    store.add(more)
    assert found(store) == list(range(30))
    assert store.verify() == []


@pytest.mark.skipif(RUNS < 40, reason="a server takes its time to come back: EARMARK_CRASH_RUNS=40")
def test_a_server_that_dies_in_the_middle_of_an_addition(milvus_server, address, client):
    store, hasty = opened(address, client), opened(address, client, QUICK)
    store.add(item(n) for n in range(3))
    more = [item(n) for n in range(2, 30)]
    interrupted(hasty, lambda: milvus_server.order("kill"))
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        hasty.add(more)
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        hasty.search(item(1).vectors, 1)
    assert hasty.payloads([1]) == [item(1).payload]  # which need no Milvus
    milvus_server.order("start")
    milvus_server.ready()
    forget(address)
    assert found(store) == [0, 1, 2]
    store.add(more)
    assert found(store) == list(range(30))
    assert store.verify() == []


def test_a_redis_that_dies_in_the_middle(address, client, host):
    store = opened(address, client)
    store.add(item(n) for n in range(3))
    more = [item(n) for n in range(2, 30)]
    windows = store._windows
    settle = windows.settle

    def killed(epoch):
        settle(epoch)
        host.kill()

    windows.settle = killed
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        store.add(more)
    windows.settle = settle
    for ask in (store.known, lambda: found(store), lambda: store.payloads([1]), store.flush):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            ask()
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        store.remove([1])
    host.start()
    assert found(store) == [0, 1, 2]
    assert store.orphans() == list(range(3, 30))
    store.add(more)
    assert found(store) == list(range(30))
    assert store.verify() == []


def test_a_removal_that_fails_midway_hides_and_is_ended_by_the_next(lite_address, client):
    address = replace(lite_address, namespace=uuid.uuid4().hex)
    store = opened(address, client)
    store.add(item(n) for n in range(6))
    delete = store._writes._delete

    def refused(*_):
        raise StoreUnavailableError("away")

    store._writes._delete = refused
    with pytest.raises(StoreUnavailableError, match="away"):
        store.remove([1, 2])
    store._writes._delete = delete
    assert found(store) == [0, 3, 4, 5]
    assert store.orphans() == [1, 2]
    (told,) = store.verify()
    assert "rows of 2 tracks too many" in told
    store.remove([1, 2])
    assert store.verify() == []
    assert store.stats()["vectors"] == 4 * WINDOWS
    store.drop()
