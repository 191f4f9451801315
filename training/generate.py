"""Invent tunes: seeded, unlimited, and nobody's; they keep networks from learning one style."""

from __future__ import annotations

from typing import Any

import numpy as np

SCALES = (
    (0, 2, 4, 5, 7, 9, 11),  # major
    (0, 2, 3, 5, 7, 8, 10),  # minor
    (0, 2, 4, 7, 9),  # pentatonic
    (0, 2, 3, 5, 7, 9, 10),  # dorian
)
CELLS = ((1.0,), (0.5, 0.5), (1.5, 0.5), (2.0,), (0.5, 0.25, 0.25), (0.75, 0.25),
         (1 / 3, 1 / 3, 1 / 3), (0.5, 1.0, 0.5), (0.25, 0.25, 0.25, 0.25))  # fmt: skip
HIGHEST, LOWEST = 9, -5  # degrees of the scale, from the tonic at MIDI 60
Phrase = tuple[list[float], list[int]]


def _phrase(
    rng: np.random.Generator, beats: int, habit: np.ndarray[Any, Any], leap: float
) -> Phrase:
    """Return durations in beats and degrees of one phrase: mostly steps, few repeats and leaps."""
    lengths: list[float] = []
    degrees: list[int] = []
    degree, wanted = int(rng.integers(-3, 5)), int(rng.integers(2, 5)) * beats
    while sum(lengths) < wanted - 1e-9:
        for length in CELLS[rng.choice(len(CELLS), p=habit)]:
            chance = rng.random()
            if chance < 0.15:
                move = 0
            elif chance < 0.75:
                move = int(rng.choice([-1, 1]))
            else:
                move = round(rng.normal(0, leap))
            degree += move
            degree += 2 * (degree < LOWEST) - 2 * (degree > HIGHEST)
            lengths.append(length)
            degrees.append(degree)
    lengths[-1] *= int(rng.choice([1, 2]))
    return lengths, degrees


def tune(rng: np.random.Generator) -> tuple[list[float], list[int]]:
    """Return the durations in seconds and the pitches of a tune of 4 to 8 phrases, some repeated.

    >>> lengths, pitches = tune(np.random.default_rng(1))
    >>> len(lengths) == len(pitches), min(lengths) > 0
    (True, True)
    """
    scale = SCALES[rng.integers(len(SCALES))]
    beat_s = float(np.exp(rng.uniform(np.log(0.3), np.log(0.75))))
    beats, leap = int(rng.integers(2, 5)), rng.uniform(0.8, 2.4)
    habit = rng.dirichlet(np.full(len(CELLS), 0.6))
    phrases = [_phrase(rng, beats, habit, leap) for _ in range(rng.integers(2, 5))]
    lengths: list[float] = []
    degrees: list[int] = []
    for which in rng.integers(0, len(phrases), rng.integers(4, 9)):
        shift = int(rng.choice([0, 0, 0, 1, -1, 2]))
        lengths += [beat_s * length for length in phrases[which][0]]
        degrees += [degree + shift for degree in phrases[which][1]]
    size = len(scale)
    return lengths, [60 + 12 * (d // size) + scale[d % size] for d in degrees]


def tunes(count: int, seed: int = 7) -> list[dict[str, Any]]:
    """Return `count` tunes in the form of `training.corpora.Melody`; equal seeds, equal tunes."""
    made = []
    for number in range(count):
        lengths, pitches = tune(np.random.default_rng([seed, number]))
        dur = np.array(lengths)
        made.append({
            "src": "random", "id": f"{seed}-{number:05d}", "title": "",
            "on": np.concatenate([[0.0], np.cumsum(dur)[:-1]]), "dur": dur,
            "pitch": np.array(pitches, float),
        })  # fmt: skip
    return made
