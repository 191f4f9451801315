"""A picture of a comparison: both waveforms over time, and the path from one to the other."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from earmark.figure import kind_of, new_figure, plain, write_figure
from earmark.twins.facts import Moment, Side
from earmark.twins.outline import Outline
from earmark.types import Segment, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure

_MARK, _QUIET, _INK, _ALONE = "#e4572e", "#9aa5b1", "#22303c", "#f4d9d0"
_MOST_POINTS = 1500


class Drawn(Protocol):
    """What a picture needs of a comparison."""

    @property
    def a(self) -> Side:
        """One sound."""

    @property
    def b(self) -> Side:
        """The other one."""

    @property
    def verdict(self) -> str:
        """What stands above the picture."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The aligned stretches, longest first."""

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The alignment along time."""

    @property
    def only_a(self) -> tuple[Span, ...]:
        """What A has alone."""

    @property
    def only_b(self) -> tuple[Span, ...]:
        """What B has alone."""

    @property
    def outlines(self) -> tuple[Outline | None, Outline | None]:
        """Both waveforms, where there is audio."""


def plot_comparison(comparison: Drawn, path: str | Path | None = None) -> Figure:
    """Draw both waveforms, what only one of them has, and the path between them.

    The path of B over A is drawn less the straight line of the longest stretch, in milliseconds:
    a drift bends it, a cut makes it jump. Where they differ in speed the line itself is named.

    Parameters
    ----------
    path
        Where to write the picture; the ending names the format. None returns the figure only.

    Raises
    ------
    UsageError
        matplotlib is missing, or the ending names no picture format.
    StoreError
        The picture cannot be written.
    """
    file = None if path is None else Path(path)
    figure = new_figure(10.0, 7.0, None if file is None else kind_of(file))
    first, second, below = figure.subplots(3, 1, height_ratios=(1.0, 1.0, 1.4))
    spans = [segment.query for segment in comparison.segments]
    _draw_side(first, "A", comparison.a, comparison.outlines[0], spans, comparison.only_a)
    spans = [segment.reference for segment in comparison.segments]
    _draw_side(second, "B", comparison.b, comparison.outlines[1], spans, comparison.only_b)
    _draw_path(below, comparison)
    lines = textwrap.wrap(comparison.verdict.replace("$", r"\$"), 88)
    figure.suptitle("\n".join(lines), fontsize=12, fontweight="bold", color=_INK)
    if file is not None:
        write_figure(figure, file)
    return figure


def _draw_side(
    axes: Axes,
    mark: str,
    side: Side,
    outline: Outline | None,
    spans: Sequence[Span],
    alone: Sequence[Span],
) -> None:
    axes.set_title(f"{mark}  {plain(side.name)}", loc="left", fontsize=10, color=_INK)
    for span in alone:
        axes.axvspan(span.start_s, span.end_s, color=_ALONE, linewidth=0.0)
    if outline is not None and len(outline):
        drawn = outline.coarser(_MOST_POINTS)
        times_s = (np.arange(len(drawn)) + 0.5) * drawn.step_s
        axes.fill_between(times_s, drawn.low, drawn.high, color=_QUIET, linewidth=0.3)
        peak = max(0.01, float(np.abs((drawn.low, drawn.high)).max()))
        axes.set_ylim(-peak * 1.05, peak * 1.05)
    else:
        axes.text(0.5, 0.5, "no audio", transform=axes.transAxes, ha="center", color=_QUIET)
    for span in spans:
        axes.hlines(
            0.0,
            span.start_s,
            span.end_s,
            color=_MARK,
            linewidth=4.0,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )
    axes.set_xlim(0.0, max(side.duration_s, 0.1))
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)


def _draw_path(axes: Axes, comparison: Drawn) -> None:
    if not comparison.segments:
        axes.text(0.5, 0.5, "nothing in common", transform=axes.transAxes, ha="center")
        axes.set_axis_off()
        return
    longest = comparison.segments[0]
    ratio = longest.reference.duration_s / max(longest.query.duration_s, 1e-9)

    def bent_ms(a_s: float, b_s: float) -> float:
        straight_s = longest.reference.start_s + (a_s - longest.query.start_s) * ratio
        return (b_s - straight_s) * 1000.0

    for segment in comparison.segments:
        ends = (segment.query.start_s, segment.query.end_s)
        bends = [
            bent_ms(segment.query.start_s, segment.reference.start_s),
            bent_ms(segment.query.end_s, segment.reference.end_s),
        ]
        axes.plot(ends, bends, color=_QUIET, linewidth=2.0)
    at_s = [moment.at_s for moment in comparison.moments]
    off_ms = [bent_ms(moment.at_s, moment.b_s) for moment in comparison.moments]
    axes.plot(at_s, off_ms, "o", color=_MARK, markersize=4.0)
    reach_ms = max([20.0, *(abs(one) for one in off_ms)])
    axes.set_ylim(-1.2 * reach_ms, 1.2 * reach_ms)
    axes.set_xlim(0.0, max(comparison.a.duration_s, 0.1))
    start_s = longest.reference.start_s - longest.query.start_s * ratio
    axes.set_ylabel("off the line (ms)")
    axes.set_xlabel(f"time in A (s); the line: time in B = {start_s:.2f} s + {ratio:.5f} x that")
    axes.grid(color="#e6e9ec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
