"""Invented tunes."""

import numpy as np
from training.generate import tunes


def test_equal_seeds_give_equal_tunes() -> None:
    """A tune depends on its seed and number only, not on how many are asked for."""
    few, many = tunes(2, seed=5), tunes(4, seed=5)
    assert np.array_equal(few[1]["pitch"], many[1]["pitch"])
    assert not np.array_equal(few[0]["pitch"][:8], tunes(1, seed=6)[0]["pitch"][:8])


def test_tunes_are_singable() -> None:
    """Notes follow one another without holes, over a bounded range."""
    for tune in tunes(50, seed=2):
        assert np.allclose(tune["on"][1:], tune["on"][:-1] + tune["dur"][:-1])
        assert tune["dur"].min() > 0.05
        assert np.ptp(tune["pitch"]) <= 48
        assert len(tune["pitch"]) >= 10
