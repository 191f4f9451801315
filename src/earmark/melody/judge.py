"""What the stages found, weighed: a score for the order, a probability for the answer.

The weights come from ``training/judge.py`` (a conditional logit over the proposals of simulated
hums, McFadden 1974); none of them sees where in a song the query lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.melody.propose import Proposals
from earmark.melody.rerank import Alignments

Floats = npt.NDArray[np.float64]

FEATURES = (
    "whole",
    "part",
    "whole_behind",
    "part_behind",
    "scaled",
    "two_key",
    "warped",
    "scaled_behind",
    "warped_behind",
    "rank_whole",
    "rank_part",
    "rank_scaled",
    "rank_two_key",
    "rank_warped",
    "tempo",
)


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight a feature, and the logistic that turns the best's score into a probability.

    ``certainty`` weighs what `certainty_inputs` returns.
    """

    features: tuple[float, ...]
    certainty: tuple[float, ...]


def features_of(proposals: Proposals, found: Alignments) -> Floats:
    """Return (n, len(FEATURES)): what is known of each proposed track."""

    def ranked(cost: npt.NDArray[np.float32]) -> Floats:
        order = np.argsort(cost, kind="stable")
        ranks = np.empty(len(cost))
        ranks[order] = np.arange(len(cost))
        return 3.0 / (3.0 + ranks)

    columns = (
        proposals.whole,
        proposals.part,
        proposals.whole - proposals.whole.max(),
        proposals.part - proposals.part.max(),
        found.scaled,
        found.two_key,
        found.warped,
        found.scaled - found.scaled.min(),
        found.warped - found.warped.min(),
        ranked(-proposals.whole),
        ranked(-proposals.part),
        ranked(found.scaled),
        ranked(found.two_key),
        ranked(found.warped),
        np.abs(np.log2(np.maximum(found.time_ratio, 1e-3))),
    )
    return np.stack(columns, 1).astype(np.float64)


def scores(features: Floats, weights: Weights) -> Floats:
    """Return the score of each row; the differences of two are log odds."""
    return np.asarray(features @ np.array(weights.features))


def certainty_inputs(
    warped: float, lead: float, voiced_s: float, whole: float, notes: int
) -> Floats:
    """Return what decides the probability that the best answer is right.

    That is 1, the warped cost, the lead over the next score, the logs of the seconds and of the
    notes that were sung, and the whole query's similarity.
    """
    sung = np.log(max(voiced_s, 0.1)), np.log(max(notes, 1))
    return np.array([1.0, warped, min(lead, 8.0), sung[0], whole, sung[1]])


def certainty(inputs: Floats, weights: Weights) -> float:
    """Return the calibrated probability in (0, 1)."""
    return float(1.0 / (1.0 + np.exp(-(inputs @ np.array(weights.certainty)))))
