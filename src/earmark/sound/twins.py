"""Which short sounds are nearly the same: the same effect or note, saved anew or a little changed.

Long tracks are left to the recording engine: two pieces of one band sound alike all the way.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from earmark.ports import Embedded, VectorStore
from earmark.sound.model import Float32
from earmark.sound.search import resembling
from earmark.types import Evidence, Finding, Segment, Span

LONGEST_S = 20.0
"""A longer track is no single sound."""
SAME_AT = 0.935
"""The similarity from which two short sounds of one length are one, saved anew (see the docs)."""
STEEPNESS = 146.0
_AS_LONG = 0.9
_NEAR = 0.9  # the least similarity of some moment, for the whole to be compared


def twins_of(
    store: VectorStore, number: int, limit: int, without: Collection[int]
) -> list[Finding]:
    """Return the numbers that sound the same as a known one from beginning to end, surest first."""
    try:
        own = store.embedded(number)
    except KeyError:
        return []
    if not len(own.vectors) or _end_s(own) > LONGEST_S:
        return []
    spans = [
        Span(float(start), float(start + length))
        for start, length in zip(own.start_s, own.length_s, strict=True)
    ]
    left_out = {number, *without}
    near = resembling(store, own.vectors, spans, limit, without=tuple(left_out))
    found = []
    for one in near:
        if one.moments[0].similarity < _NEAR:
            break
        try:
            other = store.embedded(one.number)
        except KeyError:  # removed since
            continue
        finding = laid(own, other)
        if finding is not None and finding.confidence > 0.0:
            found.append(finding)
    return sorted(found, key=lambda finding: -finding.confidence)


def laid(own: Embedded, other: Embedded) -> Finding | None:
    """Return how like two sounds are; the confidence is 0 where their lengths speak against it."""
    if not len(own.vectors) or not len(other.vectors):
        return None
    similarity = likeness(own, other)
    ends_s = _end_s(own), _end_s(other)
    short = max(ends_s) <= LONGEST_S and min(ends_s) >= _AS_LONG * max(ends_s)
    confidence = 1.0 / (1.0 + math.exp(-STEEPNESS * (similarity - SAME_AT))) if short else 0.0
    return Finding(
        kind="sound",
        number=other.number,
        confidence=confidence,
        score=similarity,
        segments=(Segment(Span(0.0, ends_s[0]), Span(0.0, ends_s[1])),),
        time_ratio=1.0,
        pitch_shift_semitones=0.0,
        evidence=Evidence({"similarity": similarity}),
    )


def likeness(own: Embedded, other: Embedded) -> float:
    """Return the mean similarity of each window to its best counterpart, of the worse side."""
    table = own.vectors @ other.vectors.T
    sides = (
        _weighted(table.max(axis=1), own.length_s),
        _weighted(table.max(axis=0), other.length_s),
    )
    return float(np.clip(min(sides), 0.0, 1.0))


def _weighted(values: Float32, length_s: Float32) -> float:
    return float(np.average(values, weights=np.maximum(length_s, 1e-3)))


def _end_s(one: Embedded) -> float:
    return float((one.start_s + one.length_s).max())
