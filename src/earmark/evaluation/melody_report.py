"""What became of hummed queries: one outcome each, and the figures they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

UNRANKED = 10_000
"""The rank of a song that was not among the answers."""
SURE = 0.5
"""Answers of this confidence are counted as given with conviction."""


@dataclass(frozen=True, slots=True)
class HumOutcome:
    """One query: at which rank its song came (1 is best, `UNRANKED` not at all), and the cost.

    ``group`` is a word by which figures are told apart; ``confidence`` is the first answer's,
    0 where there is none.
    """

    query: str
    song: str
    group: str
    rank: int
    confidence: float
    cpu_ms: float
    voiced_s: float


@dataclass(frozen=True, slots=True)
class MelodyReport:
    """All outcomes and what was measured of the library."""

    outcomes: tuple[HumOutcome, ...]
    measured: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return one flat object of figures; those of groups as ``top10.GROUP``."""
        shape: dict[str, Any] = {"queries": len(self.outcomes), **figures(self.outcomes)}
        groups = sorted({one.group for one in self.outcomes})
        for group in groups if len(groups) > 1 else []:
            part = [one for one in self.outcomes if one.group == group]
            shape |= {f"{name}.{group or 'other'}": value for name, value in figures(part).items()}
        return {**shape, **self.measured}

    def table(self) -> str:
        """Return the figures as lines of text."""
        shape = self.as_dict()
        width = max(map(len, shape))
        return "\n".join(f"{name:{width}}  {value:>12g}" for name, value in shape.items())


def figures(outcomes: Sequence[HumOutcome]) -> dict[str, float]:
    """Return shares in [0, 1], the mean reciprocal rank and medians; {} of no outcomes.

    ``confident`` is the share of queries answered with a confidence of `SURE` or more,
    ``confident_right`` how many of those had the right song first.

    >>> one = HumOutcome("a.wav", "a", "", 2, 0.6, 100.0, 5.0)
    >>> found = figures([one])
    >>> found["top1"], found["top3"], found["mrr"], found["confident_right"]
    (0.0, 1.0, 0.5, 0.0)
    """
    if not outcomes:
        return {}
    ranks = np.array([one.rank for one in outcomes], float)
    sure = [one for one in outcomes if one.confidence >= SURE]
    return {
        **{f"top{k}": float((ranks <= k).mean()) for k in (1, 3, 10)},
        "mrr": float(np.where(ranks < UNRANKED, 1.0 / ranks, 0.0).mean()),
        "confident": len(sure) / len(outcomes),
        "confident_right": float(np.mean([one.rank == 1 for one in sure])) if sure else 0.0,
        "voiced_s": float(np.median([one.voiced_s for one in outcomes])),
        "cpu_ms": float(np.median([one.cpu_ms for one in outcomes])),
    }
