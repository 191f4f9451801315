"""However a track comes in, its windows are the same, and all that sounds is in one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.sound.params import WindowParams
from earmark.sound.windows import Windower

RATE_HZ = 100
PARAMS = WindowParams()
WINDOW = round(PARAMS.window_s * RATE_HZ)
REST = round(PARAMS.least_rest_s * RATE_HZ)

stretches = st.lists(st.tuples(st.booleans(), st.integers(1, 1700)), max_size=6)


def track(stretches):
    """Sounding and silent stretches of so many samples."""
    parts = [np.full(count, 0.1 if sounds else 0.0, np.float32) for sounds, count in stretches]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def windows(samples, cuts=()):
    """Windows, and the most samples that were held between two pieces."""
    windower, most, found = Windower(RATE_HZ, PARAMS), 0, []
    for piece in np.split(samples, sorted(cuts)):
        found += list(windower.feed(piece))
        most = max(most, windower._count)
    return found + list(windower.finish()), most


def spans(found):
    return [(round(w.start_s * RATE_HZ), len(w.samples)) for w in found]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(stretches=stretches)
def test_windows_cover_what_sounds(stretches):
    samples = track(stretches)
    found, _ = windows(samples)
    covered = np.zeros(len(samples), bool)
    for window, (start, length) in zip(found, spans(found), strict=True):
        assert 0 < length <= WINDOW
        assert start + length <= len(samples)
        assert np.array_equal(window.samples, samples[start : start + length])
        assert window.samples.any()
        covered[start : start + length] = True
    whole = [span for span in spans(found) if span[1] >= PARAMS.cut_share * WINDOW]
    assert whole == sorted(set(whole))
    lost = np.flatnonzero((samples != 0) & ~covered)
    # A short rest behind a window is left to it.
    assert not len(lost) or (len(samples) > WINDOW and lost[0] > len(samples) - 1 - REST)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(stretches=stretches, data=st.data())
def test_the_pieces_do_not_matter(stretches, data):
    samples = track(stretches)
    cuts = data.draw(st.lists(st.integers(0, len(samples)), max_size=30))
    (whole, _), (pieced, held) = windows(samples), windows(samples, cuts)
    assert spans(whole) == spans(pieced)
    for one, other in zip(whole, pieced, strict=True):
        assert np.array_equal(one.samples, other.samples)
    largest = max(np.diff([0, *sorted(cuts), len(samples)]))
    assert held < 2 * WINDOW + largest


@settings(deadline=None, max_examples=20, derandomize=True)
@given(piece=st.integers(1, 400), count=st.integers(0, 60))
def test_memory_does_not_grow(piece, count):
    windower = Windower(RATE_HZ, PARAMS)
    for _ in range(count):
        list(windower.feed(np.full(piece, 0.1, np.float32)))
        held = windower._held
        bases = {id(part.base if part.base is not None else part): part for part in held}
        real = sum((p.base if p.base is not None else p).size for p in bases.values())
        assert real <= 2 * WINDOW + piece
