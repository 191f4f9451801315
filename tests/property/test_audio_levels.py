"""However a stream is cut into blocks, its levels are the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earmark.audio.levels import LevelMeter, measure

VALUES = st.sampled_from([0.0, 0.5, 0.89, 0.9, 0.95, 1.0, 1.2, -0.95, -1.0, -0.3, np.nan, 3e38])


@st.composite
def cut_audio(draw):
    channels = draw(st.integers(1, 3))
    length = draw(st.integers(1, 60))
    samples = draw(hnp.arrays(np.float32, (length, channels), elements=VALUES, fill=VALUES))
    samples = np.repeat(samples, draw(st.integers(1, 6)), axis=0)
    cuts = sorted(draw(st.lists(st.integers(0, len(samples)), max_size=8)))
    return samples, np.split(samples, cuts)


@settings(max_examples=300, deadline=None)
@given(cut_audio())
def test_levels_do_not_depend_on_the_blocks(case):
    samples, blocks = case
    meter = LevelMeter()
    cleaned = np.concatenate([meter.feed(block) for block in blocks])
    whole, parts = measure(samples), meter.levels()
    assert parts.level_dbfs == pytest.approx(whole.level_dbfs)
    assert parts.peak_dbfs == whole.peak_dbfs
    assert parts.clipped_fraction == whole.clipped_fraction
    assert parts.nonfinite_samples == whole.nonfinite_samples
    assert np.isfinite(cleaned).all()
    assert 0.0 <= whole.clipped_fraction <= 1.0
