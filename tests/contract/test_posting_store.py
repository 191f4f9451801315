"""What every posting store owes its callers, and that all of them answer alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.ports import GAP_FRAMES, Posted
from earmark.stores.memory import MemoryPostingStore

HASH_BITS = 12  # of conftest.py's stores


def posted(number: int) -> Posted:
    """A number always stands for the same postings; some have none, some collide on a hash."""
    rng = np.random.default_rng(number)
    count = int(rng.choice([0, 1, 40, 300]))
    span = int(rng.choice([0, 1, 900, 20_000])) if count == 0 else int(rng.choice([1, 900, 20_000]))
    hashes = (rng.exponential(40, count)).astype(np.uint32) % (1 << HASH_BITS)
    frames = rng.integers(0, max(1, span), count).astype(np.uint32)
    payload = rng.integers(0, 256, int(rng.integers(0, 50))).astype(np.uint8)
    return Posted(number, hashes, frames, span, payload)


ALL = np.arange(0, 1 << HASH_BITS, dtype=np.uint32)
SOME = np.concatenate([ALL[::-3], ALL[:50], ALL[:50], np.array([2**32 - 1], np.uint32)])


def answers(store, hashes=SOME):
    """Hits as (query index, number, frame), in an order of our own."""
    hits = store.lookup(hashes)
    assert hits.query_index.dtype == np.uint32
    assert hits.position.dtype == np.int64
    numbers, frames = store.locate(hits.position)
    return sorted(zip(hits.query_index.tolist(), numbers.tolist(), frames.tolist(), strict=True))


def assert_alike(store, wanted: set[int]):
    oracle = MemoryPostingStore(HASH_BITS)
    oracle.add(posted(number) for number in sorted(wanted))
    assert store.known().tolist() == sorted(wanted)
    assert store.known().dtype == np.int64
    assert answers(store) == answers(oracle)
    assert (store.counts(SOME) >= oracle.counts(SOME)).all()
    for number in wanted:
        np.testing.assert_array_equal(store.payload(number), oracle.payload(number))
    together = sorted(wanted, key=lambda number: (number % 3, number))
    payloads = store.payloads([*together, *together[:2]])
    for number, payload in zip([*together, *together[:2]], payloads, strict=True):
        np.testing.assert_array_equal(payload, oracle.payload(number))
    assert store.stats()["postings"] == oracle.stats()["postings"]


@pytest.fixture
def store(postings):
    return postings.open()


def test_an_empty_store_answers(store):
    assert_alike(store, set())
    store.flush()
    store.reload()
    store.remove([1])
    assert store.counts(SOME).tolist() == [0] * len(SOME)
    numbers, _ = store.locate(np.array([-5, 0, 10**12]))
    assert numbers.tolist() == [-1, -1, -1]
    assert store.verify() == []


def test_additions_are_found_at_once_and_after_a_flush(store):
    store.add([posted(1), posted(2)])
    assert_alike(store, {1, 2})
    store.add([posted(3)])
    assert_alike(store, {1, 2, 3})
    store.flush()
    assert_alike(store, {1, 2, 3})
    assert store.verify() == []


def test_counts_are_exact_while_nothing_is_dead(store):
    store.add(posted(n) for n in range(20))
    expected = np.bincount(store.lookup(SOME).query_index, minlength=len(SOME))
    assert store.counts(SOME).dtype == np.uint32
    assert store.counts(SOME).tolist() == expected.tolist()


def test_removal_is_at_once(store):
    store.add(posted(n) for n in range(10))
    positions = store.lookup(ALL).position
    store.remove([3, 4, 99])
    assert_alike(store, set(range(10)) - {3, 4})
    assert not {3, 4} & set(store.locate(positions)[0].tolist())
    with pytest.raises(KeyError):
        store.payload(3)
    with pytest.raises(KeyError):
        store.payloads([5, 3])
    store.flush()
    assert_alike(store, set(range(10)) - {3, 4})


def test_a_known_number_is_left_as_it_is_and_a_removed_one_may_return(store):
    store.add([posted(1), posted(1)])
    store.add([posted(1)])
    assert_alike(store, {1})
    store.flush()
    store.remove([1])
    assert_alike(store, set())
    store.add([posted(1)])
    assert_alike(store, {1})
    store.flush()
    assert_alike(store, {1})


def test_drop_forgets_everything(store):
    store.add([posted(1), posted(2)])
    store.flush()
    store.add([posted(3)])
    store.drop()
    assert_alike(store, set())
    store.add([posted(2)])
    store.flush()
    assert_alike(store, {2})


def test_tracks_lie_a_gap_apart_and_own_half_a_gap_before_them(postings):
    store = postings.open()
    spans = {1: 100, 2: 5000, 3: 1}
    for number, span in spans.items():
        ends = np.array([0, span - 1], np.uint32)
        store.add([Posted(number, np.array([7, 7], np.uint32), ends, span, np.zeros(0, np.uint8))])
        store.lookup(ALL)
    position = np.sort(store.lookup(np.array([7], np.uint32)).position)
    starts, lasts = position[0::2], position[1::2]
    assert (starts[1:] - lasts[:-1] > GAP_FRAMES - 1).all()
    numbers, frames = store.locate(starts - GAP_FRAMES // 2)
    assert numbers.tolist() == [1, 2, 3]
    assert frames.tolist() == [-GAP_FRAMES // 2] * 3
    assert store.locate(lasts)[0].tolist() == [1, 2, 3]
    if not postings.shared:  # whose positions need no table of tracks
        assert store.locate(lasts + 1)[0].tolist() == [-1, -1, -1]
    assert store.locate(starts - GAP_FRAMES // 2 - 1)[0].tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            Posted(1, np.array([1], np.uint32), np.array([5], np.uint32), 5, b""),
            "frame 5 is beyond",
        ),
        (
            Posted(1, np.array([1 << HASH_BITS], np.uint32), np.array([0], np.uint32), 5, b""),
            "bits",
        ),
        (
            Posted(1, np.array([1, 2], np.uint32), np.array([0], np.uint32), 5, b""),
            "2 hashes but 1",
        ),
    ],
)
def test_nonsense_is_refused_at_the_door(store, item, message):
    with pytest.raises(ValueError, match=message):
        store.add([item])
    assert_alike(store, set())


def test_many_small_additions_between_searches(store):
    for number in range(60):
        store.add([posted(number)])
        store.counts(ALL[:1])
    assert_alike(store, set(range(60)))


def test_another_opening_sees_what_was_flushed(turned_postings):
    one, two = turned_postings.open(), turned_postings.open()
    one.add([posted(1)])
    assert_alike(two, set())
    one.flush()
    assert_alike(two, set())
    two.add([posted(2)])
    two.reload()
    assert_alike(two, {1, 2})  # the pending one stays searchable
    two.flush()
    one.reload()
    assert_alike(one, {1, 2})
    assert_alike(turned_postings.open(), {1, 2})


def test_another_opening_of_a_shared_store_sees_everything_at_once(shared_postings):
    one, two = shared_postings.open(), shared_postings.open()
    one.add([posted(1)])
    assert_alike(two, {1})
    two.add([posted(2), posted(1)])
    assert_alike(one, {1, 2})
    one.remove([1])
    assert_alike(two, {2})
    with pytest.raises(KeyError):
        two.payload(1)
    two.drop()
    assert_alike(one, set())
    one.add([posted(1), posted(3)])
    assert_alike(two, {1, 3})
    assert_alike(shared_postings.open(), {1, 3})
    assert two.verify() == []


def test_two_writers_that_add_the_same_number_store_it_once(durable_postings):
    one, two = durable_postings.open(), durable_postings.open()
    for store in (one, two):
        store.add([posted(2), posted(3)])
        store.counts(ALL)
    one.flush()
    two.flush()
    assert_alike(two, {2, 3})
    assert_alike(durable_postings.open(), {2, 3})


OPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "flush", "reload", "reopen", "sync", "drop"]),
        st.integers(0, 1),
        st.lists(st.integers(0, 30), max_size=8),
    ),
    max_size=25,
)


def test_two_openings_follow_the_truth_as_a_library_makes_them(
    durable_postings, posting_backend, tmp_path_factory
):
    @settings(
        max_examples=durable_postings.examples,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(ops=OPS)
    def followed(ops):
        follow(posting_backend(tmp_path_factory.mktemp("index")), ops)

    followed()


def follow(backend, ops):
    stores = [backend.open(), backend.open()]
    truth: set[int] = set()
    used: set[int] = set()

    def forget_dead(store):
        store.remove([number for number in store.known().tolist() if number not in truth])

    for op, which, numbers in ops:
        store = stores[which]
        if op == "add":
            fresh = [n for n in numbers if n not in used]  # numbers are never used again
            used.update(fresh)
            truth.update(fresh)
            store.add(posted(n) for n in fresh)
        elif op == "remove":
            truth.difference_update(numbers)
            store.remove(numbers)
        elif op == "flush":
            store.flush()
        elif op == "reload":
            store.reload()
            forget_dead(store)
        elif op == "reopen":
            stores[which] = backend.open()
            forget_dead(stores[which])
        elif op == "drop":
            store.drop()
        else:
            store.reload()
            forget_dead(store)
            missing = truth - set(store.known().tolist())
            store.add(posted(n) for n in sorted(missing))
            assert_alike(store, truth)
        if op != "remove":
            assert set(store.known().tolist()) <= used
    for store in [*stores, backend.open()]:
        store.reload()
        forget_dead(store)
        store.add(posted(n) for n in sorted(truth - set(store.known().tolist())))
        assert_alike(store, truth)
        store.flush()
        assert_alike(store, truth)
        assert store.verify() == []
