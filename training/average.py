"""An exponential moving average of a network's weights: what both trainings keep."""

from __future__ import annotations

import torch
from torch import nn


def average(mean: nn.Module, net: nn.Module, keep: float) -> None:
    """Move ``mean`` towards ``net``: ``keep`` of the old, the rest of the new; counters follow."""
    with torch.no_grad():
        for held, now in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if held.dtype.is_floating_point:
                held.mul_(keep).add_(now, alpha=1 - keep)
            else:
                held.copy_(now)
