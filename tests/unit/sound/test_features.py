"""What the truth holds, and what of it survives the packing."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from earmark.errors import DamagedIndexError
from earmark.sound.features import STEP, SoundFeatures, features_of, pack, unpack


def some(count=5, dimension=32, timbre=60, seed=0):
    rng = np.random.default_rng(seed)
    odds = [rng.random(7).astype(np.float32) if row % 2 else None for row in range(count)]
    return features_of(
        [(5.0 * row, 10.0) for row in range(count)],
        list(rng.normal(0, 3.0, (count, dimension)).astype(np.float32)),
        list(rng.normal(0, 1.0, (count, timbre)).astype(np.float32)),
        odds,
        dimension,
        timbre,
    )


def test_columns_of_what_was_heard():
    found = some()
    assert found.start_s.tolist() == [0, 5, 10, 15, 20]
    assert found.vectors.shape == (5, 32)
    assert found.timbres.shape == (5, 60)
    assert found.labels[0].tolist() == [-1, -1, -1]
    assert (np.diff(found.likely, axis=1) <= 0).all()
    assert found.labels[1].min() >= 0


def test_fewer_labels_than_are_kept():
    odds = [np.array([0.2, 0.9], np.float32)]
    found = features_of([(0, 1)], [np.ones(4, "f4")], [np.ones(2, "f4")], odds, 4, 2)
    assert found.labels.tolist() == [[1, 0, -1]]
    assert found.likely[0] == pytest.approx([0.9, 0.2, 0.0])


@pytest.mark.parametrize("count", [0, 1, 5, 300])
def test_what_comes_back(count):
    told = some(count)
    back = unpack(pack(told))
    assert back.vectors.shape == told.vectors.shape
    assert np.array_equal(back.start_s, told.start_s)
    assert np.array_equal(back.labels, told.labels)
    if not count:
        return
    assert abs(back.likely - told.likely).max() <= 0.5 / 255 + 1e-6
    assert abs(back.timbres - told.timbres).max() <= 0.075 + 1e-6
    one, other = (
        v / np.linalg.norm(v, axis=1, keepdims=True) for v in (told.vectors, back.vectors)
    )
    assert (one * other).sum(axis=1).min() > 1.0 - STEP**2 / 12


def test_equal_features_give_equal_bytes():
    data = pack(some())
    assert data == pack(some())
    assert data != pack(some(seed=1))


def test_it_is_small():
    """An hour of music at 384 components and 5 s a window."""
    told = some(720, 384)
    assert len(pack(told)) < 720 * 300


@pytest.mark.parametrize("cut", [0, 1, 8, 9, 20, -1])
def test_cut_short(cut):
    with pytest.raises(DamagedIndexError, match="earmark rebuild"):
        unpack(pack(some())[:cut])


def test_more_than_was_written():
    with pytest.raises(DamagedIndexError):
        unpack(pack(some()) + b"x")


def test_a_claim_of_too_much_is_refused_unread():
    """A head that promises 4 billion windows costs no memory."""
    with pytest.raises(DamagedIndexError):
        unpack(struct.pack("<BHHI", 1, 384, 60, 2**32 - 1) + zlib.compress(b"")[2:-4])
    with pytest.raises(DamagedIndexError):
        unpack(struct.pack("<BHHI", 2, 384, 60, 0))


def test_huge_and_zero_vectors():
    vectors = np.array([[1e30, -1e30, 3e29], [0, 0, 0], [1e-30, 0, 0]], np.float32)
    none = np.full((3, 3), -1, np.int32)
    told = SoundFeatures(*np.zeros((2, 3), "f4"), vectors, np.zeros((3, 2), "f4"), none, none * 0)
    back = unpack(pack(told)).vectors
    assert back[0] == pytest.approx(vectors[0], rel=0.2)
    assert not back[1].any()
    assert back[2, 0] == pytest.approx(1e-30, rel=0.2)
