"""A simple harmoniser: one triad for each bar of a tune."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.lead.contour import Array

MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
# (semitones of the root above the tonic, is minor, prior)
IN_MAJOR = [
    (0, 0, 1.0),
    (2, 1, 0.5),
    (4, 1, 0.3),
    (5, 0, 0.9),
    (7, 0, 0.9),
    (9, 1, 0.7),
    (10, 0, 0.1),
]
IN_MINOR = [
    (0, 1, 1.0),
    (3, 0, 0.6),
    (5, 1, 0.7),
    (7, 0, 0.5),
    (7, 1, 0.4),
    (8, 0, 0.6),
    (10, 0, 0.7),
]


def find_key(notes: Array) -> tuple[int, bool]:
    """Return (tonic 0..11, is minor) of rows (onset_s, end_s, pitch, ...), after Krumhansl."""
    weight = np.bincount(
        np.mod(notes[:, 2].astype(int), 12), notes[:, 1] - notes[:, 0], minlength=12
    )
    scores = [
        float(np.corrcoef(np.roll(profile, tonic), weight)[0, 1]) if weight.std() else 0.0
        for profile in (MAJOR, MINOR)
        for tonic in range(12)
    ]
    best = int(np.argmax(scores))
    return best % 12, best >= 12


def harmonise(notes: Array, bars: Array, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return for each bar [bars[i], bars[i + 1]) the pitch classes of a chord, its root first."""
    tonic, minor = find_key(notes)
    choices = IN_MINOR if minor else IN_MAJOR
    strictness = rng.uniform(2, 6)
    sevenths = rng.choice([0.0, 0.1, 0.6])
    chords: list[tuple[int, ...]] = []
    last = -1
    for start, end in pairwise(bars):
        overlap = np.minimum(notes[:, 1], end) - np.maximum(notes[:, 0], start)
        held = overlap > 0
        weight = overlap[held] * (1 + (np.abs(notes[held, 0] - start) < 0.06))
        classes = np.mod(notes[held, 2].astype(int) - tonic, 12)
        scores = []
        for number, (root, is_minor, prior) in enumerate(choices):
            triad = {root, (root + 4 - is_minor) % 12, (root + 7) % 12}
            fit = sum(w for w, c in zip(weight, classes, strict=True) if c in triad)
            share = fit / max(1e-6, float(weight.sum()))
            scores.append(strictness * share + np.log(prior) - 0.4 * (number == last))
        odds = np.exp(np.array(scores) - max(scores))
        last = int(rng.choice(len(choices), p=odds / odds.sum()))
        root, is_minor, _ = choices[last]
        chord = [root, root + 4 - is_minor, root + 7]
        if rng.random() < sevenths:
            chord.append(root + 10)
        chords.append(tuple((tonic + c) % 12 for c in chord))
    return chords
