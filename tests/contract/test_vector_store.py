"""What every vector store owes its callers, and that all of them answer alike."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.ports import Embedded
from earmark.stores.memory_vectors import MemoryVectorStore

DIMENSION = 20  # of conftest.py's stores; no multiple of 16
# Each component is off by half a step of 1/127 of the vector's largest at most, a query's by less.
WORST = 0.5 / 127 * np.sqrt(DIMENSION) + 1e-4


def unit(rows):
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embedded(number: int, count: int | None = None) -> Embedded:
    """A number always stands for the same vectors; some have none."""
    rng = np.random.default_rng(number)
    n = int(rng.choice([0, 1, 7, 40])) if count is None else count
    starts = np.arange(n) * 0.5
    payload = rng.bytes(int(rng.integers(0, 50)))
    vectors = unit(rng.standard_normal((n, DIMENSION)))
    return Embedded(number, vectors, starts, np.full(n, 6.3), payload)


QUERIES = unit(np.random.default_rng(99).standard_normal((5, DIMENSION)))


def assert_near(found, right, truth):
    """The same similarities but for rounding, and each of a window that really has it."""
    np.testing.assert_array_equal(found.number == -1, right.number == -1)
    assert (found.similarity[:, :-1] >= found.similarity[:, 1:]).all()
    filled = found.number >= 0
    np.testing.assert_allclose(found.similarity[filled], right.similarity[filled], atol=WORST)
    assert (found.similarity[~filled] == -np.inf).all()
    for q, column in zip(*np.nonzero(filled), strict=True):
        item = truth.embedded(found.number[q, column])
        row = np.argmin(np.abs(item.start_s - found.start_s[q, column]))
        assert item.start_s[row] == found.start_s[q, column]
        assert item.length_s[row] == found.length_s[q, column]
        similarity = item.vectors[row] @ QUERIES[q]
        assert abs(similarity - found.similarity[q, column]) < WORST


def assert_alike(store, wanted: set[int]):
    oracle = MemoryVectorStore(DIMENSION)
    oracle.add(embedded(number) for number in sorted(wanted))
    assert store.known().tolist() == sorted(wanted)
    assert store.known().dtype == np.int64
    for k in (1, 30, 2000):
        assert_near(store.search(QUERIES, k), oracle.search(QUERIES, k), oracle)
    some = np.array(sorted(wanted)[::2], np.int64)
    assert_near(store.search(QUERIES, 30, some), oracle.search(QUERIES, 30, some), oracle)
    for number in wanted:
        held, right = store.embedded(number), embedded(number)
        assert held.number == number
        assert held.payload == right.payload
        assert held.vectors.shape == right.vectors.shape
        np.testing.assert_allclose(held.vectors, right.vectors, atol=0.5 / 127 + 1e-4)
        np.testing.assert_allclose(held.start_s, right.start_s, atol=1e-5)
        np.testing.assert_allclose(held.length_s, right.length_s, atol=1e-5)
    assert store.payloads(sorted(wanted)) == [embedded(n).payload for n in sorted(wanted)]
    assert store.stats()["vectors"] == oracle.stats()["vectors"]


@pytest.fixture
def store(vectors):
    return vectors.open()


def test_an_empty_store_answers(store):
    assert_alike(store, set())
    store.flush()
    store.reload()
    store.remove([1])
    found = store.search(QUERIES, 3, np.array([1, 2]))
    assert found.number.tolist() == [[-1, -1, -1]] * 5
    assert store.verify() == []
    with pytest.raises(KeyError):
        store.embedded(1)
    with pytest.raises(KeyError):
        store.payloads([1])


def test_the_shape_of_an_answer(store):
    store.add(embedded(n, 7) for n in range(3))
    found = store.search(QUERIES, 30)
    shapes = {name: getattr(found, name) for name in ("number", "start_s", "length_s")}
    assert all(column.shape == (5, 30) for column in shapes.values())
    assert found.similarity.shape == (5, 30)
    assert found.number.dtype == np.int64
    floats = (found.start_s, found.length_s, found.similarity)
    assert {column.dtype for column in floats} == {np.dtype(np.float32)}
    assert (found.number[:, :21] >= 0).all()
    assert (found.number[:, 21:] == -1).all()
    assert store.search(QUERIES, 0).number.shape == (5, 0)
    assert store.search(QUERIES[:0], 4).number.shape == (0, 4)


def test_a_stored_vector_is_its_own_nearest(store):
    store.add(embedded(n, 7) for n in range(30))
    for flush in (False, True):
        if flush:
            store.flush()
        found = store.search(embedded(17, 7).vectors, 2)
        assert found.number[:, 0].tolist() == [17] * 7
        np.testing.assert_allclose(found.start_s[:, 0], np.arange(7) * 0.5)
        np.testing.assert_allclose(found.similarity[:, 0], 1, atol=WORST)


def test_equal_ones_come_by_number_then_by_start(store):
    same = unit(np.ones((3, DIMENSION)))
    length = np.ones(3)
    for number in (7, 3, 900, 5):
        store.add([Embedded(number, same, np.array([2.0, 1.0, 3.0]), length, b"")])
        if number == 3:
            store.flush()
    everyone = [(n, s) for n in (3, 5, 7, 900) for s in (1.0, 2.0, 3.0)]
    for k in range(1, 13):
        found = store.search(same[:1], k)
        rows = zip(found.number[0].tolist(), found.start_s[0].tolist(), strict=True)
        assert list(rows) == everyone[:k]
    zero = store.search(np.zeros((1, DIMENSION), np.float32), 5)
    assert zero.number.tolist() == [[3, 3, 3, 5, 5]]
    assert zero.similarity.tolist() == [[0.0] * 5]


def test_additions_are_found_at_once_and_after_a_flush(store):
    store.add([embedded(1), embedded(2)])
    assert_alike(store, {1, 2})
    store.add([embedded(3)])
    assert_alike(store, {1, 2, 3})
    store.flush()
    assert_alike(store, {1, 2, 3})
    assert store.verify() == []


def test_tracks_without_a_vector_are_known(store):
    store.add([embedded(1, 0), embedded(2, 0)])
    for _ in range(2):
        assert store.known().tolist() == [1, 2]
        assert store.embedded(2).vectors.shape == (0, DIMENSION)
        assert store.payloads([2, 1]) == [embedded(2, 0).payload, embedded(1, 0).payload]
        assert store.search(QUERIES, 2).number.tolist() == [[-1, -1]] * 5
        store.flush()


def test_removal_is_at_once(store):
    store.add(embedded(n) for n in range(10))
    store.remove([3, 4, 99])
    assert_alike(store, set(range(10)) - {3, 4})
    with pytest.raises(KeyError):
        store.embedded(3)
    with pytest.raises(KeyError):
        store.payloads([1, 4])
    store.flush()
    assert_alike(store, set(range(10)) - {3, 4})


def test_a_known_number_is_left_as_it_is_and_a_removed_one_may_return(store):
    store.add([embedded(1), embedded(1)])
    store.add([embedded(1, 3)])
    assert_alike(store, {1})
    store.flush()
    store.remove([1])
    assert_alike(store, set())
    store.add([embedded(1)])
    assert_alike(store, {1})
    store.flush()
    assert_alike(store, {1})


def test_drop_forgets_everything(store):
    store.add([embedded(1), embedded(2)])
    store.flush()
    store.add([embedded(3)])
    store.drop()
    assert_alike(store, set())
    store.add([embedded(2)])
    store.flush()
    assert_alike(store, {2})


def test_a_late_start_is_kept_to_ten_milliseconds(store):
    one = Embedded(1, QUERIES[:1], np.array([35999.993]), np.array([700.004]), b"")
    store.add([one])
    store.flush()
    found = store.search(QUERIES[:1], 1)
    assert abs(found.start_s[0, 0] - 35999.99) < 0.005
    assert abs(found.length_s[0, 0] - 700.0) < 0.001


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": QUERIES[:2, :8]}, "shapes"),
        ({"vectors": QUERIES[:1]}, "shapes"),
        ({"length_s": np.ones(3)}, "shapes"),
        ({"vectors": 1.1 * QUERIES[:2]}, "length 1.1, not 1"),
        ({"vectors": np.full((2, DIMENSION), np.nan)}, "length nan"),
        ({"start_s": np.array([0.0, -1.0])}, "time"),
        ({"start_s": np.array([0.0, 1e9])}, "time"),
        ({"length_s": np.array([0.0, np.inf])}, "time"),
    ],
)
def test_nonsense_is_refused_at_the_door(store, change, message):
    fields = {"vectors": QUERIES[:2], "start_s": np.zeros(2), "length_s": np.ones(2)}
    with pytest.raises(ValueError, match=message):
        store.add([Embedded(number=1, payload=b"", **{**fields, **change})])
    assert_alike(store, set())


@pytest.mark.parametrize(
    ("queries", "k"), [(QUERIES[:, :8], 1), (QUERIES[0], 1), (QUERIES, -1), (QUERIES * np.inf, 1)]
)
def test_a_question_that_makes_no_sense(store, queries, k):
    with pytest.raises(ValueError):
        store.search(queries, k)


def test_many_small_additions_between_searches(store, vectors):
    last = 15 if vectors.shared else 60  # each of which is durable there
    for number in range(last):
        store.add([embedded(number)])
        store.search(QUERIES[:1], 1)
    assert_alike(store, set(range(last)))


def test_any_thread_may_search_while_another_changes(store, vectors):
    last = 50 if vectors.examples >= 50 else 30  # a flush to Milvus takes its time
    store.add(embedded(n, 7) for n in range(20))
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        mine = embedded(3, 7)
        while not stop.is_set():
            found = store.search(mine.vectors, 3)
            if found.number[:, 0].tolist() != [3] * 7 or store.payloads([3]) != [mine.payload]:
                wrong.append(found)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(20, last):
        store.add([embedded(number, 7)])
        store.remove([number - 10])
        store.flush()
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_another_opening_sees_what_was_flushed(turned_vectors):
    one, two = turned_vectors.open(), turned_vectors.open()
    one.add([embedded(1)])
    assert_alike(two, set())
    one.flush()
    assert_alike(two, set())
    two.add([embedded(2)])
    two.reload()
    assert_alike(two, {1, 2})  # the pending one stays searchable
    two.flush()
    one.reload()
    assert_alike(one, {1, 2})
    assert_alike(turned_vectors.open(), {1, 2})


def test_another_opening_sees_every_change_at_once(shared_vectors):
    one, two = shared_vectors.open(), shared_vectors.open()
    two.add([embedded(1), embedded(2)])
    assert_alike(one, {1, 2})
    one.remove([1])
    assert_alike(two, {2})
    two.add([embedded(3)])
    one.add([embedded(1), embedded(3)])
    assert_alike(two, {1, 2, 3})
    assert_alike(shared_vectors.open(), {1, 2, 3})


def test_what_is_removed_before_another_opening_adds_it_stays_hidden(turned_vectors):
    one, two = turned_vectors.open(), turned_vectors.open()
    one.remove([2])
    two.add([embedded(1), embedded(2)])
    two.flush()
    one.reload()
    assert_alike(one, {1})


def test_two_writers_that_add_the_same_number_store_it_once(durable_vectors):
    one, two = durable_vectors.open(), durable_vectors.open()
    for store in (one, two):
        store.add([embedded(2), embedded(3)])
        store.search(QUERIES, 1)
    one.flush()
    two.flush()
    assert_alike(two, {2, 3})
    assert_alike(durable_vectors.open(), {2, 3})


OPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "flush", "flush", "ask", "reload", "reopen"]),
        st.lists(st.integers(0, 30), max_size=8),
    ),
    max_size=20,
)


def test_whatever_happened_the_answers_are_those_of_memory(vector_backend, tmp_path_factory):
    def open_one():
        return vector_backend(tmp_path_factory.mktemp("index"))

    @settings(
        max_examples=open_one().examples,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(ops=OPS)
    def try_all(ops):
        try_operations(open_one(), ops)

    try_all()


def try_operations(backend, ops):
    store = backend.open()
    truth: set[int] = set()
    for op, numbers in ops:
        if op == "add":
            truth.update(numbers)
            store.add(embedded(n) for n in numbers)
        elif op == "remove":
            truth.difference_update(numbers)
            store.remove(numbers)
        elif op == "flush":
            store.flush()
        elif op == "reload":
            store.reload()
        elif op == "reopen" and backend.durable:
            store.flush()
            store = backend.open()
            # A removal that merged nothing away is the truth's to tell again.
            store.remove([number for number in store.known().tolist() if number not in truth])
        elif op == "ask":
            assert_alike(store, truth)
    assert_alike(store, truth)
    store.flush()
    assert_alike(store, truth)
    assert store.verify() == []
