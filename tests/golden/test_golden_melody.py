"""Vectors and tunes that an earlier earmark wrote are read, for ever."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from earmark.melody.features import pack_features, unpack_features
from earmark.stores.vectors import FileVectorStore

_spec = importlib.util.spec_from_file_location(
    "make_golden_melody", Path(__file__).parent / "make_golden_melody.py"
)
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


@pytest.fixture(scope="module")
def expected():
    return json.loads((golden.FOLDER / "expected.json").read_text())


@pytest.fixture
def store(tmp_path):
    shutil.copytree(golden.FOLDER / "vectors", tmp_path / "vectors")
    return FileVectorStore(tmp_path / "vectors", golden.DIMENSION, golden.DIGEST)


def test_the_vectors_answer_as_they_did(store, expected):
    found, want = store.search(golden.make_queries(), golden.K), expected["neighbours"]
    assert found.number.tolist() == want["number"]
    assert found.start_s.tolist() == want["start_s"]
    assert np.abs(found.similarity - want["similarity"]).max() < 1e-5
    assert store.known().tolist() == [3, 4, 9, 12, 40]
    assert store.payloads([12, 9]) == [b"payload 12", b"payload 9"]
    assert store.verify() == []


def test_the_store_grows_and_lets_go(store):
    store.remove([3])
    (item, *_) = golden.make_items()
    store.add([item.__class__(41, item.vectors, item.start_s, item.length_s, b"new")])
    store.flush()
    assert store.known().tolist() == [4, 9, 12, 40, 41]
    assert store.search(item.vectors[:1], 1).number.tolist() == [[41]]


@pytest.mark.parametrize("name", ["heard", "silent", "score", "both"])
def test_a_tune_is_what_it_was(expected, name):
    data, want = bytes.fromhex(expected["features"][name]), golden.make_features()[name]
    got = unpack_features(data)
    assert (got.heard is None, got.score is None) == (want.heard is None, want.score is None)
    assert got.written == want.written
    for column in ("onset_s", "length_s", "semitones"):
        assert getattr(got.tune, column) == pytest.approx(getattr(want.tune, column), abs=0.006)
    assert pack_features(got) == data
