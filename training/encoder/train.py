"""Train the contour encoder: seeded, resumable, on a CPU or a GPU.

``python -m training.encoder.train MELODIES.npz OUT.pt --steps 12000`` goes on from OUT.pt where it
stopped. The loss is symmetric InfoNCE in the batch, other copies of a tune masked out; the
temperature is learned up to 25; what is kept is an exponential moving average of the weights.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.average import average
from training.encoder.model import Encoder
from training.encoder.pairs import Notes, draw

HOTTEST = 25.0


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, besides the melodies."""

    steps: int = 12000
    batch: int = 384
    rate: float = 1.5e-3
    decay: float = 0.02
    warm_up: int = 100
    average: float = 0.998
    mix_share: float = 0.3
    shortest_s: float = 2.2
    longest_s: float = 14.0
    seed: int = 1
    deep: bool = True


def load(path: Path) -> Notes:
    """Read the melodies that ``training.corpora`` wrote."""
    with np.load(path) as held:
        return Notes(*(held[name] for name in ("onset_s", "semitones", "start", "end_s", "group")))


def loss_of(written: Tensor, hummed: Tensor, group: Tensor, heat: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss of (batch, d) unit vectors."""
    logits = hummed @ written.T * heat
    same = group[:, None] == group[None, :]
    same = same & ~torch.eye(len(group), dtype=torch.bool, device=group.device)
    logits = logits.masked_fill(same, -1e4)
    target = torch.arange(len(group), device=group.device)
    forth = functional.cross_entropy(logits, target)
    return (forth + functional.cross_entropy(logits.T, target)) / 2


def train(notes: Notes, recipe: Recipe, out: Path, device: str) -> Encoder:
    """Train from where ``out`` stands, or anew; return the averaged network."""
    torch.manual_seed(recipe.seed)
    net = Encoder(deep=recipe.deep).to(device)
    heat = nn.Parameter(torch.tensor(2.7, device=device))
    groups = [{"params": net.parameters()}, {"params": [heat], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, recipe.rate, weight_decay=recipe.decay)
    mean, step = copy.deepcopy(net).eval(), 0
    if out.exists():
        held = torch.load(out, weights_only=True, map_location=device)
        net.load_state_dict(held["net"])
        mean.load_state_dict(held["mean"])
        optimiser.load_state_dict(held["optimiser"])
        heat.data.copy_(held["heat"])
        step = int(held["step"])
    began, first = time.monotonic(), step
    while step < recipe.steps:
        along = step / recipe.steps
        rate = recipe.rate * min(1.0, (step + 1) / recipe.warm_up)
        rate *= 0.5 * (1 + math.cos(math.pi * along)) + 0.01
        for part in optimiser.param_groups:
            part["lr"] = rate
        written, hummed, group = draw(
            notes,
            recipe.batch,
            recipe.seed * 1_000_003 + step,
            recipe.mix_share,
            recipe.shortest_s,
            recipe.longest_s,
        )
        both = torch.from_numpy(np.concatenate((written, hummed))).to(device)
        with torch.autocast(device, torch.bfloat16):  # twice as fast on CPUs that have it
            vectors = net(both)
        vectors = functional.normalize(vectors.float(), dim=-1)
        loss = loss_of(
            vectors[: recipe.batch],
            vectors[recipe.batch :],
            torch.from_numpy(group).to(device),
            heat.exp().clamp(max=HOTTEST),
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        average(mean, net, min(recipe.average, (1 + step) / (10 + step)))
        if step % 500 == 0 or step == recipe.steps:
            state = {"net": net.state_dict(), "mean": mean.state_dict(), "step": step}
            state |= {"optimiser": optimiser.state_dict(), "heat": heat.data}
            torch.save(state, out.with_suffix(".part"))
            out.with_suffix(".part").replace(out)
            each_ms = 1000 * (time.monotonic() - began) / (step - first)
            print(f"step {step}  loss {loss.item():.4f}  {each_ms:.0f} ms a step", flush=True)
    return mean


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("melodies", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--mix-share", type=float, default=Recipe.mix_share)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--shallow", action="store_true", help="without the residual blocks")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = Recipe(
        steps=asked.steps,
        batch=asked.batch,
        mix_share=asked.mix_share,
        seed=asked.seed,
        deep=not asked.shallow,
    )
    train(load(asked.melodies), recipe, asked.out, device)


if __name__ == "__main__":
    main()
