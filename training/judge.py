"""Fit the judge's weights on simulated hums: ``python -m training.judge MELODIES.npz``.

A library of the melodies is asked harder hums than the encoder was trained on, drawn as pitch
lines, without audio. A conditional logit over the proposals gives the weights of the features; a
logistic over queries with and without their tune in the library gives the certainty. Both are
printed for ``src/earmark/melody/weights.py``.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from earmark.melody.contour import Line, line_of
from earmark.melody.encoder import DIMENSION
from earmark.melody.engine import MelodyEngine
from earmark.melody.features import MelodyFeatures
from earmark.melody.judge import FEATURES, certainty_inputs
from earmark.melody.params import SearchParams
from earmark.melody.search import weigh
from earmark.melody.tune import Tune
from earmark.stores.vectors import FileVectorStore
from training.encoder.pairs import Notes
from training.encoder.train import load

RATE_HZ = 62.5
RIDGE = 0.02
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One query's proposals: features, which rows are its tune, and what was sung."""

    features: Floats
    right: npt.NDArray[np.bool_]
    voiced_s: float
    notes: int


def sung(tune: Tune, rng: np.random.Generator) -> Line | None:
    """Return the pitch line of somebody who sings a stretch of a tune badly."""
    spread, drift = rng.uniform(0.25, 1.0), rng.normal(0, 0.12)
    slow = float(np.exp(np.clip(rng.normal(0, 0.3), -0.7, 0.7)))
    scale, length_s = 1 + rng.normal(0, 0.06), rng.uniform(4, 12)
    first = int(rng.integers(max(1, len(tune) - 8)))
    frames = round(length_s * RATE_HZ)
    pitch = np.full(frames, np.nan)
    middle, t, beat = float(np.median(tune.semitones[first : first + 20])), 0.0, 1.0
    for note in range(first, len(tune)):
        gap_s = float(tune.length_s[note])
        if note + 1 < len(tune):
            gap_s = float(tune.onset_s[note + 1] - tune.onset_s[note])
        beat = np.exp(0.9 * np.log(beat) + rng.normal(0, 0.035))
        gap_s = max(0.08, gap_s * slow * beat * np.exp(rng.normal(0, 0.07)))
        begin, end = int(t * RATE_HZ), int((t + gap_s) * RATE_HZ)
        if rng.random() < 0.15:  # breath
            end = max(begin + 2, end - int(rng.uniform(0.05, 0.3) * (end - begin)))
        value = middle + (tune.semitones[note] - middle) * scale + drift * t
        if rng.random() > 0.03 or not begin:  # else the note before goes on
            pitch[begin : min(end, frames)] = value + rng.normal(0, spread)
        t += gap_s
        if t >= length_s:
            break
    return _wavering(pitch[: int(t * RATE_HZ)], rng)


def _wavering(pitch: Floats, rng: np.random.Generator) -> Line | None:
    """Add what a throat and a tracker add: glides, vibrato, wrong octaves, holes."""
    voiced = ~np.isnan(pitch)
    if voiced.sum() < RATE_HZ:
        return None
    held = np.maximum.accumulate(np.where(voiced, np.arange(len(pitch)), int(voiced.argmax())))
    width = int(rng.uniform(0.03, 0.15) * RATE_HZ) | 1
    padded = np.pad(pitch[held], width // 2, mode="edge")
    smooth = np.convolve(padded, np.ones(width) / width, "valid")
    at_s = np.arange(len(smooth)) / RATE_HZ
    smooth += rng.uniform(0, 0.3) * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * at_s)
    slow = np.convolve(rng.normal(0, 0.25, len(smooth) + 12), np.ones(13) / 13, "valid")
    smooth += slow[: len(smooth)]
    for _ in range(rng.poisson(1.0)):
        at = int(rng.integers(max(1, len(smooth) - 8)))
        smooth[at : at + int(rng.integers(2, 8))] += rng.choice([-12, 12, rng.uniform(-7, 7)])
    voiced &= rng.random(len(smooth)) >= 0.02
    return line_of(np.where(voiced, smooth, np.nan).astype(np.float32), RATE_HZ, 0.1)


def ask(notes: Notes, count: int, seed: int) -> list[Sample]:
    """Index the melodies and ask ``count`` hums of them."""
    tunes = []
    for begin, stop, end_s in zip(notes.start[:-1], notes.start[1:], notes.end_s, strict=True):
        onset = notes.onset_s[begin:stop]
        length = np.diff(np.append(onset, end_s))
        columns = (onset, np.maximum(length, 0.05), notes.semitones[begin:stop])
        tunes.append(Tune(*(column.astype(np.float32) for column in columns)))
    rng, samples = np.random.default_rng([seed, 31]), list[Sample]()
    with tempfile.TemporaryDirectory() as folder:
        store = FileVectorStore(Path(folder) / "vectors", DIMENSION, "judge")
        MelodyEngine(store).add((i, MelodyFeatures(None, tune)) for i, tune in enumerate(tunes))
        store.flush()
        while len(samples) < count:
            index = int(rng.integers(len(tunes)))
            line = sung(tunes[index], rng) if len(tunes[index]) > 15 else None
            weighed = weigh(line, store, SearchParams()) if line and line.voiced_s > 2 else None
            if line is None or weighed is None:
                continue
            right = notes.group[weighed.proposals.numbers] == notes.group[index]
            samples.append(Sample(weighed.features, right, line.voiced_s, line.notes))
    return samples


def fit_features(samples: list[Sample]) -> Floats:
    """Return the weights that make the right row's odds among all greatest (with a ridge)."""
    deviation = np.concatenate([one.features for one in samples]).std(0) + 1e-6
    usable = [one for one in samples if one.right.any()]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = 0.0, np.zeros_like(weights)
        for one in usable:
            score = one.features @ (weights / deviation)
            odds = np.exp(score - score.max())
            hit = odds * one.right
            total -= np.log(hit.sum() / odds.sum())
            slope -= ((hit / hit.sum() - odds / odds.sum()) @ one.features) / deviation
        count = len(usable)
        return total / count + RIDGE * weights @ weights / 2, slope / count + RIDGE * weights

    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B")
    return np.asarray(found.x / deviation)


def fit_certainty(samples: list[Sample], weights: Floats) -> Floats:
    """Return the logistic's weights, from each query with and without its tune."""
    rows, right = [], []
    warped, whole = FEATURES.index("warped"), FEATURES.index("whole")
    for one in samples:
        score = one.features @ weights
        order = np.argsort(-score)
        wrong = order[~one.right[order]]
        for ranked in (np.append(order[:1], wrong), wrong):
            if len(ranked) < 3:
                continue
            best, following = ranked[0], ranked[1] if ranked[1] != ranked[0] else ranked[2]
            lead = float(score[best] - score[following])
            row = one.features[best]
            rows.append(certainty_inputs(row[warped], lead, one.voiced_s, row[whole], one.notes))
            right.append(float(one.right[best]))
    table, truth = np.array(rows), np.array(right)

    def loss(weights: Floats) -> float:
        z = table @ weights
        ridge = 1e-3 * weights[1:] @ weights[1:]
        return float(np.mean(np.logaddexp(0, z) - truth * z) + ridge)

    return np.asarray(minimize(loss, np.zeros(table.shape[1])).x)


def main() -> None:
    """Read the command line, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("melodies", type=Path)
    parser.add_argument("--count", type=int, default=900)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    samples = ask(load(asked.melodies), asked.count, asked.seed)
    weights = fit_features(samples)
    print("features:", dict(zip(FEATURES, np.round(weights, 4).tolist(), strict=True)))
    print("certainty:", np.round(fit_certainty(samples, weights), 4).tolist())


if __name__ == "__main__":
    main()
