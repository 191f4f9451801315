"""What a match has for drawing, as JSON: two lines of pitch, or matched peaks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.types import Answer, Match

MOST_LANDMARKS = 2000


def drawing_of(match: Match) -> dict[str, Any]:
    """Return a match's drawing.

    Returns
    -------
    dict
        ``contours``: ``times_s`` in the query, ``sung_semitones`` and ``tune_semitones`` as MIDI
        note numbers, null where nothing sounds; or null. ``landmarks``: seconds in the query and
        in the reference, and hertz; of very many every so many-th.
    """
    lines = match.evidence.contours
    marks = match.evidence.landmarks
    step = math.ceil(len(marks) / MOST_LANDMARKS) or 1
    return {
        "contours": None
        if lines is None
        else {
            "times_s": _numbers(lines.times_s, 3),
            "sung_semitones": _numbers(lines.sung_semitones, 2),
            "tune_semitones": _numbers(lines.tune_semitones, 2),
        },
        "landmarks": [
            {
                "query_s": round(float(mark.query_s), 3),
                "reference_s": round(float(mark.reference_s), 3),
                "frequency_hz": round(float(mark.frequency_hz), 1),
            }
            for mark in marks[::step]
        ],
    }


def answer_shape(answer: Answer, *, drawing: bool = False) -> dict[str, Any]:
    """Return an answer's JSON; with ``drawing`` each match has its own."""
    shape = answer.as_dict()
    if drawing:
        for match, drawn in zip(answer.matches, shape["matches"], strict=True):
            drawn["drawing"] = drawing_of(match)
    return shape


def _numbers(values: npt.NDArray[np.float32], digits: int) -> list[float | None]:
    return [round(one, digits) if math.isfinite(one) else None for one in values.tolist()]
