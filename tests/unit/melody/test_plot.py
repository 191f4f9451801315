from __future__ import annotations

import numpy as np
import pytest

from earmark import StoreError, UsageError
from earmark.types import Contours, Evidence, Match, Segment, Span, Track


def match(contours, shift=2.0):
    track = Track("x", "/a.wav", "0", 60.0, 1, title="A $tune$", artist="Somebody")
    segment = Segment(Span(0.0, 4.0), Span(30.0, 34.4))
    return Match(
        "melody", track, 0.87, 3.0, (segment,), 1.1, shift, Evidence({"n": 1}, (), contours)
    )


def contours():
    times_s = np.arange(0, 4, 0.05, dtype=np.float32)
    tune = (60 + 3 * np.sin(times_s)).astype(np.float32)
    sung = tune + np.float32(2.0)
    sung[10:20] = np.nan
    return Contours(times_s, sung, tune)


def test_both_lines_lie_over_one_another_in_the_key_that_was_sung(tmp_path):
    figure = match(contours()).plot(tmp_path / "a.png")
    axes = figure.axes[0]
    tune, sung = (line.get_ydata() for line in axes.lines)
    assert np.nanmax(abs(tune - sung)) < 1e-4
    assert "confidence 0.87" in axes.get_title()
    assert "transposed +2.0 st" in axes.get_title()
    assert "tempo x 1.10" in axes.get_title()
    assert "D4" in [label.get_text() for label in axes.get_yticklabels()]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    again = tmp_path / "b.png"
    match(contours()).plot(again)
    assert again.read_bytes() == (tmp_path / "a.png").read_bytes()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_svg_is_named_by_the_ending(tmp_path):
    match(contours()).plot(tmp_path / "a.svg")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_what_cannot_be_drawn(tmp_path):
    none = np.zeros(0, np.float32)
    with pytest.raises(UsageError, match="no contours"):
        match(Contours(none, none, none)).plot()
    with pytest.raises(UsageError, match="names no picture format"):
        match(contours()).plot(tmp_path / "a.nonsense")
    with pytest.raises(StoreError, match="cannot be written"):
        match(contours()).plot(tmp_path / "none" / "a.png")


def test_silence_throughout_is_drawn():
    lines = contours()
    silent = np.full_like(lines.times_s, np.nan)
    match(Contours(lines.times_s, silent, silent)).plot()
