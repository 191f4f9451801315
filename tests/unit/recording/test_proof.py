from __future__ import annotations

import numpy as np
import pytest

from earmark.recording.chance import elsewhere
from earmark.recording.line import Block, Line
from earmark.recording.params import RecordingParams
from earmark.recording.proof import PROVEN, proven, surprise
from earmark.recording.stream import ChunkAnalyser
from earmark.recording.verify import Verifier


@pytest.fixture
def chunks(music):
    return ChunkAnalyser(RecordingParams()).feed(music(3, 12.0).astype(np.float32))


@pytest.fixture
def verifier(shared):
    return lambda chunk: Verifier(chunk.evidence, shared, RecordingParams())


def line_through(number, chunks, verifier, reference=0.0):
    """A line that lies at this frame of the track where the first chunk begins."""
    new = Line(number, 1.0, 1.0, 0.0, reference, 0.95, 20.0)
    for chunk in chunks:
        new.put(new.look(chunk, verifier(chunk)))
    return new


def block(peaks, share):
    hits = np.zeros(peaks)
    hits[: round(share * peaks)] = 1.0
    return Block(0, np.arange(peaks), hits, 0.0, 0.0)


def test_surprise_grows_with_peaks_and_share():
    assert surprise(block(100, 0.1), 0.1) == surprise(block(100, 0.05), 0.1) == 0.0
    assert surprise(block(100, 0.9), 0.1) == pytest.approx(10 * surprise(block(10, 0.9), 0.1))
    assert surprise(block(100, 0.9), 0.1) > surprise(block(100, 0.6), 0.1) > PROVEN
    assert surprise(block(20, 0.75), 0.1) < PROVEN  # the last notes of a song
    assert surprise(block(100, 0.4), 0.3) < PROVEN  # music in the same key


def test_a_right_line_is_proven_and_chance_beside_it_is_low(chunks, verifier):
    right = line_through(3, chunks, verifier)
    assert min(b.share for b in right.blocks) > 0.8
    assert proven(right, chunks, verifier)
    at = right.placed(right.blocks[0], len(chunks[0]))
    assert elsewhere(at, chunks[0], verifier(chunks[0])) < 0.3


def test_a_wrong_line_is_not_proven(chunks, verifier):
    wrong = line_through(3, chunks, verifier, reference=300.0)
    assert not proven(wrong, chunks, verifier)


def test_what_coincides_everywhere_is_not_proven(chunks, verifier):
    """The same share tells nothing where every other place of the track agrees as well."""
    right = line_through(3, chunks, verifier)
    for one in right.blocks:
        one.hits[:] = 0.0
        one.hits[: len(one.hits) * 6 // 10] = 1.0
        one.share = float(one.hits.mean())
    assert proven(right, chunks, verifier)
    for chunk in chunks:
        chunk.marks[:] = 1
    assert not proven(right, chunks, verifier)


def test_a_fade_measures_its_chance(chunks, verifier):
    faint = line_through(3, chunks[:1], verifier).blocks[0]
    assert faint.chance is None  # not asked for where the line goes on
    chunk = chunks[0]
    chunk.marks[len(chunk) // 4 :] = 0
    (weak,) = line_through(3, chunks[:1], verifier).blocks
    assert 0.12 <= weak.share < 0.35
    assert weak.chance is not None
    assert weak.chance < weak.share
