"""Whatever keeps the postings, and however they came there, the engine finds the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earmark.recording.engine import RecordingAnalysis, RecordingEngine
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.stores import segments
from earmark.stores.memory_postings import MemoryPostingStore
from earmark.stores.segments import SegmentPostingStore
from earmark.types import Clip

RATE_HZ = 16_000
SEEDS = (1, 2, 3)
# The dictionary is slow by design: few look-ups, and still every way of asking.
QUICK = replace(RecordingParams().query, budgets=(2500, 5000), warp_budget=300, candidates=(40, 80))
PARAMS = RecordingParams(query=QUICK)


@pytest.fixture(scope="module")
def stars(music):
    found = {}
    for seed in SEEDS:
        analyser = RecordingAnalysis().analyser()
        analyser.feed(music(seed, 8.0))
        found[seed] = analyser.finish()
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return (tmp_path_factory.mktemp("index") / str(i) for i in range(1000))


def search(engine, samples):
    return engine.search(Clip(np.ascontiguousarray(samples, np.float32), RATE_HZ), 5)


changes = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "flush", "reopen", "ask"]), st.sampled_from(SEEDS)
    ),
    min_size=1,
    max_size=8,
)


BOTH = [("add", 1), ("add", 2)]


@settings(deadline=None, max_examples=20, derandomize=True)
@example(changes=[*BOTH, ("flush", 1), ("remove", 1)], at_s=1.0, small=False)
@example(changes=[*BOTH, ("ask", 1), ("remove", 1)], at_s=1.0, small=False)
@example(changes=[*BOTH, ("flush", 1), ("add", 3), ("flush", 1)], at_s=1.0, small=True)
@given(changes=changes, at_s=st.floats(0, 5), small=st.booleans())
def test_a_folder_and_a_dictionary_answer_alike(music, stars, folders, changes, at_s, small):
    folder = next(folders)
    plain = RecordingEngine(MemoryPostingStore(HASH_BITS), PARAMS, accept=0.0)
    packed = RecordingEngine(SegmentPostingStore(folder, HASH_BITS, "d"), PARAMS, accept=0.0)
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(segments, "SMALL_SEGMENT", 0)  # several segments instead of merging
        for what, number in changes:
            if what == "add":
                for engine in (plain, packed):
                    engine.add([(number, stars[number])])
            elif what == "remove":
                for engine in (plain, packed):
                    engine.remove([number])
            elif what == "ask":
                search(packed, music(number, 8.0)[: 2 * RATE_HZ])
            else:
                packed.flush()
                if what == "reopen":
                    postings = SegmentPostingStore(folder, HASH_BITS, "d")
                    packed = RecordingEngine(postings, PARAMS, accept=0.0)
    assert packed.known().tolist() == plain.known().tolist()
    start = round(at_s * RATE_HZ)
    for which in SEEDS:
        clip = music(which, 8.0)[start : start + 2 * RATE_HZ]
        got, want = search(packed, clip), search(plain, clip)
        # A dead posting may still count towards how common a hash is: votes alone may differ.
        assert [summary(finding) for finding in got] == [summary(finding) for finding in want]
        if which in plain.known():
            assert got[0].number == which
        if len(plain.known()) == 0:
            assert got == []


def summary(finding):
    figures = {k: v for k, v in finding.evidence.figures.items() if k != "votes"}
    return (
        finding.number,
        finding.confidence,
        finding.score,
        finding.segments,
        finding.time_ratio,
        finding.pitch_shift_semitones,
        figures,
        tuple(finding.evidence.landmarks),
    )
