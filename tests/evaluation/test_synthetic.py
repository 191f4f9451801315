"""benchmarks/scaled: synthetic tracks are tracks of the library, and the same ones every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from earmark import Library
from earmark.ingest.analyse import audio_identity
from earmark.recording.constellation import Constellation

SCALED = Path(__file__).parents[2] / "benchmarks" / "scaled"


CHUNK = 64


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(SCALED))
    import made

    monkeypatch.setattr(made, "CHUNK", CHUNK)


@pytest.fixture
def music(write, song):
    """Six songs of 12 s in a folder."""
    for seed in range(1, 7):
        write(f"music/song {seed}.wav", seed)
    return Path(write("music/song 1.wav", 1)).parent


@pytest.fixture
def shape():
    from made import Shape

    return Shape(minutes=0.5, sung_s=15.0, sound_windows=2)


def test_the_same_seed_makes_the_same_tracks_however_many(tmp_path, music, shape):
    from made import Maker
    from parts import heard

    with Library.open(tmp_path / "library", create=True) as library:
        analyses = {one.name: one for one in library._analyst().analyses}
        real = heard(library, sorted(music.glob("*.wav"))[:2])
    maker = Maker(real, analyses, shape, 3)
    first = maker.chunk(0)
    assert len(first) == CHUNK
    again = list(Maker(real, analyses, shape, 3).chunks(40, CHUNK + 5))
    assert again == [first[40:], maker.chunk(1)[:5]]
    assert Maker(real, analyses, shape, 4).chunk(0)[0].audio_id != first[0].audio_id
    assert len({new.audio_id for new in first}) == CHUNK
    for new in first[:5]:
        assert new.audio_id == audio_identity(new.features)
        for name, analysis in analyses.items():
            assert new.features[name].digest == analysis.digest
            analysis.unpack(new.features[name].data)  # raises where it does not fit


def test_built_and_asked(tmp_path, music, shape):
    from asking import ask
    from build import build
    from plotting import plot

    place = str(tmp_path / "library")
    half = build(place, 20, music, 2, shape, 1)
    told = build(place, 30, music, 2, shape, 1)  # goes on where it was
    assert (half["made"], told["made"], told["tracks"]) == (18, 10, 30)
    assert {"make", "commit", "index recording", "settle"} <= told["seconds"].keys()
    assert told["round_trips_a_track"] == 0
    answers = ask(place, 2, music, 2, shape, 1)
    there = answers["questions"]["recording, clean 10 s, there"]
    assert there["right"] == 1.0
    assert there["postings"]["median"] > 0
    assert answers["asked_in_vain"] == 4
    assert answers["questions"]["recording, clean 10 s, not there"]["clips"] == 2
    assert answers["memory"]["own_mb"] > 10
    kept, picture = tmp_path / "ask.json", tmp_path / "scale.png"
    kept.write_text(json.dumps(answers), encoding="utf-8")
    plot([kept], picture)
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_walks_hold_the_pairs_of_real_tracks():
    from walk import Walk

    rng = np.random.default_rng(9)
    frames = np.sort(rng.choice(900, 700, replace=False)).astype(np.uint32)
    bins = (np.arange(700) * 7 % 50).astype(np.uint32)  # always seven bins on, modulo 50
    made = Walk.of([Constellation(frames, bins, 900)], 318).tracks(3, 600, rng)
    for one in made:
        assert one.span_frames == 600
        assert (np.diff(one.frames.astype(np.int64)) > 0).all()
        assert (np.diff(one.bins.astype(np.int64)) % 50 == 7).all()
