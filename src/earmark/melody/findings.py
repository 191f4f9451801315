"""Ranked tracks become findings: the same tune grouped, the place told, the lines to draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from earmark.melody.contour import Line
from earmark.melody.params import LINE_HZ
from earmark.melody.search import Found
from earmark.types import Contours, Evidence, Finding, Segment, Span

Floats = npt.NDArray[np.float32]

_SAME_WRITTEN, _SAME_HEARD = 0.15, 0.4
"""Mean semitones by which two tracks differ under the query and yet are the same tune."""
_LEAST_SAME_S = 4.0
_GROUPED = 30
"""Ranks that are compared with all before them; pairs grow with the square."""
_HOPELESS = 0.001
"""Below this a track is not told at all, unless ranks are measured."""


def findings_of(searched: Sequence[tuple[Line, list[Found], float]], limit: int) -> list[Finding]:
    """Return the findings of a clip's stretches, most likely first.

    A stretch comes as its line, the ranked tracks, and the least confidence its best must have.
    Of a track found in several stretches the most confident one is told.
    """
    best: dict[int, tuple[Line, Found]] = {}
    for line, found, accept in searched:
        if not found or found[0].confidence < accept:
            continue
        for one in found:
            if one.confidence < _HOPELESS and one is not found[0] and accept > 0:
                continue
            held = best.get(one.number)
            if held is None or one.confidence > held[1].confidence:
                best[one.number] = (line, one)
    ranked = sorted(best.values(), key=lambda pair: (-pair[1].confidence, -pair[1].score))
    told: list[tuple[Line, Found, list[int]]] = []
    for rank, (line, one) in enumerate(ranked):
        same = None
        if rank < _GROUPED:
            near = (held for held in told if held[0] is line)
            same = next((held for held in near if _alike(line, held[1], one)), None)
        if same is not None:
            same[2].append(one.number)
        else:
            told.append((line, one, []))
    return [_finding(line, one, tuple(alike)) for line, one, alike in told[:limit]]


def under(line: Line, found: Found) -> Floats:
    """Return the tune's pitch at each frame of the line, in its own key, held through rests."""
    at = found.start_s + (np.arange(len(line.semitones)) + 0.5) / LINE_HZ * found.time_ratio
    note = np.searchsorted(found.tune.onset_s, at, "right") - 1
    return found.tune.semitones[np.maximum(note, 0)]


def _alike(line: Line, one: Found, other: Found) -> bool:
    """Whether two tracks hold the same tune where the query lies on them."""
    if line.duration_s < _LEAST_SAME_S:
        return False
    apart = under(line, one) - under(line, other)
    error = np.minimum(np.abs(apart - np.median(apart)), 4.0).mean()
    return bool(error <= (_SAME_WRITTEN if one.written and other.written else _SAME_HEARD))


def _finding(line: Line, found: Found, alike: tuple[int, ...]) -> Finding:
    start_s, ratio = line.start_s, found.time_ratio
    before_s = max(0.0, -found.start_s) / ratio  # the query began before the track does
    ends_s = max(found.tune.end_s, found.start_s + 0.1)
    duration_s = min(line.duration_s, (ends_s - found.start_s) / ratio)
    before_s = min(before_s, duration_s - 0.05)
    query = Span(start_s + before_s, start_s + duration_s)
    first_s = found.start_s + before_s * ratio
    reference = Span(first_s, first_s + query.duration_s * ratio)
    return Finding(
        kind="melody",
        number=found.number,
        confidence=found.confidence,
        score=found.score,
        segments=(Segment(query, reference),),
        time_ratio=ratio,
        pitch_shift_semitones=found.shift_semitones,
        evidence=Evidence(
            {
                "cost_semitones": found.warped,
                "scaled_cost_semitones": found.scaled,
                "similarity": found.similarity,
                "voiced_s": line.voiced_s,
                "written": int(found.written),
            },
            contours=_contours(line, found),
        ),
        alike=alike,
    )


def _contours(line: Line, found: Found) -> Contours:
    times = line.start_s + (np.arange(len(line.semitones)) + 0.5) / LINE_HZ
    sung = np.where(line.voiced, line.semitones, np.nan)
    at = found.start_s + (times - line.start_s) * found.time_ratio
    note = np.searchsorted(found.tune.onset_s, at, "right") - 1
    held = np.maximum(note, 0)
    sounds = (note >= 0) & (at < found.tune.onset_s[held] + found.tune.length_s[held])
    tune = np.where(sounds, found.tune.semitones[held], np.nan)
    return Contours(times.astype(np.float32), sung.astype(np.float32), tune.astype(np.float32))
