"""Tracks by their best moment, and as wholes."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.ports import Embedded
from earmark.sound.search import MOMENTS, resembling, resembling_files
from earmark.stores.memory_vectors import MemoryVectorStore
from earmark.types import Span

SPAN = [Span(0.0, 10.0)]


def at(*degrees):
    """Unit vectors in a plane of four dimensions."""
    angle = np.radians(np.array(degrees, float))
    rows = np.zeros((len(degrees), 4))
    rows[:, 0], rows[:, 1] = np.cos(angle), np.sin(angle)
    return rows.astype(np.float32)


def store(**tracks):
    """Tracks ``t3=(10, 20)``: number 3 with windows of 10 s at 0 s, 5 s, ... at these angles."""
    made = MemoryVectorStore(4)
    for name, degrees in tracks.items():
        count = len(degrees)
        start_s = np.arange(count, dtype=np.float32) * 5
        length_s = np.full(count, 10, np.float32)
        made.add([Embedded(int(name[1:]), at(*degrees), start_s, length_s, b"")])
    return made


def numbers(found):
    return [one.number for one in found]


def test_the_best_moment_ranks():
    held = store(t1=(80, 40), t2=(10,), t3=(90, 5, 90))
    found = resembling(held, at(0), SPAN, 5)
    assert numbers(found) == [3, 2, 1]
    assert found[0].moments[0].similarity == pytest.approx(np.cos(np.radians(5)))
    assert found[0].moments[0].reference == Span(5.0, 15.0)
    assert found[0].moments[0].query == SPAN[0]


def test_limit_among_and_without():
    held = store(t1=(30,), t2=(10,), t3=(5,), t4=(50,))
    assert numbers(resembling(held, at(0), SPAN, 2)) == [3, 2]
    assert numbers(resembling(held, at(0), SPAN, 2, among=np.array([1, 4]))) == [1, 4]
    assert numbers(resembling(held, at(0), SPAN, 2, without=(3,))) == [2, 1]
    assert resembling(held, at(0), SPAN, 2, among=np.zeros(0, np.int64)) == []
    assert resembling(held, at(), [], 2) == []
    assert resembling(store(t1=()), at(0), SPAN, 2) == []


def test_of_equal_ones_the_lower_number_comes_first():
    assert numbers(resembling(store(t9=(7,), t2=(7,), t5=(7,)), at(7), SPAN, 2)) == [2, 5]


def test_further_moments_are_apart_and_nearly_as_good():
    held = store(t1=(4, 3, 2, 50, 6, 80, 9, 80, 8, 80, 7, 80, 5))
    (found,) = resembling(held, at(0), SPAN, 1)
    starts = [moment.reference.start_s for moment in found.moments]
    assert starts[0] == 10.0
    assert len(starts) == MOMENTS
    assert all(abs(a - b) >= 10 for i, a in enumerate(starts) for b in starts[:i])
    assert [m.similarity for m in found.moments] == sorted(
        (m.similarity for m in found.moments), reverse=True
    )
    (found,) = resembling(store(t1=(0, 90, 30)), at(0), SPAN, 1)
    assert len(found.moments) == 1  # 30 degrees off is .13 less


def test_a_track_of_many_like_windows_hides_nobody():
    """Its 400 windows fill every list of neighbours that is asked for first."""
    held = store(t1=(1,) * 400, t2=(20,), t3=(30,))
    assert numbers(resembling(held, at(0), SPAN, 3)) == [1, 2, 3]


def test_a_window_that_fits_nothing_does_not_bring_in_what_another_has_not_seen():
    """Of two query windows the first is like nothing; the second's list is full of track 1."""
    held = store(t1=(1,) * 400, t2=(20,), **{f"t{n}": (85,) for n in range(10, 80)})
    found = resembling(held, at(170, 0), [Span(0, 10), Span(5, 15)], 2)
    assert numbers(found) == [1, 2]
    assert found[1].moments[0].query == Span(5, 15)


def test_files_are_compared_as_wholes():
    """One moment of 1 is nearer than any of 2, whose whole is nearer."""
    held = store(t1=(0, 80, 80), t2=(12, 14, 10))
    assert numbers(resembling(held, at(0), SPAN, 2)) == [1, 2]
    first, second = resembling_files(held, at(0), SPAN, 2)
    assert (first.number, second.number) == (2, 1)
    assert first.moments[0].similarity == pytest.approx(np.cos(np.radians(12)), abs=1e-3)
    assert first.moments[0].reference == Span(0.0, 20.0)


def test_windows_count_by_their_length_in_a_whole():
    held = MemoryVectorStore(4)
    spans = np.array([0, 10], np.float32), np.array([10, 1], np.float32)
    held.add([Embedded(1, at(0, 90), *spans, b"")])
    (found,) = resembling_files(held, at(0), SPAN, 1)
    assert found.moments[0].similarity > 0.99


def test_files_limit_among_and_without():
    held = store(t1=(30,), t2=(10,), t3=(5,))
    assert numbers(resembling_files(held, at(0), SPAN, 2)) == [3, 2]
    assert numbers(resembling_files(held, at(0), SPAN, 2, without=(3,))) == [2, 1]
    assert numbers(resembling_files(held, at(0), SPAN, 2, among=np.array([1]))) == [1]
    assert resembling_files(held, at(0), SPAN, 2, among=np.array([7])) == []


def test_the_query_of_wholes_is_its_whole_stretch():
    held = store(t1=(0, 5))
    (found,) = resembling_files(held, at(0, 5), [Span(2, 12), Span(7, 17)], 1)
    assert found.moments[0].query == Span(2, 17)
    assert found.moments[0].similarity == pytest.approx(1.0, abs=1e-5)


def test_a_track_removed_between_two_looks_is_left_out():
    class Leaving(MemoryVectorStore):
        def embedded(self, number):
            self.remove([2])
            return super().embedded(number)

    held = Leaving(4)
    held.add(Embedded(n, at(n), np.zeros(1), np.ones(1), b"") for n in (1, 2, 3))
    assert numbers(resembling_files(held, at(0), SPAN, 5)) == [1, 3]
