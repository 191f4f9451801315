"""A picture of a tune that was found: the sung line over the tune, as the query heard them.

Figures are made without pyplot: nothing is opened, nothing is shared, and equal input gives an
equal picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import UsageError
from earmark.figure import kind_of, new_figure, plain, write_figure
from earmark.types import Contours, Match

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure

_SUNG, _TUNE, _INK = "#e4572e", "#9aa5b1", "#22303c"
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_LEAST_SPAN = 7.0  # semitones that the axis shows at least


def plot_contours(match: Match, path: str | Path | None = None) -> Figure:
    """Draw the query's pitch over the tune it was found in, in the query's key and time.

    Parameters
    ----------
    match
        One whose evidence holds contours.
    path
        Where to write the picture; the ending names the format.

    Returns
    -------
    matplotlib.figure.Figure
        Shows itself in a notebook.

    Raises
    ------
    UsageError
        matplotlib is missing, the match holds no contours, or the ending names no picture format.
    StoreError
        The picture cannot be written.
    """
    lines = match.evidence.contours
    if lines is None or not len(lines.times_s):
        message = f"a match of kind {match.kind!r} has no contours to draw"
        raise UsageError(message)
    figure = new_figure(9.0, 4.2, None if path is None else kind_of(Path(path)))
    axes = figure.subplots()
    _draw(axes, lines, match.pitch_shift_semitones)
    figure.suptitle(plain(match.track.label), fontsize=14, fontweight="bold", color=_INK)
    axes.set_title(_facts(match), fontsize=10.5, color=_INK, pad=12.0)
    if path is not None:
        write_figure(figure, Path(path))
    return figure


def _draw(axes: Axes, lines: Contours, shift_semitones: float) -> None:
    tune = lines.tune_semitones + np.float32(shift_semitones)
    axes.plot(
        lines.times_s, tune, color=_TUNE, linewidth=7.0, solid_capstyle="butt", label="the tune"
    )
    axes.plot(lines.times_s, lines.sung_semitones, color=_SUNG, linewidth=1.8, label="heard")
    both = np.concatenate((tune, lines.sung_semitones))
    heard = both[np.isfinite(both)]
    if len(heard):
        low, high = np.percentile(heard, (1, 99))
        wider = max(2.0, (_LEAST_SPAN - (high - low)) / 2.0)
        axes.set_ylim(low - wider, high + wider)
        notes = range(int(np.ceil(low - wider)), int(np.floor(high + wider)) + 1)
        step = 1 if len(notes) <= 24 else 12
        shown = [note for note in notes if note % step == 0]
        axes.set_yticks(shown, [note_name(note) for note in shown])
    begin_s, end_s = float(lines.times_s[0]), float(lines.times_s[-1])
    axes.set_xlim(begin_s, max(end_s, begin_s + 0.1))
    axes.grid(axis="y", color="#e6e9ec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("time in the clip (s)")
    axes.set_ylabel("note, as heard")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right", frameon=False, ncols=2)


def note_name(number: int) -> str:
    """Return the name of a MIDI note.

    >>> note_name(60), note_name(69), note_name(70)
    ('C4', 'A4', 'B♭4')
    """
    return f"{_NAMES[number % 12]}{number // 12 - 1}"


def _facts(match: Match) -> str:
    facts = [f"confidence {match.confidence:.2f}"]
    if match.segments:
        facts.insert(0, f"found at {match.segments[0].reference.start_s:.1f} s")
    if abs(match.time_ratio - 1.0) >= 0.003:
        facts.append(f"tempo x {match.time_ratio:.2f}")
    if abs(match.pitch_shift_semitones) >= 0.05:
        facts.append(f"transposed {match.pitch_shift_semitones:+.1f} st")
    return "  ·  ".join(facts)
