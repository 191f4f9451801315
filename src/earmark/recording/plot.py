"""A picture of an answer: the matched landmarks over the clip, and how sharply they agree.

Figures are made without pyplot: nothing is opened, nothing is shared, and equal input gives an
equal picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.errors import UsageError
from earmark.figure import MISSING, kind_of, new_figure, plain, write_figure
from earmark.recording.params import PAGE_FRAMES, RecordingParams
from earmark.types import Answer, Clip, Match, Span
from earmark.units import clock, semitones_to_ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure

Float64 = npt.NDArray[np.float64]

WHOLE_S = 30.0
"""A clip up to this long is drawn whole; of a longer one the stretch that holds the landmarks."""
_MARGIN_S = 1.0
_REACH_S = 2.5  # the histogram shows offsets up to this far from the answer's
_PEAKS_PER_PAGE = 100
_DEEPEST_DB = 60.0
_MARK, _CHANCE, _INK = "#e4572e", "#9aa5b1", "#22303c"


def plot_match(match: Match, path: str | Path | None = None) -> Figure:
    """Draw a match from its landmarks alone; see `plot_answer`."""
    return plot_answer(match, None, path)


def plot_answer(
    answer: Answer | Match, clip: Clip | None = None, path: str | Path | None = None
) -> Figure:
    """Draw the best match: landmarks over time and frequency, and the offset histogram.

    In the histogram every landmark of the reference votes against every peak of the query of the
    same frequency: where the match is right, one offset stands out of the votes of chance.

    Parameters
    ----------
    answer
        An answer with a match, or one match.
    clip
        The query, or the stretch of it that `stretch_to_draw` names; its spectrogram is drawn
        under the landmarks. Without it the landmarks vote among themselves.
    path
        Where to write the picture; the ending names the format.

    Returns
    -------
    matplotlib.figure.Figure
        Shows itself in a notebook.

    Raises
    ------
    UsageError
        matplotlib is missing, the answer holds no match, the match no landmarks, or the ending
        names no picture format.
    StoreError
        The picture cannot be written.
    """
    match = _best(answer)
    if path is not None:
        require_format(path)
    figure = new_figure(9.0, 6.0)
    top, bottom = figure.subplots(2, 1, height_ratios=(2.6, 1.0))
    _draw_landmarks(top, match, clip)
    _draw_offsets(bottom, match, clip)
    figure.suptitle(plain(match.track.label), fontsize=14, fontweight="bold", color=_INK)
    top.set_title(_facts(match), fontsize=10.5, color=_INK, pad=12.0)
    if path is not None:
        write_figure(figure, Path(path))
    return figure


def require_format(path: str | Path) -> None:
    """Raise `UsageError` unless a picture of that name can be drawn, before any work is done."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise UsageError(MISSING) from error
    known = FigureCanvasBase.get_supported_filetypes()
    if kind_of(Path(path)) not in known:
        names = ", ".join(sorted(known))
        message = f"{str(path)!r} names no picture format; use one of: {names}"
        raise UsageError(message)


def stretch_to_draw(answer: Answer | Match, duration_s: float) -> Span:
    """Return which part of a query of ``duration_s`` to hand to `plot_answer`."""
    if duration_s <= WHOLE_S:
        return Span(0.0, duration_s)
    times_s = [mark.query_s for mark in _best(answer).evidence.landmarks]
    start_s = max(0.0, min(times_s) - _MARGIN_S)
    return Span(start_s, min(duration_s, max(times_s) + _MARGIN_S, start_s + WHOLE_S))


# --- the figure -------------------------------------------------------------------------------


def _best(answer: Answer | Match) -> Match:
    match = answer.best if isinstance(answer, Answer) else answer
    if match is None:
        message = "there is no match to draw"
        raise UsageError(message)
    if not match.evidence.landmarks:
        message = f"a match of kind {match.kind!r} has no landmarks to draw"
        raise UsageError(message)
    return match


def _facts(match: Match) -> str:
    facts = []
    if match.segments:
        facts.append(f"found at {clock(match.segments[0].reference.start_s)}")
    facts.append(f"confidence {match.confidence:.2f}")
    facts.append(f"{len(match.evidence.landmarks)} landmarks")
    if abs(match.time_ratio - 1.0) >= 0.003:
        facts.append(f"speed x {match.time_ratio:.3f}")
    if abs(match.pitch_shift_semitones) >= 0.05:
        facts.append(f"pitch {match.pitch_shift_semitones:+.2f} st")
    return "  ·  ".join(facts)


# --- the landmarks ----------------------------------------------------------------------------


def _draw_landmarks(axes: Axes, match: Match, clip: Clip | None) -> None:
    spectrum = RecordingParams().spectrum
    starts_s, _, heard_hz = _landmarks(match)
    times_s = starts_s + spectrum.window / spectrum.rate_hz / 2  # a peak lies mid-window
    if clip is not None:
        _draw_spectrogram(axes, clip)
        begin_s, end_s = clip.start_s, clip.start_s + clip.duration_s
    else:
        begin_s, end_s = float(starts_s.min()), float(starts_s.max()) + 2 * spectrum.frame_s
        axes.grid(color="#e6e9ec", linewidth=0.6)
        axes.set_axisbelow(True)
    for segment in match.segments:
        left, right = max(begin_s, segment.query.start_s), min(end_s, segment.query.end_s)
        if left < right:
            axes.hlines(
                1.0,
                left,
                right,
                color=_MARK,
                linewidth=5.0,
                clip_on=False,
                transform=axes.get_xaxis_transform(),
            )
    shown = (times_s >= begin_s) & (times_s <= end_s)
    axes.scatter(
        times_s[shown],
        heard_hz[shown] / 1000.0,
        s=26.0,
        facecolors="none" if clip is not None else _MARK,
        edgecolors=_MARK,
        linewidths=1.3,
        clip_on=False,
        zorder=3,
    )
    axes.set_xlim(begin_s, max(end_s, begin_s + 0.1))
    axes.set_ylim(spectrum.bin_hz(0) / 1000.0, spectrum.bin_hz(spectrum.bins - 1) / 1000.0)
    axes.set_xlabel("time in the clip (s)")
    axes.set_ylabel("frequency (kHz)")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_spectrogram(axes: Axes, clip: Clip) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    from earmark.recording.spectrum import log_spectrum

    spectrum = RecordingParams().spectrum
    cells = log_spectrum(_at_rate(clip), spectrum)
    if len(cells) == 0:
        return
    level_db = cells * (20.0 / np.log(10.0))
    top_db = float(np.quantile(level_db, 0.999))
    half_s, half_khz = spectrum.frame_s / 2, spectrum.rate_hz / spectrum.window / 2000.0
    middle_s = clip.start_s + spectrum.window / spectrum.rate_hz / 2
    axes.imshow(
        level_db.T,
        origin="lower",
        aspect="auto",
        cmap=LinearSegmentedColormap.from_list("ink", ("#ffffff", "#8fa3b5", _INK)),
        vmin=top_db - _DEEPEST_DB,
        vmax=top_db,
        interpolation="bilinear",
        extent=(
            middle_s - half_s,
            middle_s - half_s + len(cells) * spectrum.frame_s,
            spectrum.bin_hz(0) / 1000.0 - half_khz,
            spectrum.bin_hz(spectrum.bins - 1) / 1000.0 + half_khz,
        ),
    )


# --- the offsets ------------------------------------------------------------------------------


def _draw_offsets(axes: Axes, match: Match, clip: Clip | None) -> None:
    frame_s = RecordingParams().spectrum.frame_s
    offsets_s = _votes(match, clip)
    own_s = _offset(match)
    around = offsets_s[np.abs(offsets_s - own_s) <= _REACH_S] - own_s
    frames = round(_REACH_S / frame_s)
    edges = (np.arange(-frames, frames + 2) - 0.5) * frame_s
    counts, _ = np.histogram(around, edges)
    near = np.abs(edges[:-1] + frame_s / 2) <= 1.5 * frame_s
    axes.bar(
        edges[:-1] + own_s,
        counts,
        width=frame_s,
        align="edge",
        color=[_MARK if one else _CHANCE for one in near],
    )
    tallest = max(1, int(counts.max(initial=0)))
    axes.annotate(
        f"{own_s:.2f} s",
        (own_s, tallest),
        xytext=(8, -4),
        textcoords="offset points",
        color=_MARK,
        va="center",
    )
    axes.set_xlim(own_s - _REACH_S, own_s + _REACH_S)
    axes.set_ylim(0, tallest * 1.12)
    speed = "" if abs(match.time_ratio - 1.0) < 0.003 else f" x {match.time_ratio:.3f}"
    axes.set_xlabel(f"offset = time in the recording - time in the clip{speed} (s)")
    axes.set_ylabel("votes")
    axes.spines[["top", "right"]].set_visible(False)


def _votes(match: Match, clip: Clip | None) -> Float64:
    """Return the offset of every pair of a query peak and a landmark of the same frequency."""
    spectrum = RecordingParams().spectrum
    query_s, reference_s, heard_hz = _landmarks(match)
    bin_hz = spectrum.rate_hz / spectrum.window
    marks = np.rint(heard_hz / bin_hz)
    peaks_s, peaks = query_s, marks
    if clip is not None:
        peaks_s, peaks = _peaks(clip)
    # (peaks, landmarks); a bin more or less is the same peak seen through another window.
    same = np.abs(peaks[:, None] - marks[None, :]) <= 1.0
    offsets_s = np.subtract.outer(-match.time_ratio * peaks_s, -reference_s)
    return np.asarray(offsets_s[same], np.float64)


def _peaks(clip: Clip) -> tuple[Float64, Float64]:
    from earmark.recording.peaks import query_peaks
    from earmark.recording.spectrum import salience

    params = RecordingParams()
    spectrum = params.spectrum
    frames, bins, salient = query_peaks(salience(_at_rate(clip), spectrum), params)
    keep = np.zeros(len(frames), np.bool_)
    for page in np.unique(frames // PAGE_FRAMES):
        own = np.flatnonzero(frames // PAGE_FRAMES == page)
        keep[own[np.argsort(-salient[own], kind="stable")[:_PEAKS_PER_PAGE]]] = True
    return clip.start_s + frames[keep] * spectrum.frame_s, bins[keep] + float(spectrum.first_bin)


def _landmarks(match: Match) -> tuple[Float64, Float64, Float64]:
    """Return seconds in the query, seconds in the reference, hertz as heard in the query."""
    marks = match.evidence.landmarks
    query_s, reference_s, own_hz = np.array(
        [(mark.query_s, mark.reference_s, mark.frequency_hz) for mark in marks], np.float64
    ).T
    return query_s, reference_s, own_hz * semitones_to_ratio(match.pitch_shift_semitones)


def _offset(match: Match) -> float:
    """Return where query second 0 lies: exact by the segment that the landmarks belong to."""
    query_s, reference_s, _ = _landmarks(match)
    rough_s = float(np.median(reference_s - query_s * match.time_ratio))
    exact_s = [s.reference.start_s - s.query.start_s * match.time_ratio for s in match.segments]
    return min(exact_s, key=lambda one_s: abs(one_s - rough_s), default=rough_s)


def _at_rate(clip: Clip) -> npt.NDArray[np.float32]:
    rate_hz = RecordingParams().spectrum.rate_hz
    if clip.rate_hz != rate_hz:
        message = f"the clip to draw must be at {rate_hz} Hz, not {clip.rate_hz} Hz"
        raise UsageError(message)
    return clip.samples
