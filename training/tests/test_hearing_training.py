"""The network of `training.hearing` learns what can be learnt, and is written as it is read."""

from __future__ import annotations

import hashlib

import numpy as np
from training.hearing.stretches import levelled, spoilt
from training.hearing.train import train, write

from earmark.monitor.hearing_model import Network


def test_it_learns_three_clouds(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=900)
    x = (rng.standard_normal((900, 12)) + 3.0 * np.eye(12)[y]).astype(np.float32)
    network = train(x, y, 150, 1)
    assert np.mean(network.log_odds(x).argmax(axis=1) == y) > 0.9
    again = train(x, y, 150, 1)
    assert np.array_equal(network.out, again.out)
    write(network, tmp_path)
    with np.load(tmp_path / "hearing.npz") as table:
        read = Network(**{name: table[name] for name in table.files})
    assert np.array_equal(read.log_odds(x), network.log_odds(x))
    mark = hashlib.sha256((tmp_path / "hearing.npz").read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{mark}  hearing.npz\n"


def test_what_is_spoilt_stays_in_range_and_as_long():
    rng = np.random.default_rng(1)
    samples = levelled(rng.standard_normal(1 << 15).astype(np.float32), -20.0)
    for _ in range(8):
        out = spoilt(samples, "speech", rng)
        assert out.dtype == np.float32
        assert abs(len(out) - len(samples)) < 4000
        assert np.abs(out).max() < 1.5
        assert np.sqrt(np.mean(out**2)) > 10.0 ** (-45 / 20)
