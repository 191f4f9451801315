"""Similarities become findings."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.ports import Embedded
from earmark.sound.features import features_of
from earmark.sound.findings import LEAST_SIMILARITY, confidence_of, findings_of
from earmark.sound.labels_kept import pack_labels
from earmark.sound.search import Moment, Resembling
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.types import Span

NAMES = ("Dog", "Cat")


@pytest.fixture
def moments():
    """Track 1: a dog at 0 to 10 s, a cat at 10 to 20 s."""
    odds = [np.array([0.9, 0.0], "f4"), np.array([0.0, 0.8], "f4")]
    ones = [np.ones(2, "f4")] * 2
    heard = features_of([(0, 10), (10, 10)], ones, ones, odds, 2, 2)
    store = MemoryVectorStore(2)
    unit = np.eye(2, dtype=np.float32)
    store.add([Embedded(1, unit, heard.start_s, heard.length_s, pack_labels(heard))])
    store.add([Embedded(2, unit[:0], heard.start_s[:0], heard.length_s[:0], b"")])
    return store


def one(number, *similarities, start_s=10.0):
    reference = Span(start_s, start_s + 10.0)
    return Resembling(number, tuple(Moment(s, Span(0, 5), reference) for s in similarities))


def test_all_that_a_finding_tells(moments):
    (found,) = findings_of([one(1, 0.8, 0.75)], moments, NAMES)
    assert (found.kind, found.number, found.score) == ("sound", 1, 0.8)
    assert found.confidence == pytest.approx(confidence_of(0.8))
    assert [s.reference.start_s for s in found.segments] == [10.0, 10.0]
    assert found.evidence.as_dict() == {"similarity": 0.8, "labels": {"Cat": 0.8}}
    assert (found.time_ratio, found.pitch_shift_semitones) == (1.0, 0.0)


def test_labels_are_those_of_the_moment(moments):
    (found,) = findings_of([one(1, 0.8, start_s=0.0)], moments, NAMES)
    assert list(found.evidence.labels) == ["Dog"]


def test_without_names_windows_or_track_there_are_no_labels(moments):
    assert findings_of([one(1, 0.8)], moments, ())[0].evidence.as_dict() == {"similarity": 0.8}
    for number in (2, 99):
        (found,) = findings_of([one(number, 0.8)], moments, NAMES)
        assert found.evidence.labels == {}


def test_what_is_hardly_alike_is_no_finding(moments):
    told = [one(1, 0.9), one(2, LEAST_SIMILARITY - 0.01)]
    assert [found.number for found in findings_of(told, moments, NAMES)] == [1]


def test_confidence_grows_with_similarity_within_0_and_1():
    told = [confidence_of(s) for s in np.linspace(-1, 1, 50)]
    assert told == sorted(told)
    assert 0.0 <= told[0] < 0.01
    assert 0.95 < told[-1] < 1.0
