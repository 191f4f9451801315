"""A sound index that an earlier earmark wrote is read, and answers the same, for ever."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from earmark.sound.features import STEP, pack, unpack
from earmark.sound.labels_kept import labels_of

_spec = importlib.util.spec_from_file_location(
    "make_golden_sound_index", Path(__file__).parent / "make_golden_sound_index.py"
)
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)
FEATURES = golden.FOLDER / "features"
NAMES = ("A", "B", "C", "D", "E", "F")


@pytest.fixture(scope="module")
def expected():
    return json.loads((golden.FOLDER / "answers.json").read_text())


@pytest.fixture
def index(tmp_path):
    shutil.copytree(golden.FOLDER / "index", tmp_path / "index")
    return golden.opened(tmp_path / "index")


def same(found, expected):
    assert found["number"] == expected["number"]
    assert found["start_s"] == expected["start_s"]
    assert np.abs(np.subtract(found["similarity"], expected["similarity"])).max() < 1e-4


def test_it_is_small():
    parts = [p for p in golden.FOLDER.rglob("*") if p.is_file() and p.name != "mn04.npz"]
    assert 1000 < sum(path.stat().st_size for path in parts) < 60_000


def test_it_answers_as_it_did(index, expected):
    same(golden.answers(index, FEATURES), expected)
    assert index.known().tolist() == sorted(golden.COUNTS)
    assert index.settled().statistics.fitted_on == sum(golden.COUNTS.values())
    assert index.settled().moments.verify() == []
    assert not index.outgrown()


def test_nothing_of_it_is_made_again(index):
    stats = index.settled().moments.stats()
    assert (stats["segments"], stats["pending"]) == (1, 0)


@pytest.mark.parametrize("number", golden.COUNTS)
def test_a_window_is_what_it_was(number):
    data, wanted = (FEATURES / f"{number}.bin").read_bytes(), golden.make_features(number)
    got = unpack(data)
    assert np.array_equal(got.start_s, wanted.start_s)
    assert got.length_s == pytest.approx(wanted.length_s)
    assert np.array_equal(got.labels, wanted.labels)
    assert abs(got.likely - wanted.likely).max(initial=0.0) < 0.003
    assert abs(got.timbres - wanted.timbres).max(initial=0.0) <= 0.0751
    steps = STEP * np.sqrt(np.square(wanted.vectors).mean(axis=1, keepdims=True))
    assert (abs(got.vectors - wanted.vectors) <= 0.51 * steps).all()
    assert unpack(pack(wanted)).vectors == pytest.approx(got.vectors, abs=1e-5)


def test_labels_are_what_they_were(index):
    held = index.settled().moments.embedded(40)
    first, second, third = labels_of(held.payload, NAMES)
    assert (first, third) == ({}, {})
    assert len(second) == 3


def test_made_anew_from_the_features_it_answers_the_same(tmp_path, expected):
    index = golden.opened(tmp_path / "anew")
    index.add((n, unpack((FEATURES / f"{n}.bin").read_bytes())) for n in golden.COUNTS)
    same(golden.answers(index, FEATURES), expected)


def test_it_grows_and_lets_go(index):
    index.remove([12])
    index.add([(41, unpack((FEATURES / "12.bin").read_bytes()))])
    index.flush()
    found = golden.answers(index, FEATURES)
    assert 12 not in np.array(found["number"])
    assert found["number"][-1][0] == 41
