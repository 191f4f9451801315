"""A library that an earlier earmark wrote opens, answers and grows, for ever."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from earmark import Library, Settings
from earmark.recording.constellation import pack, unpack
from earmark.recording.engine import RecordingAnalysis

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("make_golden", HERE / "make_golden.py")
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


@pytest.fixture(scope="module")
def expected():
    return json.loads((golden.FOLDER / "expected.json").read_text())


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "library"
    shutil.copytree(golden.FOLDER / "library", folder)
    with Library.open(settings=Settings(library=str(folder), workers=1)) as opened:
        yield opened


def test_it_is_small_whole_and_of_this_version():
    files = [path for path in golden.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    assert {path.suffix for path in files} == {".json", ".sqlite", ".segment"}
    assert json.loads((golden.FOLDER / "library" / "library.json").read_text())["version"] == 1


def test_it_holds_what_it_held(library, expected):
    held = {Path(track.source).stem: track for track in library.tracks()}
    assert sorted(held) == sorted(expected["tracks"])
    for name, want in expected["tracks"].items():
        track = held[name]
        assert (track.id, track.number, track.content_id) == (
            want["id"],
            want["number"],
            want["content_id"],
        )
        assert track.duration_s == want["duration_s"]
    faults = library.check()  # it was written before earmark heard melodies, and likeness
    assert ["'melody'" in faults[0], "'sound'" in faults[1], len(faults)] == [True, True, 2]
    assert all("earmark rebuild" in fault for fault in faults)


def test_nothing_is_made_again_to_answer(library):
    """The index on disk answers, not one made anew from the truth."""
    stats = library.stats().engines["recording"]
    assert (stats["segments"], stats["pending"]) == (1, 0)
    assert stats["postings"] > 0


@pytest.mark.parametrize("clip", golden.CLIPS, ids=str)
def test_it_names_the_clips_it_named(library, expected, clip):
    want = next(row for row in expected["clips"] if tuple(row["clip"]) == clip)
    best = library.identify(golden.wav(golden.make_clip(*clip))).best
    assert best.track.id == want["id"]
    own = best.segments[0]
    start_s = own.reference.start_s - own.query.start_s * best.time_ratio
    assert start_s == pytest.approx(want["starts_at_s"], abs=0.016)
    assert start_s == pytest.approx(clip[1], abs=0.02)


@pytest.mark.parametrize("seed", golden.SEEDS)
def test_a_constellation_is_what_it_was(library, expected, seed):
    want = expected["tracks"][f"track {seed}"]
    data = bytes.fromhex(want["constellation"])
    stored = dict(library._parts.tracks.features("recording", [want["number"]]))[want["number"]]
    assert stored.data == data
    assert stored.digest == expected["digest"] == RecordingAnalysis().digest
    assert pack(unpack(data)) == data
    analyser = RecordingAnalysis().analyser()
    # what a 16-bit file holds of it
    analyser.feed((np.rint(golden.make_track(seed) * 32768) / 32768).astype(np.float32))
    now, then = analyser.finish(), unpack(data)
    assert now.span_frames == then.span_frames
    peaks = [set(zip(c.frames.tolist(), c.bins.tolist(), strict=True)) for c in (now, then)]
    assert len(peaks[1]) > 150
    assert len(peaks[0] & peaks[1]) >= 0.99 * max(map(len, peaks))  # FFTs differ in the last bit


def test_it_takes_more_and_lets_go(library, expected, write):
    gone = expected["tracks"]["track 11"]["id"]
    library.remove(gone)
    report = library.add(write("new.wav", golden.make_track(99)))
    assert report.added == 1
    named = {}
    for seed in (*golden.SEEDS, 99):
        best = library.identify(golden.wav(golden.make_clip(seed, 2.0, 6.0))).best
        named[seed] = best and Path(best.track.source).stem
    assert named[99] == "new"
    assert (named[12], named[13]) == ("track 12", "track 13")
    assert named[11] != "track 11"
    lacking = [fault.partition(";")[0] for fault in library.check()]
    assert lacking == [
        f"2 recordings have no features of '{name}' that can be searched"
        for name in ("melody", "sound")
    ]
