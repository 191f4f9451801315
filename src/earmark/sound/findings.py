"""What resembles becomes findings: similarity told as confidence, labels by name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from earmark.ports import VectorStore
from earmark.sound.labels_kept import labels_of
from earmark.sound.search import Moment, Resembling
from earmark.types import Evidence, Finding, Segment

LIKELY_AT = 0.88
"""The similarity from which two stretches are more likely than not the same sound."""
STEEPNESS = 25.0
LEAST_SIMILARITY = 0.2
"""Two sounds of any two kinds are often this much alike."""


def confidence_of(similarity: float) -> float:
    """Return how likely a similarity means: the same sound, or the same source of sound.

    >>> round(confidence_of(LIKELY_AT), 2)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-STEEPNESS * (similarity - LIKELY_AT)))


def findings_of(
    found: Sequence[Resembling], moments: VectorStore, names: Sequence[str]
) -> list[Finding]:
    """Return findings, best first; those below `LEAST_SIMILARITY` are left out.

    Parameters
    ----------
    moments
        Tells the labels of the windows that were found.
    names
        The labels' names, empty where the model has none.
    """
    findings: list[Finding] = []
    for one in found:
        best = one.moments[0]
        if best.similarity < LEAST_SIMILARITY:
            continue
        figures = {"similarity": best.similarity}
        labels = _labels_at(moments, one.number, best, names) if names else {}
        findings.append(
            Finding(
                kind="sound",
                number=one.number,
                confidence=confidence_of(best.similarity),
                score=best.similarity,
                segments=tuple(Segment(moment.query, moment.reference) for moment in one.moments),
                time_ratio=1.0,
                pitch_shift_semitones=0.0,
                evidence=Evidence(figures, labels=labels),
            )
        )
    return findings


def _labels_at(
    moments: VectorStore, number: int, moment: Moment, names: Sequence[str]
) -> dict[str, float]:
    """Return the labels of the window that lies nearest to a moment's middle."""
    try:
        held = moments.embedded(number)
    except KeyError:  # removed since
        return {}
    if not len(held.start_s):
        return {}
    middle_s = (moment.reference.start_s + moment.reference.end_s) / 2.0
    row = int(np.argmin(np.abs(held.start_s + held.length_s / 2.0 - middle_s)))
    return labels_of(held.payload, names)[row]
