"""Train the lead extractor on rendered mixes: seeded, resumable, on a CPU or a GPU.

``python -m training.lead.train FOLDER OUT.pt --epochs 6`` reads FOLDER/train and FOLDER/valid
(``training.lead.render`` makes them) and goes on from OUT.pt where it stopped.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from earmark.melody.spectrum import log_spectrum
from training.average import average
from training.lead.model import PITCHES, Lead

FRAMES = 400
LOWEST = 36.0


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, besides the renders."""

    steps: int = 6000
    batch: int = 8
    frames: int = 200
    rate: float = 2e-3
    decay: float = 0.02
    warm_up: int = 100
    average: float = 0.998
    seed: int = 1


class Renders:
    """Spectra and truth of a folder in memory, read as they are made; half precision."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: set[Path] = set()
        self.spectra: list[npt.NDArray[np.float16]] = []
        self.truth: list[npt.NDArray[np.float32]] = []

    def refresh(self, most: int) -> int:
        """Read up to ``most`` new files; return how many examples there are."""
        for path in sorted(set(self._folder.glob("*.npz")) - self._read)[:most]:
            self._read.add(path)
            with np.load(path) as held:
                spectrum = log_spectrum(held["audio"].astype(np.float32) / 32768.0)
                truth = held["f0"].astype(np.float32)
            count = min(len(spectrum), len(truth))
            if count >= FRAMES // 2:
                self.spectra.append(spectrum[:count].astype(np.float16))
                self.truth.append(truth[:count])
        return len(self.spectra)

    def draw(self, rng: np.random.Generator, count: int, frames: int) -> tuple[Tensor, Tensor]:
        """Return random stretches: spectra (count, frames, bins) normalised, and truth."""
        rows, sung = [], []
        for index in rng.integers(len(self.spectra), size=count):
            spectrum = self.spectra[index].astype(np.float32)
            spectrum = (spectrum - spectrum.mean()) / (spectrum.std() + 1e-3)
            begin = int(rng.integers(max(1, len(spectrum) - frames)))
            piece, truth = spectrum[begin : begin + frames], self.truth[index][begin:][:frames]
            shift = int(rng.integers(-9, 10))  # thirds of semitones: key and tuning
            piece = np.roll(piece, shift, axis=1)
            if shift:
                edge = slice(0, shift) if shift > 0 else slice(shift, None)
                piece[:, edge] = piece.min()
            tilt = rng.normal(0, 0.25) * np.linspace(-1, 1, piece.shape[1]) + rng.normal(0, 0.1)
            noise = rng.normal(0, 0.08, piece.shape)
            rows.append((piece + tilt + noise).astype(np.float32))
            sung.append(np.where(truth > 0, truth + shift / 3.0, 0.0).astype(np.float32))
        return torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(sung))


def loss_of(logits: Tensor, voiced: Tensor, truth: Tensor) -> Tensor:
    """Blurred cross entropy where the melody sounds, plus how well its sounding is known."""
    at = (truth - LOWEST) * 3.0
    sung = (truth > 0) & (at > -1) & (at < PITCHES)
    bins = torch.arange(PITCHES, device=logits.device)
    target = torch.exp(-0.5 * ((bins - at[..., None]) / 1.0) ** 2)
    target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
    each = -(target * functional.log_softmax(logits, -1)).sum(-1)
    pitch = (each * sung).sum() / sung.sum().clamp(min=1)
    known = (truth <= 0) | sung
    voice = functional.binary_cross_entropy_with_logits(voiced, sung.float(), reduction="none")
    return pitch + 0.7 * (voice * known).sum() / known.sum()


def score(net: Lead, renders: Renders) -> dict[str, float]:
    """Return raw pitch and chroma accuracy (50 cents), voicing recall and false alarms."""
    right = chroma = sung = heard = silent = false = 0.0
    with torch.inference_mode():
        for spectrum, truth in zip(renders.spectra, renders.truth, strict=True):
            x = spectrum.astype(np.float32)
            x = (x - x.mean()) / (x.std() + 1e-3)
            logits, voiced = net(torch.from_numpy(x)[None])
            pitch = LOWEST + logits[0].argmax(-1).numpy() / 3.0
            voice, is_sung = voiced[0].numpy() > 0, truth > 0
            error = pitch - truth
            right += float((np.abs(error) <= 0.5)[is_sung].sum())
            chroma += float((np.abs(error - 12 * np.round(error / 12)) <= 0.5)[is_sung].sum())
            sung += is_sung.sum()
            heard += (voice & is_sung).sum()
            silent += (~is_sung).sum()
            false += (voice & ~is_sung).sum()
    return {
        "rpa": right / max(sung, 1),
        "rca": chroma / max(sung, 1),
        "voicing_recall": heard / max(sung, 1),
        "voicing_false_alarm": false / max(silent, 1),
    }


def train(folder: Path, recipe: Recipe, out: Path, device: str) -> Lead:
    """Train from where ``out`` stands, or anew; return the averaged network."""
    torch.manual_seed(recipe.seed)
    renders, valid = Renders(folder / "train"), Renders(folder / "valid")
    renders.refresh(10_000)
    net = Lead().to(device)
    mean, step = copy.deepcopy(net).eval(), 0
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    if out.exists():
        held = torch.load(out, weights_only=True, map_location=device)
        net.load_state_dict(held["net"])
        mean.load_state_dict(held["mean"])
        optimiser.load_state_dict(held["optimiser"])
        step = int(held["step"])
    began, first, total = time.monotonic(), step, 0.0
    while step < recipe.steps:
        rate = recipe.rate * min(1.0, (step + 1) / recipe.warm_up)
        rate *= 0.5 * (1 + math.cos(math.pi * step / recipe.steps)) + 0.01
        for part in optimiser.param_groups:
            part["lr"] = rate
        rng = np.random.default_rng([recipe.seed, step])
        spectrum, truth = renders.draw(rng, recipe.batch, recipe.frames)
        with torch.autocast(device, torch.bfloat16):
            logits, voiced = net(spectrum.to(device))
        loss = loss_of(logits.float(), voiced.float(), truth.to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        total += loss.item()
        average(mean, net, min(recipe.average, (1 + step) / (10 + step)))
        if step % 50 == 0:
            count = renders.refresh(100)
        if step % 250 == 0 or step == recipe.steps:
            state = {"net": net.state_dict(), "mean": mean.state_dict(), "step": step}
            torch.save(state | {"optimiser": optimiser.state_dict()}, out.with_suffix(".part"))
            out.with_suffix(".part").replace(out)
            each_ms = 1000 * (time.monotonic() - began) / (step - first)
            told = f"step {step}  loss {total / 250:.4f}  {each_ms:.0f} ms  renders {count}"
            total = 0.0
            if step % 1000 == 0 or step == recipe.steps:
                valid.refresh(60)
                told += "  " + "  ".join(f"{k} {v:.3f}" for k, v in score(mean, valid).items())
            print(told, flush=True)
    return mean


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train(asked.folder, Recipe(steps=asked.steps, seed=asked.seed), asked.out, device)


if __name__ == "__main__":
    main()
