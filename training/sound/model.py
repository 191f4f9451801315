"""The sound network: mel spectrogram in, a vector in the teacher's space and label odds out."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.sound.teacher import FEATURES, LABELS

MEL_BANDS = 128
FREQUENCY_BANDS = 4


class Residual(nn.Module):
    """Two convolutions around which the signal passes unchanged, then channels weighed anew."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels, 3)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        self.squeeze = nn.Linear(channels, channels // 4)
        self.excite = nn.Linear(channels // 4, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, bands, frames) to the same."""
        x = functional.relu(x + self.second(self.first(x)))
        weight = self.excite(functional.relu(self.squeeze(x.mean((2, 3)))))
        return x * torch.sigmoid(weight)[:, :, None, None]


class Student(nn.Module):
    """(batch, 1, 128, frames) -> features (batch, 384) and label odds in logits (batch, 527).

    The figures that scale input and output are part of the network; `standardise` sets them.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 96, 144),
        depths: tuple[int, ...] = (0, 1, 2),
        projected: int = 160,
        head: int = 256,
    ) -> None:
        super().__init__()
        self.sizes = {
            "channels": channels, "depths": depths, "projected": projected, "head": head,
        }  # fmt: skip
        layers: list[nn.Module] = [
            nn.Conv2d(1, channels[0], (7, 5), (4, 2), (3, 2), bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        for before, width, depth in zip(channels, channels[1:], depths, strict=False):
            layers.append(_convolution(before, width, 3, stride=2))
            layers += [Residual(width) for _ in range(depth)]
        self.layers = nn.Sequential(*layers, _convolution(channels[-1], projected, 1))
        self.norm = nn.BatchNorm1d(projected * FREQUENCY_BANDS * 2)
        self.out = nn.Linear(projected * FREQUENCY_BANDS * 2, FEATURES)
        self.hidden = nn.Linear(FEATURES, head)
        self.labels = nn.Linear(head, LABELS)
        self.mel_mean = nn.Buffer(torch.zeros(1))
        self.mel_spread = nn.Buffer(torch.ones(1))
        self.mean = nn.Buffer(torch.zeros(FEATURES))
        self.spread = nn.Buffer(torch.ones(FEATURES))

    def standardise(self, mels: Tensor, features: Tensor) -> None:
        """Take mean and spread of input and output from examples."""
        self.mel_mean.fill_(float(mels.mean()))
        self.mel_spread.fill_(float(mels.std()))
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)

    def embed(self, mel: Tensor) -> Tensor:
        """Return features: mean and peak over time of what four frequency bands hold."""
        x = self.layers((mel - self.mel_mean) / self.mel_spread)
        pooled = torch.cat((x.mean(3), x.amax(3)), 1).flatten(1)
        scaled = cast("Tensor", self.out(self.norm(pooled)))
        return scaled * self.spread + self.mean

    def name(self, features: Tensor) -> Tensor:
        """Return the logits of the labels of features."""
        scaled = (features - self.mean) / self.spread
        return cast("Tensor", self.labels(functional.relu(self.hidden(scaled))))

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Embed and name."""
        features = self.embed(mel)
        return features, self.name(features)


def _convolution(before: int, after: int, side: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
