"""Ranking tracks by their best moment, against a search that looks at everything."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.ports import Embedded
from earmark.sound import search
from earmark.sound.search import resembling
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.types import Span

DIMENSION = 3


def made(seed, tracks, crowd):
    """Tracks of 0 to 6 windows; the first may be a crowd of like ones. Many are exactly equal."""
    rng = np.random.default_rng(seed)
    store = MemoryVectorStore(DIMENSION)
    for number in rng.permutation(np.arange(1, tracks + 1)):
        count = int(rng.integers(0, 7)) if number > 1 else crowd
        rows = rng.integers(-2, 3, (count, DIMENSION)).astype(np.float32)
        rows[~rows.any(axis=1), 0] = 1.0
        if number == 1:
            rows[:] = (1.0, 0.1, 0.0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        start_s = np.arange(count, dtype=np.float32) * 5
        store.add([Embedded(int(number), rows, start_s, np.full(count, 10.0), b"")])
    queries = rng.normal(size=(int(rng.integers(1, 4)), DIMENSION)).astype(np.float32)
    queries[0] = (1.0, 0.0, 0.0)
    return store, queries / np.linalg.norm(queries, axis=1, keepdims=True)


def best_of_all(store, queries, among, without):
    """Every track's best similarity, best first, ties by number."""
    best = {}
    for number in store.known().tolist():
        held = store.embedded(number)
        if len(held.vectors) and number not in without and (among is None or number in among):
            products = queries.astype(np.float64) @ held.vectors.T.astype(np.float64)
            best[number] = float(products.max().astype(np.float32))
    return sorted(best.items(), key=lambda item: (-item[1], item[0]))


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    tracks=st.integers(1, 40),
    crowd=st.sampled_from([0, 1, 60, 300]),
    limit=st.integers(1, 12),
    among=st.none() | st.lists(st.integers(1, 45), max_size=12),
    without=st.sampled_from([(), (1,), (2, 3)]),
)
def test_the_ranking_is_that_of_a_search_through_everything(
    seed, tracks, crowd, limit, among, without
):
    store, queries = made(seed, tracks, crowd)
    spans = [Span(5.0 * i, 5.0 * i + 10.0) for i in range(len(queries))]
    numbers = None if among is None else np.array(among, np.int64)
    found = resembling(store, queries, spans, limit, among=numbers, without=without)
    expected = best_of_all(store, queries, among, without)[:limit]
    assert [(one.number, one.moments[0].similarity) for one in found] == expected
    for one in found:
        assert 1 <= len(one.moments) <= search.MOMENTS
        similarities = [moment.similarity for moment in one.moments]
        assert similarities == sorted(similarities, reverse=True)
        for index, moment in enumerate(one.moments):
            assert moment.query in spans
            for other in one.moments[:index]:
                apart = abs(moment.reference.start_s - other.reference.start_s)
                assert apart >= 10.0
