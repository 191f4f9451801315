"""Distils the teacher into the student: ``python -m training.sound.train EXAMPLES mn04.pt OUT.pt``.

Runs for so many minutes on one core, its learning rate falling along a cosine of time, and
looks for new shards as it goes. Every few minutes the average of the weights is saved.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.average import average
from training.sound.losses import Head, Weights, direction, labels, neighbours
from training.sound.measure import agreement
from training.sound.model import Student
from training.sound.shards import LENGTHS_S, Examples
from training.sound.teacher import head

PEAK_RATE = 2.5e-3
WEIGHT_DECAY = 2e-2
WARM_UP_STEPS = 150
GAIN_SPREAD = 0.06  # of the mel's scale: about 2.6 dB
LOOK_EVERY_S = 60.0
SAVE_EVERY_S = 240.0
BATCHES = {1.0: 256, 2.5: 160, 5.0: 96}


def rate(step: int, done: float) -> float:
    """Return the learning rate after a share ``done`` of the time."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return PEAK_RATE * min(1.0, step / WARM_UP_STEPS) * cosine + 1e-5


def loss(
    net: Student, teacher: Head, mels: Tensor, wanted: Tensor, weights: Weights
) -> tuple[Tensor, list[float]]:
    """Return the sum of the terms, and the terms: centred, raw, neighbours, labels, own labels."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = net.embed(mels)
    found = found.float()
    with torch.no_grad():
        odds = torch.sigmoid(teacher(wanted))
    terms = (
        weights.centred * direction(found - net.mean, wanted - net.mean),
        weights.raw * direction(found, wanted),
        weights.neighbours * neighbours(found - net.mean, wanted - net.mean),
        weights.labels * labels(teacher(found), odds),
        # Our own classifier learns from the features but does not move them.
        0.05 * labels(net.name(found.detach()), odds),
    )
    return torch.stack(terms).sum(), [float(term.detach()) for term in terms]


def optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Return AdamW that leaves biases and norms undecayed."""
    heavy = [p for p in net.parameters() if p.ndim > 1]
    light = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": heavy, "weight_decay": WEIGHT_DECAY}, {"params": light, "weight_decay": 0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE)


def train(
    net: Student, examples: Examples, held: Examples, teacher: Head, out: Path, minutes: float,
    weights: Weights, rng: np.random.Generator, shares: tuple[float, ...],
    clock: Callable[[], float] = time.monotonic,
) -> Student:  # fmt: skip
    """Train for so many minutes of the clock; return the average of the weights."""
    mean = Student(**net.sizes)
    mean.load_state_dict(net.state_dict())
    net = net.to(memory_format=torch.channels_last)
    steps = optimiser(net)
    begun, looked, saved, step, seen = clock(), 0.0, 0.0, 0, 0
    recent: list[list[float]] = []
    while (spent_s := clock() - begun) < minutes * 60:
        if spent_s - looked > LOOK_EVERY_S:
            examples.look()
            looked = spent_s
        for group in steps.param_groups:
            group["lr"] = rate(step, spent_s / (minutes * 60))
        length_s = float(rng.choice(LENGTHS_S, p=shares))
        rows, wanted = examples.draw(length_s, BATCHES[length_s], rng)
        rows += rng.normal(0.0, GAIN_SPREAD, (len(rows), 1, 1)).astype(np.float32)
        mels = torch.from_numpy(rows)[:, None].contiguous(memory_format=torch.channels_last)
        net.train()
        total, terms = loss(net, teacher, mels, torch.from_numpy(wanted), weights)
        steps.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        steps.step()
        step, seen = step + 1, seen + len(rows)
        average(mean, net, min(0.998, step / (step + 20)))
        recent.append(terms)
        if step % 200 == 0:
            shown = " ".join(f"{value:.3f}" for value in np.mean(recent, 0))
            pool = sum(examples.count(length) for length in LENGTHS_S)
            print(f"{spent_s:.0f} s, {step} steps, {seen} of {pool}: {shown}", flush=True)
            recent.clear()
        if spent_s - saved > SAVE_EVERY_S:
            saved = spent_s
            save(mean, out, seen)
            print(f"{spent_s:.0f} s held out:", agreement(mean.eval(), held), flush=True)
    save(mean, out, seen)
    print(f"{seen} examples, {step} steps; held out:", agreement(mean.eval(), held), flush=True)
    return mean


def save(net: Student, path: Path, seen: int) -> None:
    """Write the network so that `export` can read it; whole or not at all."""
    part = path.with_suffix(".part")
    torch.save({"mean": net.state_dict(), "sizes": net.sizes, "examples": seen}, part)
    part.replace(path)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=65.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--neighbours", type=float, default=Weights().neighbours)
    parser.add_argument("--labels", type=float, default=Weights().labels)
    parser.add_argument("--channels", type=int, nargs=4, default=(32, 64, 96, 144))
    parser.add_argument("--depths", type=int, nargs=3, default=(0, 1, 2))
    parser.add_argument("--shares", type=float, nargs=3, default=(0.1, 0.35, 0.55),
                        help="how often batches are of 1, 2.5 and 5 s")  # fmt: skip
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    torch.set_num_threads(1)
    examples = Examples(asked.examples, ("raw", "mix"))
    held = Examples(asked.examples, ("held",))
    rng = np.random.default_rng(asked.seed)
    net = Student(tuple(asked.channels), tuple(asked.depths))
    mels, _ = examples.draw(5.0, 500, rng)
    everything = np.concatenate([f for rows in examples.features.values() for f in rows])
    net.standardise(torch.from_numpy(mels), torch.from_numpy(everything.astype(np.float32)))
    print(sum(p.numel() for p in net.parameters()), "parameters", flush=True)
    weights = Weights(neighbours=asked.neighbours, labels=asked.labels)
    train(net, examples, held, Head(*head(asked.teacher)), asked.out, asked.minutes, weights, rng,
          tuple(asked.shares))  # fmt: skip


if __name__ == "__main__":
    main()
