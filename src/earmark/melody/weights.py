"""Fitted figures: what each feature of a proposal weighs, and when an answer is given."""

from __future__ import annotations

from earmark.melody.judge import Weights

ACCEPT = 0.05
"""Least confidence of the best track: below it the clip is noise, speech or no tune at all."""

ACCEPT_UNSTEADY = 0.5
"""The same where the pitch glides as it does in speech."""
FITTED = Weights(
    features=(
        *(2.7597, 7.7442, 1.5104, 3.4374),
        *(-0.6956, -0.8579, -1.9984, -1.0089, -2.41),
        *(0.2446, 0.7412, -0.226, 2.7564, 2.2181),
        -1.354,
    ),
    certainty=(-3.3679, -1.6237, 0.6067, -0.1795, 1.4307, 0.4684),
)
"""Printed by ``python -m training.judge`` (seed 3, 900 hums of the three public-domain books)."""
