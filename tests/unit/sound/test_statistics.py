"""What a library's sounds have in common is taken away; what is left compares."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from earmark.errors import DamagedIndexError
from earmark.sound.params import JoinParams
from earmark.sound.statistics import MOST_WINDOWS, Statistics, fit

PARAMS = JoinParams(dimension=16)


def windows(count, seed=0, dimension=24, timbre=12, offset=5.0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(offset, 1.0, (count, dimension)).astype(np.float32)
    timbres = rng.normal(-2.0, 1.5, (count, timbre)).astype(np.float32)
    return vectors, timbres, np.full(count, 10.0, np.float32)


def fitted(count=200, params=PARAMS, **how):
    return fit(*windows(count, **how), params, np.random.default_rng(1))


def test_the_mean_is_taken_away():
    own = fitted()
    assert own.mean == pytest.approx(5.0 * 200 / 220, abs=0.4)
    raw = windows(2)[0]
    assert raw[0] @ raw[1] / np.prod(np.linalg.norm(raw, axis=1)) > 0.9
    rows = own.joined(*windows(100, seed=9), PARAMS)
    cosines = rows @ rows.T
    assert abs(cosines[~np.eye(100, dtype=bool)].mean()) < 0.4


@pytest.mark.parametrize("count", [1, 2, 15, 36, 37, 500])
def test_any_number_of_windows_gives_a_whole_basis(count):
    own = fitted(count)
    assert own.fitted_on == count
    assert own.basis.shape == (36, 16)
    assert own.basis.T @ own.basis == pytest.approx(np.eye(16), abs=2e-3)
    rows = own.joined(*windows(count), PARAMS)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_one_window_is_most_like_itself_and_unlike_another():
    own = fitted(1)
    first, other = own.joined(*windows(1), PARAMS), own.joined(*windows(1, seed=4), PARAMS)
    assert float(first[0] @ first[0]) == pytest.approx(1.0, abs=1e-5)
    assert float(first[0] @ other[0]) < 0.99


def test_zero_and_mean_vectors_are_unit_too():
    own = fitted()
    vectors = np.stack([np.zeros(24, "f4"), own.mean, own.mean * 1e30 / 5, own.mean * 1e-30])
    timbres = np.stack([np.zeros(12, "f4"), own.timbre_mean, own.timbre_mean, own.timbre_mean])
    rows = own.joined(vectors, timbres, np.full(4, 0.5, "f4"), PARAMS)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_dimension_is_no_more_than_there_is():
    assert fitted(params=JoinParams(dimension=128)).basis.shape == (36, 36)


def test_nothing_is_lost_where_everything_is_kept():
    """The inner product is the weighted mean of both cosines."""
    params = JoinParams(dimension=36, timbre_weight=0.5)
    own = fitted(params=params)
    vectors, timbres, length_s = windows(2, seed=3)
    rows = own.joined(vectors, timbres, length_s, params)
    parts = (vectors - own.mean, (timbres - own.timbre_mean) / own.timbre_spread)
    network, cepstra = (
        float(p[0] @ p[1] / np.linalg.norm(p[0]) / np.linalg.norm(p[1])) for p in parts
    )
    assert float(rows[0] @ rows[1]) == pytest.approx((network + 0.25 * cepstra) / 1.25, abs=0.01)


def test_short_windows_listen_to_the_timbre_more():
    params = JoinParams(dimension=36)
    own = fitted(params=params)
    vectors, timbres, _ = windows(2, seed=3)
    vectors[1] = vectors[0]
    long, short = (own.joined(vectors, timbres, np.full(2, s, "f4"), params) for s in (5.0, 0.5))
    assert long[0] @ long[1] > short[0] @ short[1] + 0.05


def test_many_windows_are_sampled_and_the_seed_decides(monkeypatch):
    monkeypatch.setattr("earmark.sound.statistics.MOST_WINDOWS", 50)
    assert fitted(400).fitted_on == 50
    assert fitted(400).digest == fitted(400).digest
    assert MOST_WINDOWS >= 4096


def test_bytes_and_back():
    own = fitted()
    back = Statistics.from_bytes(own.to_bytes())
    for name in ("mean", "timbre_mean", "timbre_spread", "basis"):
        assert np.array_equal(getattr(own, name), getattr(back, name))
    assert (back.fitted_on, back.digest) == (200, own.digest)
    assert fitted(seed=3).digest != own.digest


@pytest.mark.parametrize("at", [0, 4, 8, 14, 100, -40, -1])
def test_one_bit_is_found(at):
    data = bytearray(fitted().to_bytes())
    data[at] ^= 1
    with pytest.raises(DamagedIndexError, match="run `earmark rebuild`"):
        Statistics.from_bytes(bytes(data))


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 47, 48, 200])
def test_cut_short(length):
    data = fitted().to_bytes()[:length]
    with pytest.raises(DamagedIndexError):
        Statistics.from_bytes(data)
    with pytest.raises(DamagedIndexError):
        Statistics.from_bytes(data + hashlib.sha256(data).digest())
