"""Postings in a real Redis: levels and merges, rules, damage, round trips, many writers."""

from __future__ import annotations

import threading
import uuid

import numpy as np
import pytest

from earmark.errors import DamagedIndexError, LibraryParametersError
from earmark.ports import Posted
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_posting_layout import LEVELS, Layout, PostingLimits
from earmark.stores.redis_postings import RedisPostingStore

BITS = 12
LAYOUT = Layout(BITS, 2)  # 4 shards of 16 units
ALL = np.arange(1 << BITS, dtype=np.uint32)
SMALL = PostingLimits(
    level_bytes=(1000, 2500, 5000, 9000),
    batch_postings=2000,
    batch_numbers=5,
    exact_bytes=1 << 30,
)


@pytest.fixture
def client(redis_host):
    address = RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex)
    client = RedisClient(address)
    yield client
    client.close()


def made(number, count=600, bits=BITS):
    rng = np.random.default_rng(number)
    hashes = rng.exponential((1 << bits) / 8, count).astype(np.uint32) % (1 << bits)
    frames = rng.integers(0, 9000, count).astype(np.uint32)
    return Posted(number, hashes, frames, 9000, np.full(number % 50, number % 256, np.uint8))


def store_of(client, limits=SMALL, bits=BITS, digest="digest"):
    layout = LAYOUT if bits == BITS else None
    return RedisPostingStore(client, "recording", bits, digest, limits=limits, layout=layout)


def found(store, hashes=ALL):
    hits = store.lookup(hashes)
    numbers, frames = store.locate(hits.position)
    return sorted(zip(hits.query_index.tolist(), numbers.tolist(), frames.tolist(), strict=True))


def expected(numbers):
    """What `found` has to say of all hashes."""
    items = [made(number) for number in numbers]
    return sorted(
        (int(value), item.number, int(frame))
        for item in items
        for value, frame in zip(item.hashes, item.frames, strict=True)
    )


def levels(store):
    """Bytes on each level, of all shards."""
    return np.sum([size.levels for size in store._upkeep.sizes(store._roster.view().epoch)], axis=0)


def recounted(client, store):
    """The same, by looking."""
    total = [0] * LEVELS
    epoch = store._roster.view().epoch
    for shard in range(LAYOUT.shards):
        held = client.call("HGETALL", store._keys.shard(epoch, shard))
        for field, value in held.items():
            if len(field) == 4:
                total[field[3] & 7] += len(value)
    return total


def test_merging_moves_postings_up_and_loses_none(client):
    store = store_of(client)
    seen = set()
    for start in range(0, 40, 2):
        store.add(made(number) for number in range(start, start + 2))
        store.flush()
        held = levels(store)
        assert held.tolist() == recounted(client, store)
        seen.add(tuple((held > 0).tolist()))
        assert found(store) == expected(range(start + 2))
    assert np.any(list(seen), axis=0).all()  # every level was in use
    store.compact()
    assert levels(store).tolist() == recounted(client, store)
    assert levels(store)[:-1].tolist() == [0] * (LEVELS - 1)
    assert found(store) == expected(range(40))
    assert found(store_of(client)) == expected(range(40))
    assert store.verify() == []


def test_removed_postings_are_cleared_away_and_may_return(client):
    store = store_of(client)
    store.add(made(number) for number in range(30))
    store.compact()
    before = store.stats()["bytes"]
    store.remove([*range(0, 30, 2), 77])
    store.compact()
    assert store.stats()["bytes"] < 0.6 * before
    assert client.call("HLEN", store._keys.payloads(0, 4)) == 1  # only the count of bytes
    assert found(store) == expected(range(1, 30, 2))
    store.add(made(number) for number in range(0, 30, 2))
    assert found(store) == expected(range(30))
    assert store.verify() == []
    store.remove([1])
    store.add([made(1)])  # not cleared away yet
    store.compact()
    assert found(store) == expected(range(30))
    assert store.verify() == []


def test_a_burial_that_was_cut_off_is_ended_by_whoever_adds_again(client):
    store, other = store_of(client), store_of(client)
    store.add(made(number) for number in range(20))
    store.remove([3, 4])
    view = store._roster.view()
    sizes = store._upkeep.sizes(view.epoch)
    store._upkeep.bury(view.epoch, sizes, 1)  # one shard, then the process is gone
    assert 0 < client.call("SCARD", store._keys.cleared(view.epoch)) < len(sizes)
    other.add([made(3)])
    assert found(other) == expected(set(range(20)) - {4})
    assert client.call("SCARD", store._keys.buried(view.epoch)) == 0
    assert other.verify() == []


def test_whoever_began_to_add_before_a_burial_begins_again(client, monkeypatch):
    slow, other = store_of(client), store_of(client)
    other.add(made(number) for number in range(10))
    inner = slow._writer._put
    held_up = []

    def put(epoch, burials, batch):
        inner(epoch, burials, batch)
        if not held_up:
            held_up.append(burials)
            other.remove([10])
            other.compact()  # clears away what ``slow`` has just written

    monkeypatch.setattr(slow._writer, "_put", put)
    slow.add([made(10)])
    assert held_up == [0]
    assert found(slow) == expected(range(11))
    assert slow.verify() == []


def test_a_value_takes_no_more_than_its_bytes_and_says_what_it_left_out(client):
    limits = PostingLimits(value_bytes=300, level_bytes=(50, 50, 50, 50), batch_numbers=2)
    store = store_of(client, limits)
    common = np.full(20, 7, np.uint32)
    for number in range(30):
        store.add(
            [Posted(number, common, np.arange(20, dtype=np.uint32), 99, np.zeros(0, np.uint8))]
        )
        store.flush()
    hits = store.lookup(np.array([7], np.uint32))
    stats = store.stats()
    assert stats["capped"] > 0
    assert len(hits.position) + stats["capped"] == stats["postings"] == 600
    assert len(hits.position) >= 100
    assert store.lookup(np.array([8], np.uint32)).position.tolist() == []
    assert store.verify() == []


def test_a_span_that_a_position_cannot_tell_is_refused(client):
    store = store_of(client)
    item = Posted(
        1,
        np.zeros(0, np.uint32),
        np.zeros(0, np.uint32),
        (1 << 24) - 8192,
        ALL[:0].astype(np.uint8),
    )
    with pytest.raises(ValueError, match="74 hours"):
        store.add([item])
    with pytest.raises(ValueError, match="is not below"):
        store.add([Posted(2**31, item.hashes, item.frames, 5, item.payload)])
    assert len(store.known()) == 0


def test_a_lookup_is_one_round_trip_and_payloads_are_one(client):
    store, other = store_of(client), store_of(RedisClient(client.address))
    store.add(made(number) for number in range(20))
    store.compact()
    store.lookup(ALL)

    def trips(ask):
        before = client.round_trips
        ask()
        return client.round_trips - before

    assert trips(lambda: store.lookup(ALL[::3])) == 1
    assert trips(lambda: store.counts(ALL[::3])) == 1
    assert trips(lambda: store.payloads(range(1, 20))) == 1
    assert trips(lambda: store.payloads(range(1, 20))) == 0  # kept
    assert trips(lambda: store.locate(np.array([1 << 24]))) == 0
    assert trips(store.reload) == 0
    store.flush()
    assert trips(store.flush) == 0
    other.add([made(20)])
    assert trips(lambda: store.lookup(ALL)) <= 3  # the roster has changed
    fresh = store_of(client)
    assert trips(lambda: fresh.lookup(ALL)) <= 3
    assert trips(lambda: fresh.lookup(ALL)) == 1
    assert found(store) == expected(range(21))
    other._client.close()


def test_unknown_payloads_are_key_errors(client):
    store = store_of(client)
    store.add([made(3), made(4)])
    got = store.payloads([4, 3, 4])
    assert [bytes(one) for one in got] == [bytes(made(n).payload) for n in (4, 3, 4)]
    with pytest.raises(KeyError, match="9"):
        store.payloads([3, 9])
    store.remove([3])
    with pytest.raises(KeyError, match="3"):
        store.payload(3)


def test_payloads_are_kept_up_to_their_bytes(client):
    store = store_of(client, PostingLimits(payload_bytes=100))
    store.add(Posted(n, ALL[:1], ALL[:1], 5, np.full(40, n, np.uint8)) for n in range(4))
    store.payloads([0, 1, 2, 3])
    kept = [store._payloads.kept.get(0, number) for number in range(4)]
    assert [payload is not None for payload in kept] == [False, False, True, True]


def test_where_reading_costs_much_counts_are_about_right(client):
    store = store_of(client, PostingLimits(exact_bytes=0))
    assert store.counts(ALL).sum() == 0
    hot = np.full(1000, 77, np.uint32)
    store.add(made(number) for number in range(30))
    store.add([Posted(30, hot, np.arange(1000, dtype=np.uint32), 1000, np.zeros(0, np.uint8))])
    exact = np.bincount(store.lookup(ALL).query_index, minlength=len(ALL))
    for _ in range(2):
        about = store.counts(np.concatenate([ALL, ALL[77:78]]))
        assert (about[:-1][exact > 0] > 0).all()
        assert 0.5 * exact[77] < about[77] < 1.5 * exact[77]  # one track: short differences
        assert about[-1] == about[77]
        assert about[78] < 0.3 * about[77]
        store.compact()


def test_another_digest_is_refused_until_it_is_dropped(client):
    store_of(client).add([made(1)])
    other = store_of(client, digest="other")
    for ask in (other.known, lambda: other.lookup(ALL), lambda: other.add([made(2)])):
        with pytest.raises(LibraryParametersError, match="earmark rebuild"):
            ask()
    other.drop()
    other.add([made(2)])
    assert found(other) == expected([2])


def test_what_is_dropped_is_gone_from_redis_and_a_late_reader_finds_what_came_after(client):
    store, late = store_of(client), store_of(client)
    store.add(made(number) for number in range(8))
    assert found(late) == expected(range(8))
    keys = client.call("KEYS", f"*{client.address.namespace}*")
    store.drop()
    left = client.call("KEYS", f"*{client.address.namespace}*")
    assert len(keys) > 16
    assert len(left) == 1  # the counters of the roster
    assert found(late) == []
    store.add([made(1)])
    assert found(late) == expected([1])
    np.testing.assert_array_equal(late.payload(1), made(1).payload)


def spoil(client, store, change):
    key = next(
        key
        for shard in range(LAYOUT.shards)
        if client.call("HLEN", key := store._keys.shard(0, shard)) > 5
    )
    held = client.call("HGETALL", key)
    field, value = next((f, v) for f, v in held.items() if len(f) == 4 and len(v) > 9)
    client.call("HSET", key, field, change(value))


@pytest.mark.parametrize(
    "change",
    [lambda v: v[:-3], lambda v: b"\xff" * 30, lambda v: v[:8] + bytes([v[8] ^ 4]) + v[9:]],
    ids=["cut", "noise", "bit"],
)
def test_damage_is_told_in_a_sentence(client, change):
    store = store_of(client)
    store.add(made(number) for number in range(20))
    store.compact()
    assert store.verify() == []
    spoil(client, store, change)
    faults = store.verify()
    assert len(faults) == 1
    assert "is damaged; run `earmark rebuild`" in faults[0]
    store.add([made(20)])
    with pytest.raises(DamagedIndexError, match="earmark rebuild"):
        for number in range(21, 50):
            store.add([made(number)])
            store.flush()
        store.remove([1])
        store.compact()


def test_what_is_missing_is_told_in_a_sentence(client):
    store = store_of(client)
    store.add(made(number) for number in range(8))
    spoil(client, store, lambda value: b"")
    client.call("HDEL", store._keys.payloads(0, 5), 5)
    faults = store.verify()
    assert any("postings of 600; run `earmark rebuild`" in fault for fault in faults)
    assert any(fault.startswith("number 5 of") and "no payload" in fault for fault in faults)


class TwiceClient(RedisClient):
    """Sends every request again, as if the first answer had been lost on the way."""

    def call(self, *command):
        super().call(*command)
        return super().call(*command)

    def calls(self, commands):
        commands = list(commands)
        super().calls(commands)
        return super().calls(commands)


def test_whatever_is_sent_twice_is_done_once(client):
    twice = TwiceClient(client.address)
    store = store_of(twice)
    for start in range(0, 24, 4):
        store.add(made(number) for number in range(start, start + 4))
        store.flush()
    store.remove([2, 3])
    store.compact()
    store.add([made(3), made(24)])
    assert found(store) == expected(set(range(25)) - {2})
    assert levels(store).tolist() == recounted(client, store)
    assert store.stats()["postings"] == 24 * 600
    assert store.verify() == []
    twice.close()


def test_many_writers_of_the_same_tracks_store_each_once(client):
    stores = [store_of(client) for _ in range(4)]
    faults = []

    def work(at):
        try:
            rng = np.random.default_rng(at)
            for number in rng.permutation(30).tolist():
                stores[at].add([made(number)])
                stores[at].flush()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    reader = store_of(client)
    whole = {(n, len(made(n).hashes)) for n in range(30)}
    while any(thread.is_alive() for thread in threads):
        numbers = reader.locate(reader.lookup(ALL).position)[0]
        held, counts = np.unique(numbers, return_counts=True)
        assert set(zip(held.tolist(), counts.tolist(), strict=True)) <= whole
    for thread in threads:
        thread.join()
    assert faults == []
    assert found(reader) == expected(range(30))
    assert reader.stats()["postings"] == 30 * 600
    assert reader.verify() == []


@pytest.mark.parametrize("bits", [1, 4, 6, 9, 15])
def test_any_width_of_hashes_finds_its_postings(client, bits):
    store = store_of(client, bits=bits)
    store.add(made(number, 300, bits) for number in range(5))
    every = np.unique(np.concatenate([made(n, 300, bits).hashes for n in range(5)]))
    for _ in range(2):
        assert len(store.lookup(every).position) == 1500
        assert store.verify() == []
        store.compact()


def test_mixing_moves_every_hash_to_a_place_of_its_own():
    for bits in (1, 4, 9, 14, 18):
        layout = Layout(bits)
        mixed = layout.mixed(np.arange(1 << bits, dtype=np.uint32))
        assert np.unique(mixed).tolist() == list(range(1 << bits))
        assert (layout.shard(mixed) < layout.shards).all()


def test_hashes_of_more_bits_than_a_field_has_are_refused():
    with pytest.raises(ValueError, match="1 to 29 bits"):
        Layout(30)


def test_neighbours_in_music_are_none_in_redis():
    layout = Layout(22)
    near = np.arange(500 << 13, (500 << 13) + 4096, dtype=np.uint32)
    assert len(np.unique(layout.mixed(near) >> 6)) > 0.9 * 4096
    counts = np.bincount(layout.shard(layout.mixed(near)), minlength=64)
    assert counts.max() < 2 * counts.mean()
