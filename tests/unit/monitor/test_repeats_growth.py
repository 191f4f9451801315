"""Repeats over days: what is kept and what is done do not run away. Peaks only, no audio."""

from __future__ import annotations

import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from earmark.monitor.repeating import alike
from earmark.monitor.repeating.alike import Alike
from earmark.monitor.repeating.archive import Archive
from earmark.monitor.repeating.groups import Groups
from earmark.monitor.repeating.links import Link, Verifier
from earmark.monitor.repeating.matches import seeds
from earmark.monitor.repeating.peaks import RepeatPeaks, SourcePeaks, Stretch
from earmark.monitor.repeats import Repeats, links
from earmark.types import Span

FRAME_S = 0.016
PEAKS_A_SECOND = 24


def heard(seed: int, start_s: float, length_s: float) -> Stretch:
    """Return peaks of made-up music, the same for the same seed and length."""
    rng = np.random.default_rng([seed, round(length_s)])
    first, length = round(start_s / FRAME_S), round(length_s / FRAME_S)
    at = np.sort(rng.integers(length, size=int(length_s * PEAKS_A_SECOND)))
    bins = rng.integers(300, size=len(at)).astype(np.uint16)
    return Stretch(first, first + length, (at + first).astype(np.uint32), bins)


def found(*stretches: Stretch, explained: tuple[Span, ...] = ()):
    repeats = Repeats()
    repeats.absorb(RepeatPeaks((SourcePeaks("a", FRAME_S, stretches, explained),)))
    return repeats.find()


def song(start_s: float, refrain_s: list[float]) -> list[Stretch]:
    """Return a piece whose refrain of 16 s begins at these seconds; verses differ."""
    parts = []
    for number, (begin_s, next_s) in enumerate(pairwise([*refrain_s, refrain_s[-1] + 20.0])):
        parts.append(heard(1, start_s + begin_s, 16.0))
        verse_s = begin_s + 16.0
        parts.append(heard(100 + number, start_s + verse_s, next_s - verse_s))
    return parts


def test_the_same_twice_is_told():
    (told,) = found(heard(1, 0.0, 12.0), heard(2, 20.0, 30.0), heard(1, 600.0, 12.0))
    assert [round(play.span.start_s) for play in told.plays] == [0, 600]


@pytest.mark.parametrize(
    ("apart_s", "parted", "told"), [(90.0, False, 0), (90.0, True, 1), (260.0, False, 1)]
)
def test_a_refrain_of_one_long_piece_is_not_told(apart_s, parted, told):
    """Though its first and last are a quarter of an hour apart: nothing says that it is over."""
    explained = (Span(540.0, 565.0),) if parted else ()
    assert len(found(*song(0.0, list(np.arange(11) * apart_s)), explained=explained)) == told


def test_a_loop_of_twenty_minutes_is_not_told():
    assert found(*(heard(1, 8.0 * number, 8.0) for number in range(150))) == ()


class Counting(Verifier):
    """Counts how many alignments are verified."""

    count = 0

    def link(self, frame: int, distance: int) -> Link | None:
        self.count += 1
        return super().link(frame, distance)


def work(plays: int) -> tuple[int, int, int]:
    """Count matches, alignments verified, and plays compared, of a jingle every ten minutes."""
    parts = []
    for number in range(plays):
        parts += [heard(0, 600.0 * number, 8.0), heard(number + 1, 600.0 * number + 10.0, 2.0)]
    archive = Archive.of([SourcePeaks("a", FRAME_S, tuple(parts), ())])
    verifier = Counting(archive)
    groups = Groups.of(links(archive, verifier))
    (told,) = groups.told()
    assert len(told) == plays
    return seeds(archive).matches, verifier.count, groups.compared


def test_twice_the_hours_are_twice_the_work():
    """Of 30 and 60 plays there are 435 and 1,770 pairs; not all of them are looked at."""
    for few, many in zip(work(30), work(60), strict=True):
        assert many <= 2.4 * few


def test_a_loop_that_plays_on_and_on_takes_no_more_room_than_it_must(monkeypatch):
    """Ten triples of a peak come again together: one match, from the moment it is found."""
    monkeypatch.setattr(alike, "_PART_KEYS", 1 << 16)
    loop = heard(1, 0.0, 60.0)
    length, times = loop.end, 40
    parts = [loop.frames + np.uint32(number * length) for number in range(times)]
    whole = Stretch(0, times * length, np.concatenate(parts), np.tile(loop.bins, times))
    archive = Archive.of([SourcePeaks("a", FRAME_S, (whole,), ())])
    tracemalloc.start()
    matches = seeds(archive).matches
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    triples = sum(len(frames) for _, frames in Alike(archive).matches())
    assert triples > 8 * matches
    assert peak_bytes < 8 * triples  # all of them would take as much, and twice to be sorted


def test_no_triple_is_lost_where_one_block_of_peaks_ends(monkeypatch):
    archive = Archive.of([SourcePeaks("a", FRAME_S, (heard(1, 0.0, 300.0),), ())])
    whole = np.sort(Alike(archive)._keys(0, 512))
    monkeypatch.setattr(alike, "_BLOCK_PEAKS", 100)
    np.testing.assert_array_equal(np.sort(Alike(archive)._keys(0, 512)), whole)


def test_what_is_kept_does_not_grow_past_the_limit():
    repeats, sizes = Repeats(hours=0.5), list[int]()
    for part in range(48):
        start_s = 300.0 * part
        told = SourcePeaks("a", FRAME_S, (heard(part, start_s, 300.0),), ())
        repeats.absorb(RepeatPeaks((told,)))
        repeats.explained("a", Span(start_s, start_s + 100.0))
        sizes.append(len(pickle.dumps(repeats.extract())))
    assert max(sizes[12:]) <= 1.02 * sizes[8]
