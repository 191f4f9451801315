"""Short sounds that are nearly the same, by the vectors of the index."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.ports import Embedded, Twinned
from earmark.sound.twins import LONGEST_S, SAME_AT, laid, likeness, twins_of
from earmark.stores.memory_vectors import MemoryVectorStore


def embedded(number, *vectors, start_s=0.0, length_s=1.0):
    rows = np.array(vectors, np.float32).reshape(len(vectors), -1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    starts = (start_s + np.arange(len(rows)) * length_s).astype(np.float32)
    return Embedded(number, rows, starts, np.full(len(rows), length_s, np.float32), b"")


@pytest.fixture
def store():
    rng = np.random.default_rng(4)
    held = MemoryVectorStore(8)
    one = rng.normal(size=8)
    held.add(
        [
            embedded(1, one),
            embedded(2, one + 0.05 * rng.normal(size=8)),
            embedded(3, rng.normal(size=8)),
            embedded(4, one, length_s=2.0),
            embedded(5, one, start_s=LONGEST_S),
        ]
    )
    return held


def test_the_same_effect_of_the_same_length(store):
    found = {finding.number: finding.confidence for finding in twins_of(store, 1, 10, ())}
    assert found[2] > 0.9
    assert not {3, 4, 5} & set(found)  # another sound, a longer one, a part of a long track
    assert twins_of(store, 1, 10, (2,)) == []
    assert twins_of(store, 5, 10, ()) == twins_of(store, 99, 10, ()) == []


def test_every_moment_of_both_counts():
    both = embedded(1, [1, 0], [0, 1])
    assert likeness(both, both) == pytest.approx(1.0)
    assert likeness(both, embedded(2, [1, 0])) == pytest.approx(0.5)
    assert likeness(embedded(2, [1, 0]), both) == pytest.approx(0.5)


def test_confidence_turns_at_the_measured_similarity():
    at = np.array([SAME_AT, np.sqrt(1 - SAME_AT**2)])
    finding = laid(embedded(1, [1.0, 0.0]), embedded(2, at))
    assert finding.confidence == pytest.approx(0.5, abs=0.01)
    assert finding.segments[0].query.duration_s == 1.0
    assert (
        laid(
            embedded(1, [1.0, 0.0]),
            Embedded(2, np.zeros((0, 2), np.float32), *[np.zeros(0, np.float32)] * 2, b""),
        )
        is None
    )


def test_the_engine_compares_what_it_hears_and_what_it_holds(new_engine, hear, sound):
    engine = new_engine()
    assert isinstance(engine, Twinned)
    short = sound(1, 3.0)
    features = {1: hear(short), 2: hear(0.4 * short), 3: hear(sound(2, 3.0))}
    assert engine.laid(features[1], features[2]) is None  # nothing to measure likeness by
    engine.add(features.items())
    found = engine.twins(1, features[1], 5)
    assert [finding.number for finding in found[:1]] == [2]
    assert engine.laid(features[1], features[2]).confidence > 0.9
