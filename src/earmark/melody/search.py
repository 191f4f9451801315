"""One sung line against the index: propose, align, judge."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from earmark.melody.contour import Line
from earmark.melody.encoder import embed
from earmark.melody.judge import Weights, certainty, certainty_inputs, features_of, scores
from earmark.melody.params import SearchParams
from earmark.melody.propose import Proposals, propose
from earmark.melody.rerank import Alignments, align_all
from earmark.melody.tune import Tune, unpack
from earmark.melody.windows import asked_of
from earmark.ports import VectorStore
from earmark.timing import lap


@dataclass(frozen=True, slots=True)
class Found:
    """One track that a line may be singing, with all that the judge saw of it."""

    number: int
    tune: Tune
    written: bool
    confidence: float
    score: float
    similarity: float
    scaled: float
    warped: float
    start_s: float
    time_ratio: float
    shift_semitones: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """Everything known of one line's proposals, to answer with or to fit weights on."""

    proposals: Proposals
    alignments: Alignments
    features: npt.NDArray[np.float64]
    tunes: tuple[tuple[Tune, bool], ...]


def weigh(line: Line, vectors: VectorStore, params: SearchParams) -> Weighed | None:
    """Return the proposals of a line with their alignments, or None where there are none."""
    with lap("search"):
        asked = asked_of(line, params)
        near = vectors.search(embed(asked.windows.values), params.neighbours)
        if not (near.number >= 0).any():
            return None
        proposals = propose(asked, near, params)
    with lap("verify"):
        payloads = vectors.payloads([int(number) for number in proposals.numbers])
        tunes = tuple((unpack(data[1:]), bool(data[0])) for data in payloads)
        alignments = align_all(line, tunes, proposals, params)
    return Weighed(proposals, alignments, features_of(proposals, alignments), tunes)


def search_line(
    line: Line, vectors: VectorStore, params: SearchParams, weights: Weights, limit: int
) -> list[Found]:
    """Return at most ``limit`` + `SPARE` tracks, best first, whatever their confidence."""
    weighed = weigh(line, vectors, params)
    if weighed is None:
        return []
    score = scores(weighed.features, weights)
    order = np.argsort(-score, kind="stable")[: limit + SPARE]
    found = weighed.alignments
    ranked = [
        Found(
            number=int(weighed.proposals.numbers[index]),
            tune=weighed.tunes[index][0],
            written=weighed.tunes[index][1],
            confidence=0.0,
            score=float(score[index]),
            similarity=float(weighed.proposals.whole[index]),
            scaled=float(found.scaled[index]),
            warped=float(found.warped[index]),
            start_s=float(found.start_s[index]),
            time_ratio=float(found.time_ratio[index]),
            shift_semitones=float(found.shift_semitones[index]),
        )
        for index in order
    ]
    return confident(ranked, line, weights)


SPARE = 10
"""Tracks beyond the limit, so that grouping the same tune leaves enough."""


def confident(ranked: list[Found], line: Line, weights: Weights) -> list[Found]:
    """Give the best its probability of being right, the others their share of it."""
    best = ranked[0]
    lead = best.score - ranked[1].score if len(ranked) > 1 else 8.0
    inputs = certainty_inputs(best.warped, lead, line.voiced_s, best.similarity, line.notes)
    sure = certainty(inputs, weights)
    return [replace(one, confidence=sure * float(np.exp(one.score - best.score))) for one in ranked]
