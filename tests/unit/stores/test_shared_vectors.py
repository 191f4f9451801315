"""A vector index that many may write to: its sizes, epochs, faults and round trips."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace

import numpy as np
import pytest
from vector_writer import DIMENSION, WINDOWS, item

from earmark.errors import DamagedIndexError, LibraryParametersError, StoreUnavailableError
from earmark.ports import Embedded
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.stores.milvus import discard
from earmark.stores.milvus_client import NotLoadedError
from earmark.stores.milvus_schema import IndexSizes
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.shared_vector_records import SHARDS, Record, Records
from earmark.stores.shared_vector_turn import Turn
from earmark.stores.shared_vectors import SharedVectorStore

QUERIES = np.eye(DIMENSION, dtype=np.float32)


@pytest.fixture
def client(redis_host):
    client = RedisClient(RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex))
    yield client
    client.close()


@pytest.fixture
def server(server_address):
    """A namespace on the server for one test."""
    address = replace(server_address, namespace=uuid.uuid4().hex)
    yield address
    discard(address, "shared")


@pytest.fixture
def lite(lite_address):
    """A namespace in the file of Milvus Lite for one test."""
    address = replace(lite_address, namespace=uuid.uuid4().hex)
    yield address
    discard(address, "shared")


def opened(address, client, dimension=DIMENSION, digest="d", **more):
    return SharedVectorStore(address, client, "shared", "v", dimension, digest, **more)


def collections(store):
    base = store._windows._base
    return sorted(name.removeprefix(base) for name in store._milvus.names() if base in name)


def found(store, k=4000, among=None):
    near = store.search(QUERIES[:1], k, among)
    return sorted(set(near.number[near.number >= 0].tolist()))


# --- sizes ---------------------------------------------------------------------------------------


def test_the_index_follows_its_size_while_others_write_and_search(server, client):
    sizes = IndexSizes(flat_most=300, hnsw_most=700)
    stores = [opened(server, client, sizes=sizes) for _ in range(3)]
    kinds, wrong, stop = set(), [], threading.Event()
    stores[2].add([item(0)])

    def write(store, numbers):
        try:
            for at in range(0, len(numbers), 10):
                store.add(item(n) for n in numbers[at : at + 10])
                store.flush()
                kinds.add(store._look.kind()[1])
        except BaseException as error:
            wrong.append(error)

    def read():
        mine = item(0).vectors
        try:
            while not stop.is_set():
                near = stores[2].search(mine, 1)
                if near.number[:, 0].tolist() != [0] * WINDOWS:
                    wrong.append(near)
                time.sleep(0.01)
        except BaseException as error:
            wrong.append(error)

    writers = [
        threading.Thread(target=write, args=(store, range(first, 150, 2)))
        for store, first in ((stores[0], 1), (stores[1], 2))
    ]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert wrong == []
    fresh, oracle = opened(server, client, sizes=sizes), MemoryVectorStore(DIMENSION)
    oracle.add(item(n) for n in range(150))
    assert kinds - {None} == {"FLAT", "HNSW", "IVF_SQ8"}
    assert fresh.known().tolist() == list(range(150))
    near, right = fresh.search(QUERIES, 10), oracle.search(QUERIES, 10)
    assert np.abs(near.similarity - right.similarity).max() < 0.05
    assert fresh.verify() == []
    fresh.remove(range(1, 150))
    fresh.flush()
    assert fresh._look.kind()[1] == "FLAT"
    assert found(stores[0]) == [0]


def test_what_a_dead_fitter_left_is_mended_by_whoever_comes_next(server, client):
    store = opened(server, client)
    store.add(item(n) for n in range(5))
    windows, name = store._windows, store._windows.name(0)
    turn = Turn(client, windows._turn._key, lease_s=1.5)
    turn._take("the dead")  # and then: closed, released, without an index
    client.call("DEL", windows.kind_key(0))
    with store._milvus._answering() as milvus:
        milvus.release_collection(name)
        milvus.drop_index(name, "vector")
    began = time.monotonic()
    with pytest.raises(NotLoadedError, match="being made or loaded; try again"):
        store._windows.reopened(0)
    assert found(store) == [0, 1, 2, 3, 4]
    assert time.monotonic() - began > 1
    assert found(opened(server, client)) == [0, 1, 2, 3, 4]
    store.add([item(6)])
    assert store.verify() == []


# --- epochs --------------------------------------------------------------------------------------


def test_a_writer_of_an_old_epoch_does_not_pollute_the_new_one(lite, client):
    slow, other = opened(lite, client), opened(lite, client)
    other.add(item(n) for n in range(3))
    epochs = []

    class Interrupted(Records):
        def put(self, epoch, items):
            super().put(epoch, items)
            epochs.append(epoch)
            if len(epochs) == 1:
                other.drop()
                other.add([item(7)])

    slow._writes._records = Interrupted(client, "shared", "v")
    slow.add([item(11), item(12)])
    assert epochs == [0, 1]
    assert other.known().tolist() == [7, 11, 12]
    assert found(slow) == found(other) == [7, 11, 12]
    assert other.verify() == slow.verify() == []
    assert collections(other) == ["_e1"]
    assert [numbers.tolist() for numbers in slow._records.numbers(0)] == [[]] * 16


def test_a_dropped_index_leaves_nothing(lite, client):
    store = opened(lite, client)
    store.add(item(n) for n in range(300))
    other = opened(lite, client)
    assert len(found(other)) == 300
    store.drop()
    assert found(other) == []
    assert collections(store) == []
    keys = client.call("KEYS", f"*{client.address.namespace}*")
    assert [key.decode() for key in keys] == [store._roster.meta]
    other.add([item(1)])
    assert found(store) == [1]


def test_searches_bear_an_index_that_is_begun_anew(lite, client):
    writer, reader = opened(lite, client), opened(lite, client)
    writer.add([item(0)])
    stop, wrong, seen = threading.Event(), [], set()

    def read():
        try:
            while not stop.is_set():
                seen.add(tuple(found(reader)))
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 6):
        writer.drop()
        writer.add([item(number)])
    stop.set()
    thread.join()
    assert wrong == []
    assert seen <= {(), (0,), (1,), (2,), (3,), (4,), (5,)}
    assert found(reader) == [5]
    assert collections(reader) == ["_e5"]


def test_an_index_of_other_parameters_is_refused_and_can_be_dropped(lite, client):
    one = opened(lite, client)
    one.add([item(1)])
    other = opened(lite, client, digest="e")
    wide = opened(lite, client, dimension=9)
    for ask in (
        other.known,
        other.flush,
        lambda: other.search(QUERIES, 1),
        lambda: other.add([item(2)]),
        lambda: other.remove([1]),
        other.verify,
        lambda: wide.search(np.eye(9, dtype=np.float32), 1),
    ):
        with pytest.raises(LibraryParametersError, match="run `earmark rebuild`"):
            ask()
    assert one.known().tolist() == [1]
    other.drop()
    assert other.known().tolist() == []
    other.add([item(1)])
    with pytest.raises(LibraryParametersError):
        one.known()


# --- faults --------------------------------------------------------------------------------------


def test_what_is_missing_or_damaged_is_told_and_mended(lite, client):
    store = opened(lite, client)
    store.add(item(n) for n in range(10))
    rows, records = store._windows.rows(0), store._records
    store._milvus.delete(rows.name, f"id in [{(3 << 24) + 2}]")
    records.remove(0, [4])
    damaged = replace(item(5), payload=b"other")
    data = records.client.call("HGET", records._key(0, 5), 5)
    records.client.call("HSET", records._key(0, 5), 5, data[:8] + damaged.payload)
    rows.put([replace(item(6), start_s=np.full(WINDOWS, 3.0))])
    assert store.damaged() == [3, 4, 5, 6]
    (told,) = store.verify()
    assert told.startswith("4 tracks of earmark_")
    assert told.endswith("are missing or damaged; run `earmark doctor --repair`")
    for number, ask in (
        (3, store.embedded),
        (4, store.embedded),
        (4, lambda n: store.payloads([n])),
    ):
        with pytest.raises(DamagedIndexError, match="doctor --repair"):
            ask(number)
    store.remove(store.damaged())
    assert store.verify() == []
    store.add(item(n) for n in range(10))
    assert store.verify() == []
    assert store.stats()["vectors"] == 10 * WINDOWS


def test_rows_that_nobody_enrolled_are_told_and_removed(lite, client):
    store = opened(lite, client)
    store.add(item(n) for n in range(4))
    store._records.put(0, [item(8)])  # killed before its windows
    store._records.put(0, [item(9)])  # killed before it was enrolled
    store._windows.rows(0).put([item(9)])
    store._windows.rows(0).put([item(50_000), item(70_000)])  # Redis has lost their records
    assert found(store) == [0, 1, 2, 3]
    assert store.damaged() == []
    assert store.orphans() == [8, 9, 50_000, 70_000]
    (told,) = store.verify()
    assert "holds rows of 4 tracks too many; run `earmark doctor --repair`" in told
    store.remove(store.orphans())
    assert store.orphans() == []
    assert store.verify() == []
    assert store._milvus.count(store._windows.name(0), strong=True) == 4 * WINDOWS
    store.add([item(9)])
    assert found(store) == [0, 1, 2, 3, 9]


def test_a_collection_that_is_gone_is_told(lite, client):
    store = opened(lite, client)
    store.add([item(1), item(2)])
    store._milvus.drop(store._windows.name(0))
    fresh = opened(lite, client)
    with pytest.raises(DamagedIndexError, match="is gone; run `earmark doctor --repair`"):
        fresh.search(QUERIES, 1)
    with pytest.raises(DamagedIndexError, match="is gone; run `earmark doctor --repair`"):
        fresh.add([item(3)])  # beginning anew would hide the loss from every search
    assert fresh.known().tolist() == [1, 2]
    assert fresh.damaged() == [1, 2]
    fresh.remove([1, 2])
    fresh.add([item(1), item(2)])
    assert found(fresh) == [1, 2]
    assert fresh.verify() == []


def test_a_number_beyond_what_redis_can_tell(lite, client):
    store = opened(lite, client)
    with pytest.raises(ValueError, match="2147483648: an index in Redis holds those below"):
        store.add([item(1 << 31)])
    store.remove([1 << 31, -5])
    assert store.known().tolist() == []


# --- questions -----------------------------------------------------------------------------------


def test_a_search_is_one_round_trip_to_redis_and_one_more_after_a_change(lite, client):
    writer, reader = opened(lite, client), opened(lite, RedisClient(client.address))
    writer.add(item(n) for n in range(20))
    asked = reader._client
    found(reader)

    def trips(ask):
        before = asked.round_trips
        ask()
        return asked.round_trips - before

    assert trips(lambda: found(reader)) == 1
    assert trips(lambda: reader.payloads(range(20))) == 1
    writer.add([item(20)])
    assert trips(lambda: found(reader)) == 2
    assert trips(lambda: found(reader, among=np.arange(5))) == 1
    asked.close()


def test_what_is_held_is_of_one_moment(lite, client):
    writer, reader = opened(lite, client), opened(lite, RedisClient(client.address))
    bare = [
        replace(item(n, 1), vectors=QUERIES[:0], start_s=np.zeros(0), length_s=np.zeros(0))
        for n in range(400)
    ]
    views, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            views.append(reader._look.view())

    thread = threading.Thread(target=read)
    thread.start()
    for one in bare:
        writer.add([one])
    stop.set()
    thread.join()
    reader._client.close()
    assert len({view.version for view in views}) > 20
    assert all(int(view.bits.sum()) == view.items for view in views)


def test_among_takes_thousands_and_knows_none_twice(lite, client):
    store = opened(lite, client)
    store.add(item(n, 1) for n in range(4300))
    some = np.concatenate([np.arange(4200), np.arange(100), [9999]])
    near = store.search(QUERIES[:1], 5000, some)
    assert np.sort(near.number[0][:4200]).tolist() == list(range(4200))
    assert (near.number[0][4200:] == -1).all()


def test_a_record_is_what_was_packed():
    for one in (item(3), Embedded(9, np.zeros((0, 4)), np.zeros(0), np.zeros(0), b"")):
        record = Record.of(one)
        assert Record.unpacked(record.packed) == record
        assert (record.windows, record.payload) == (len(one.vectors), one.payload)
    assert Record.unpacked(None) is None
    assert Record.unpacked(b"short") is None


def test_records_of_every_shard(client):
    records = Records(client, "e", "i")
    items = [item(n, 1) for n in range(0, 3 * SHARDS, 2)]
    records.put(4, items)
    wanted = [one.number for one in items]
    assert sorted(n for some in records.numbers(4) for n in some.tolist()) == wanted
    kept = records.read(4, [*wanted, 1, 3])
    assert kept == {one.number: Record.of(one) for one in items}
    records.remove(4, wanted[:5])
    assert len(records.read(4, wanted)) == len(wanted) - 5
    records.drop(4)
    assert records.read(4, wanted) == {}


def test_a_turn_is_one_holders_and_ends_with_it(client):
    key = client.key("turn")
    one, other = Turn(client, key, lease_s=0.4), Turn(client, key)
    with one.mine() as mine:
        assert mine
        time.sleep(0.8)  # renewed
        with other.mine() as his:
            assert not his
    with other.mine() as his:
        assert his
    assert one._take("dead")
    assert one._take("dead")  # asked twice, as after a lost connection
    assert not other._take("alive")
    time.sleep(0.5)
    assert other._take("alive")


def test_lite_serves_one_process(lite, client, tmp_path):
    import subprocess
    import sys

    program = (
        "from earmark.stores.milvus_address import MilvusAddress\n"
        "from earmark.stores.milvus_client import Milvus\n"
        f"Milvus(MilvusAddress({lite.place!r}, 'x')).names()\n"
    )
    opened(lite, client).add([item(1)])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert StoreUnavailableError.__name__ in done.stderr
    assert "serves one at a time" in done.stderr
