"""The contour encoder: 80 values of pitch in, a unit vector out."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.encoder.pairs import SAMPLES


class Residual(nn.Module):
    """Two convolutions around which the signal also passes unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.second = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.after = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) to the same."""
        inner = functional.gelu(self.norm(self.first(x)))
        return functional.gelu(x + self.after(self.second(inner)))


class Encoder(nn.Module):
    """(batch, 80) semitones above the window's median -> (batch, dimension) unit vectors."""

    def __init__(
        self, dimension: int = 64, channels: tuple[int, ...] = (40, 64, 96), *, deep: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(2, channels[0], 5, padding=2), nn.GELU()]
        before = channels[0]
        for width in channels:
            layers += [nn.Conv1d(before, width, 5, stride=2, padding=2, bias=False)]
            layers += [nn.BatchNorm1d(width), nn.GELU()]
            if deep:
                layers.append(Residual(width))
            before = width
        self.layers = nn.Sequential(*layers)
        flat = before * SAMPLES // 2 ** len(channels)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(flat, 256), nn.GELU(), nn.Linear(256, dimension)
        )

    def forward(self, window: Tensor) -> Tensor:
        """Clip to +-14 semitones, add the first difference, embed."""
        x = window.clamp(-14.0, 14.0) / 5.0
        slope = functional.pad(x[:, 1:] - x[:, :-1], (1, 0))
        y = self.head(self.layers(torch.stack((x, slope), 1)))
        return cast("Tensor", functional.normalize(y, dim=-1))
