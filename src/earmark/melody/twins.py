"""Which tracks hold the same tune: stretches of one tune are sung, so to speak, to the others.

A single stretch may lie well on any tune by chance. Two tracks are the same tune where several
stretches lie on the other one, in order, in one key and at one tempo: chance does not agree with
itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from earmark.melody.contour import Line
from earmark.melody.encoder import embed
from earmark.melody.judge import Weights, features_of, scores
from earmark.melody.params import LINE_HZ, SearchParams
from earmark.melody.propose import Proposals, propose
from earmark.melody.rerank import align_all
from earmark.melody.tune import Tune, unpack
from earmark.melody.windows import Windows, asked_of
from earmark.ports import NO_NUMBER, Neighbours, Numbers, VectorStore
from earmark.types import Evidence, Finding, Segment, Span

_STRETCH_S, _STRETCHES, _LEAST_S = 12.0, 6, 5.0
Floats = npt.NDArray[np.float32]

_ONE_TUNE = 12  # nearest windows of a tune that is compared alone
_EACH = 4  # tracks that a stretch names
_CANDIDATES, _NEIGHBOURS, _WARPED = 60, 400, 30
_MOST_COST = 1.2  # mean semitones of a stretch that lies on a tune, heard in a mix
_SAME_KEY, _SAME_TEMPO, _IN_ORDER_S = 0.8, 0.06, 1.5
_LEAST_AGREEING = 2  # of 472 pairs of different tunes none agreed twice
_MEAN_COST = 0.6


@dataclass(frozen=True, slots=True)
class Laid:
    """One stretch of the own tune on another one."""

    number: int
    own: Span
    start_s: float
    time_ratio: float
    shift_semitones: float
    cost: float
    similarity: float


def line_of_tune(tune: Tune) -> Line | None:
    """Return a tune as a line that was sung, or None where it has too few notes for that."""
    if len(tune) < 4:
        return None
    first_s = float(tune.onset_s[0])
    count = int((tune.end_s - first_s) * LINE_HZ)
    if count < _LEAST_S * LINE_HZ:
        return None
    at_s = first_s + (np.arange(count) + 0.5) / LINE_HZ
    note = np.maximum(np.searchsorted(tune.onset_s, at_s, "right") - 1, 0)
    voiced = at_s < tune.onset_s[note] + tune.length_s[note]
    onsets = np.unique(np.rint((tune.onset_s - first_s) * LINE_HZ).astype(np.int64))
    return Line(tune.semitones[note].astype(np.float32), voiced, onsets[onsets < count], first_s)


def twins_of(
    number: int,
    tune: Tune,
    vectors: VectorStore,
    params: SearchParams,
    weights: Weights,
    without: Collection[int],
) -> list[Finding]:
    """Return the numbers with the same tune as a known one, surest first."""
    line = line_of_tune(tune)
    if line is None:
        return []
    left_out = {number, *without}
    known = vectors.known()
    among = known[~np.isin(known, list(left_out))]
    found: dict[int, list[Laid]] = {}
    for part in _stretches(line):
        for one in _named(part, vectors, params, weights, among):
            found.setdefault(one.number, []).append(one)
    findings = [_agreed(other, laid) for other, laid in found.items()]
    kept = [finding for finding in findings if finding is not None]
    return sorted(kept, key=lambda finding: -finding.confidence)


def laid_on(
    tune: Tune, other: Tune, written: bool, windows: Windows, vectors: Floats, params: SearchParams
) -> Finding | None:
    """Return how one tune lies on another one, which need not be known.

    Parameters
    ----------
    written
        Whether the other one is a composer's.
    windows, vectors
        The other one's, as an index would hold them.
    """
    line = line_of_tune(tune)
    if line is None or not len(vectors):
        return None
    laid: list[Laid] = []
    for part in _stretches(line):
        asked = asked_of(part, params)
        near = _nearest(embed(asked.windows.values), vectors, windows)
        proposals = propose(asked, near, params)
        laid += _best(part, ((other, written),), proposals, params, None)[:1]
    return _agreed(NO_NUMBER, laid) if laid else None


def _nearest(queries: Floats, vectors: Floats, windows: Windows) -> Neighbours:
    """Return every query's nearest windows of one tune, which is called number 0."""
    similarity = queries @ vectors.T
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :_ONE_TUNE]
    return Neighbours(
        np.zeros(order.shape, np.int64),
        windows.start_s[order],
        windows.length_s[order],
        np.take_along_axis(similarity, order, axis=1),
    )


def _stretches(line: Line) -> Iterator[Line]:
    """Yield parts of a line, spread over it, in which most of the time something sounds."""
    length = round(_STRETCH_S * LINE_HZ)
    total = len(line.semitones)
    if total <= length:
        starts = [0]
    else:
        # They overlap by less than half: what agrees is not the same notes twice.
        count = min(_STRETCHES, 1 + int((total - length) / (0.6 * length)))
        starts = np.linspace(0, total - length, count).round().astype(int).tolist()
    for start in starts:
        part = line.cut(start, min(total, start + length))
        if part.voiced.mean() >= 0.3 and part.notes >= 6:
            yield part


def _named(
    part: Line, vectors: VectorStore, params: SearchParams, weights: Weights, among: Numbers
) -> list[Laid]:
    asked = asked_of(part, params)
    near = vectors.search(embed(asked.windows.values), _NEIGHBOURS, among)
    if not (near.number >= 0).any():
        return []
    quick = replace(params, candidates=_CANDIDATES, warped=_WARPED, neighbours=_NEIGHBOURS)
    proposals = propose(asked, near, quick)
    payloads = vectors.payloads([int(one) for one in proposals.numbers])
    tunes = tuple((unpack(data[1:]), bool(data[0])) for data in payloads)
    return _best(part, tunes, proposals, quick, weights)[:_EACH]


def _best(
    part: Line,
    tunes: tuple[tuple[Tune, bool], ...],
    proposals: Proposals,
    params: SearchParams,
    weights: Weights | None,
) -> list[Laid]:
    """Return the tunes that a stretch lies well on, best first."""
    found = align_all(part, tunes, proposals, params)
    score = -found.warped if weights is None else scores(features_of(proposals, found), weights)
    return [
        Laid(
            number=int(proposals.numbers[row]),
            own=Span(part.start_s, part.start_s + part.duration_s),
            start_s=float(found.start_s[row]),
            time_ratio=float(found.time_ratio[row]),
            shift_semitones=float(found.shift_semitones[row]),
            cost=float(found.warped[row]),
            similarity=float(proposals.whole[row]),
        )
        for row in np.argsort(-score, kind="stable").tolist()
        if found.warped[row] <= _MOST_COST
    ]


def _agreed(number: int, laid: list[Laid]) -> Finding | None:
    """Return the finding of the largest set of stretches that lie on one line, in one key."""
    best: list[Laid] = []
    for one in laid:
        same = [other for other in laid if _agree(one, other)]
        if (len(same), -_cost(same)) > (len(best), -_cost(best)):
            best = same
    if not best:
        return None
    cost = _cost(best)
    heard_s = sum(one.own.duration_s for one in best)
    ratio = float(np.median([one.time_ratio for one in best]))
    key = float(np.median([one.shift_semitones for one in best]))
    ordered = sorted(best, key=lambda one: one.own.start_s)
    segments = tuple(
        Segment(one.own, Span(one.start_s, one.start_s + one.own.duration_s * one.time_ratio))
        for one in ordered
    )
    return Finding(
        kind="melody",
        number=number,
        confidence=confidence_of(len(best), cost),
        score=len(best) * math.exp(-cost),
        segments=segments,
        time_ratio=ratio,
        pitch_shift_semitones=key,
        evidence=Evidence(
            {
                "similarity": likeness(len(best), cost),
                "agreeing": len(best),
                "cost_semitones": cost,
                "compared_s": heard_s,
            }
        ),
    )


def _agree(one: Laid, other: Laid) -> bool:
    """Whether two stretches lie on the other tune as one performance of it would."""
    if abs(one.shift_semitones - other.shift_semitones) > _SAME_KEY:
        return False
    if abs(math.log(one.time_ratio / other.time_ratio)) > _SAME_TEMPO:
        return False
    expected_s = one.start_s + (other.own.start_s - one.own.start_s) * one.time_ratio
    allowed_s = _IN_ORDER_S + 0.05 * abs(other.own.start_s - one.own.start_s)
    return abs(expected_s - other.start_s) <= allowed_s


def _cost(laid: list[Laid]) -> float:
    return float(np.mean([one.cost for one in laid])) if laid else math.inf


def likeness(agreeing: int, cost: float) -> float:
    """Return how alike two tunes are, in [0, 1]: few stretches or a poor fit count less."""
    return min(1.0, agreeing / _LEAST_AGREEING) * math.exp(-max(0.0, cost) / 1.5)


def confidence_of(agreeing: int, cost: float) -> float:
    """Return how sure that many stretches at that mean cost (semitones) are one tune."""
    return 1.0 / (
        1.0 + math.exp(-3.0 * (agreeing - _LEAST_AGREEING + 0.5) - 4.0 * (_MEAN_COST - cost))
    )
