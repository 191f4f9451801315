"""What the student is asked for: the teacher's direction, its neighbours and its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each term counts."""

    centred: float = 1.0
    raw: float = 2.0
    neighbours: float = 1.0
    labels: float = 0.05


@dataclass(frozen=True, slots=True)
class Head:
    """The teacher's classifier above its features; fixed."""

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Return the logits of the labels."""
        hidden = functional.hardswish(functional.linear(features, self.first, self.first_bias))
        return functional.linear(hidden, self.second, self.second_bias)


def direction(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean of 1 - cosine."""
    return cast("Tensor", 1 - functional.cosine_similarity(found, wanted).mean())


def neighbours(found: Tensor, wanted: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return how far the student's neighbours in the batch are from the teacher's, in nats.

    Each row of cosines to the rest of the batch is read as a distribution (softmax of cosine over
    temperature); the divergence between the two is averaged over rows.
    """
    diagonal = torch.eye(len(found), dtype=torch.bool, device=found.device)
    rows = []
    for vectors in (found, wanted):
        unit = functional.normalize(vectors, dim=1)
        rows.append((unit @ unit.T).masked_fill(diagonal, -9.0) / temperature)
    return functional.kl_div(
        rows[0].log_softmax(1), rows[1].log_softmax(1), reduction="batchmean", log_target=True
    )


def labels(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the cross entropy of all labels, summed over them."""
    loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return loss.sum(1).mean()
