"""From what the check found to a probability of being right, fitted on a seeded evaluation set."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of the best alignment, compared with that of the best other track.

    Attributes
    ----------
    strength_ratio
        ln of score plus coincidence, over the rival's: the query's own confusability cancels.
    score_ratio
        ln of the score over the rival's.
    share_ratio
        ln of the share of reference peaks that are query peaks, over the rival's.
    mean
        Evidence a peak, in standard deviations over sqrt of the peaks counted.
    mean_lead
        The same less the rival's.
    share
        Share of the reference's peaks that are among the query's hundred strongest a page.
    log_peaks
        ln of the reference peaks that fall inside the query.
    warped
        1 when speed, tempo and pitch hypotheses were tried, which gives chance more tickets.
    """

    strength_ratio: float
    score_ratio: float
    share_ratio: float
    mean: float
    mean_lead: float
    share: float
    log_peaks: float
    warped: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of a logistic regression on `Figures`; ``docs/recording.md`` tells of the fit."""

    bias: float = -0.203
    strength_ratio: float = 4.832
    score_ratio: float = 9.563
    share_ratio: float = -0.004
    mean: float = -0.947
    mean_lead: float = 0.078
    share: float = 5.500
    log_peaks: float = -0.825
    warped: float = -1.489

    def __call__(self, figures: Figures) -> float:
        """Return the probability in [0, 1] that the alignment is right."""
        logit = self.bias + sum(
            getattr(self, f.name) * getattr(figures, f.name) for f in fields(Figures)
        )
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))


ACCEPT = 0.6
"""Answers below this are no match."""
SECOND = 0.9
"""What a further track must reach once one has explained the stretch (mashups are rare), and what
spares a very short query the speed, tempo and pitch hypotheses."""
CERTAIN = 0.99
"""At this confidence no harder search is tried."""
