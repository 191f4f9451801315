"""Trains the network on figures: ``python -m training.hearing.train FIGURES.npz``.

Writes ``hearing.npz`` and ``SHA256SUMS`` into ``src/earmark/monitor/models`` and prints what it
gets right of what did not teach.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.monitor.hearing_model import KINDS, Network, pooled
from training.hearing.stretches import KINDS as STRETCHES

OUT = Path("src/earmark/monitor/models")
HIDDEN = 32
SILENT_DBFS = -60.0
Floats = npt.NDArray[np.float32]


def examples(
    table: dict[str, npt.NDArray[np.generic]], held: int
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pooled figures, labels and kinds of the blocks that sound."""
    x, y, kinds = [], [], []
    for number in np.flatnonzero(table["held"] == held):
        sounds = table["level"][number] >= SILENT_DBFS
        x.append(pooled(table["figures"][number])[sounds])
        y.append(np.full(int(sounds.sum()), table["label"][number]))
        kinds.append(np.full(int(sounds.sum()), table["kind"][number]))
    return np.concatenate(x), np.concatenate(y), np.concatenate(kinds)


def train(x: Floats, y: npt.NDArray[np.int64], steps: int, seed: int) -> Network:
    """Fit by Adam, every label as heavy as the others, weights decaying, inputs a little noisy."""
    rng = np.random.default_rng(seed)
    mean, scale = x.mean(axis=0), 1.0 / (x.std(axis=0) + 1e-3)
    z = np.clip((x - mean) * scale, -5.0, 5.0)
    weight = (1.0 / np.bincount(y, minlength=len(KINDS)))[y] * len(y) / len(KINDS)
    params = [
        rng.standard_normal((z.shape[1], HIDDEN)).astype(np.float32) / np.sqrt(z.shape[1]),
        np.zeros(HIDDEN, np.float32),
        rng.standard_normal((HIDDEN, len(KINDS))).astype(np.float32) / np.sqrt(HIDDEN),
        np.zeros(len(KINDS), np.float32),
    ]
    first, second = ([np.zeros_like(p) for p in params] for _ in range(2))
    average = [np.zeros_like(p) for p in params]
    for step in range(1, steps + 1):
        pick = rng.integers(len(z), size=512)
        inputs = z[pick] + 0.6 * rng.standard_normal((512, z.shape[1])).astype(np.float32)
        raw = inputs @ params[0] + params[1]
        hidden = np.maximum(raw, 0.0)
        logits = hidden @ params[2] + params[3]
        chance = np.exp(logits - logits.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        wanted = np.full_like(chance, 0.05 / len(KINDS))
        wanted[np.arange(512), y[pick]] += 0.95
        slope = (chance - wanted) * weight[pick, None] / 512
        back = (slope @ params[2].T) * (raw > 0.0)
        slopes = [inputs.T @ back, back.sum(axis=0), hidden.T @ slope, slope.sum(axis=0)]
        rate = 3e-3 * 0.5 * (1.0 + np.cos(np.pi * step / steps))
        for i, (param, grad) in enumerate(zip(params, slopes, strict=True)):
            first[i] = 0.9 * first[i] + 0.1 * grad
            second[i] = 0.999 * second[i] + 0.001 * grad**2
            moved = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
            params[i] = (param - rate * (moved + 0.01 * param)).astype(np.float32)
            if step > steps // 2:
                average[i] += params[i] / (steps - steps // 2)
    return Network(*(part.astype(np.float32) for part in (mean, scale, *average)))


def report(network: Network, table: dict[str, npt.NDArray[np.generic]], held: int) -> str:
    """Return the share of blocks of each kind of stretch that were told as what."""
    x, y, kinds = examples(table, held)
    told = network.log_odds(x).argmax(axis=1)
    lines = [f"{'held out' if held else 'taught'}: {np.mean(told == y):.3f} of {len(y)} blocks"]
    for number, kind in enumerate(STRETCHES):
        shares = [np.mean(told[kinds == number] == label) for label in range(len(KINDS))]
        lines.append(f"  {kind:18}" + " ".join(f"{share:.3f}" for share in shares))
    return "\n".join(lines)


def write(network: Network, folder: Path) -> None:
    """Write weights and their checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: getattr(network, name).astype(np.float32) for name in Network.__slots__}
    np.savez(folder / "hearing.npz", **parts)
    mark = hashlib.sha256((folder / "hearing.npz").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{mark}  hearing.npz\n")


def main() -> None:
    """Train, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with np.load(asked.figures) as stored:
        table = {name: stored[name] for name in stored.files}
    x, y, _ = examples(table, 0)
    network = train(x, y, asked.steps, asked.seed)
    print(report(network, table, 0))
    print(report(network, table, 1))
    write(network, asked.out)


if __name__ == "__main__":
    main()
