"""Writes sound1/mn04.npz: what upstream's own code and torch make of three sounds.

    python tests/golden/make_golden_sound.py CHECKOUT WEIGHTS

CHECKOUT is a clone of github.com/fschmid56/EfficientAT (which imports torchvision), WEIGHTS the
file mn04_as_mAP_432.pt of its release v0.0.1. Only what torch computes goes into the file.
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import numpy as np


def signals() -> dict[str, np.ndarray]:
    """Five seconds each at 32 kHz, the same on every machine."""
    time_s = np.arange(5 * 32_000) / 32_000
    since_s = time_s % 0.5
    state, noise = 1, np.empty(len(time_s))
    for at in range(len(noise)):
        state = (1664525 * state + 1013904223) % 2**32
        noise[at] = state / 2**31 - 1.0
    sounds = {
        "chirp": 0.5 * np.sin(2 * np.pi * (100 * time_s + 700 * time_s**2)),
        "knocks": 0.6 * (since_s < 0.05) * np.exp(-60 * since_s) * np.sin(2 * np.pi * 330 * time_s),
        "noise": 0.1 * noise,
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def upstream_mel(samples: np.ndarray):
    """AugmentMelSTFT in eval mode; the Kaldi filters as torchaudio computes them."""
    import torch

    low, high = (1127.0 * math.log(1 + hz / 700.0) for hz in (0.0, 15_000.0))
    step, band = (high - low) / 129, torch.arange(128).unsqueeze(1)
    bins = 1127.0 * (1.0 + (32_000 / 1024 * torch.arange(512.0)) / 700.0).log().unsqueeze(0)
    left, centre, right = (low + (band + edge) * step for edge in (0.0, 1.0, 2.0))
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    bank = torch.nn.functional.pad(torch.clamp(torch.min(rising, falling), min=0.0), (0, 1))
    kernel = torch.tensor([[[-0.97, 1.0]]])
    sharpened = torch.nn.functional.conv1d(torch.from_numpy(samples)[None, None], kernel)[0]
    window = torch.hann_window(800, periodic=False)
    spectrum = torch.stft(sharpened, 1024, 320, 800, window, return_complex=True)
    power = spectrum.real**2 + spectrum.imag**2
    return ((bank @ power + 1e-5).log() + 4.5) / 5


def main(checkout: str, weights: str) -> None:
    """Run upstream's network and write the file."""
    import torch

    target, weights = Path(__file__).resolve().parent / "sound1", Path(weights).resolve()
    sys.path.insert(0, checkout)
    os.chdir(checkout)  # upstream reads its labels at import
    from models.mn.model import get_model

    network = get_model(width_mult=0.4)
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    made = {}
    for name, samples in signals().items():
        with torch.no_grad():
            logits, features = network(upstream_mel(samples)[None])
        made[f"{name}_features"] = features[0].numpy()
        made[f"{name}_labels"] = torch.sigmoid(logits[0]).numpy()
    np.savez_compressed(target / "mn04.npz", **made)


if __name__ == "__main__":
    main(*sys.argv[1:])
