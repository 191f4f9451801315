"""The lead extractor: which pitch, if any, is the melody at each twentieth of a second."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PITCHES = 156
"""Thirds of a semitone from MIDI note 36 (65 Hz) to just below 88 (1.3 kHz)."""
FIRST_BIN = 36
"""The bin of the spectrum's scale (MIDI 24 + b / 3) on which pitch 0 lies."""
SHIFTS = (-36, 0, 36, 57, 72, 84, 93)
"""How far above a pitch its octave below and its harmonics 1-6 lie, in thirds of semitones."""


class Layer(nn.Module):
    """A residual convolution over time (dilated) and pitch."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels, channels, (3, 5), padding=(dilation, 2), dilation=(dilation, 1), bias=False
        )
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time, semitones) to the same."""
        return x + functional.relu(self.norm(self.conv(x)))


class Lead(nn.Module):
    """(batch, time, 286) normalised log spectrum -> pitch logits (batch, time, 156), voicing."""

    def __init__(self, stem: int = 16, trunk: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(len(SHIFTS), stem, (3, 5), padding=(1, 2), bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(),
            nn.Conv2d(stem, trunk, (3, 5), padding=(1, 1), stride=(1, 3), bias=False),
            nn.BatchNorm2d(trunk),
            nn.ReLU(),
        )
        self.trunk = nn.ModuleList([Layer(trunk, d) for d in (1, 2, 4, 8, 1, 4)])
        self.across = nn.Conv1d(trunk * 2, trunk, 5, padding=2)
        self.pitch = nn.Conv2d(trunk, 3, 1)
        self.voice = nn.Conv1d(trunk * 2, 32, 5, padding=2)
        self.voiced = nn.Conv1d(32, 1, 5, padding=2)

    def forward(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Stack harmonics, find what sings, and whether anything does."""
        x = torch.stack(
            [spectrum[:, :, FIRST_BIN + s : FIRST_BIN + s + PITCHES] for s in SHIFTS], 1
        )
        x = self.stem(x)
        for index, layer in enumerate(self.trunk):
            x = layer(x)
            if index == 2:  # what the whole frame holds, told to every pitch
                seen = torch.cat((x.mean(3), x.amax(3)), 1)
                x = x + functional.relu(self.across(seen)).unsqueeze(3)
        logits = self.pitch(x).permute(0, 2, 3, 1).flatten(2)
        seen = torch.cat((x.mean(3), x.amax(3)), 1)
        voiced = self.voiced(functional.relu(self.voice(seen)))[:, 0]
        return logits, voiced
