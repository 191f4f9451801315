"""Accompaniment figures over chords and beats: pads, arpeggios, strums, basses, drums."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.lead.contour import Array

Chords = list[tuple[int, ...]]
KICK, SNARE, RIM, CLAP, CLOSED, OPEN, RIDE, CRASH, SHAKER, TAMBOURINE = (
    36, 38, 37, 39, 42, 46, 51, 49, 70, 54,
)  # fmt: skip
TOMS = (41, 45, 47, 50)
# Strokes of a bar in sixteenths of 4/4 (or twelfths of a bar in three), as hits per drum.
GROOVES: list[dict[int, str]] = [
    {KICK: "x.......x.......", SNARE: "....x.......x...", CLOSED: "x.x.x.x.x.x.x.x."},
    {KICK: "x.....x.x.......", SNARE: "....x.......x..x", CLOSED: "x.x.x.x.x.x.x.x."},
    {KICK: "x...x...x...x...", CLAP: "....x.......x...", OPEN: "..x...x...x...x."},
    {KICK: "x..x..x...x..x..", SNARE: "....x..x.x..x...", CLOSED: "xxxxxxxxxxxxxxxx"},
    {KICK: "x.........x.....", SNARE: "........x.......", RIDE: "x.x.x.x.x.x.x.x."},
    {KICK: "x..x....x..x....", RIM: "..x..x....x..x..", SHAKER: "xxxxxxxxxxxxxxxx"},
    {KICK: "x.x.x.x.x.x.x.x.", SNARE: "..x...x...x...x.", RIDE: "x.x.x.x.x.x.x.x."},
    {TAMBOURINE: "x..xx..xx..xx..x", KICK: "x.......x......."},
    {SHAKER: "x.xxx.xxx.xxx.xx"},
    {KICK: "x...............", SNARE: "....x.......x...", RIDE: "x..xx..xx..xx..x"},
]
GROOVES_3: list[dict[int, str]] = [
    {KICK: "x...........", SNARE: "....x...x...", CLOSED: "x.x.x.x.x.x."},
    {KICK: "x.....x.....", SNARE: "......x.....", CLOSED: "x.x.x.x.x.x."},
    {KICK: "x..x..x..x..", RIM: "..x..x..x..x", SHAKER: "x.xx.xx.xx.x"},
]


def place(classes: tuple[int, ...], low: int) -> list[int]:
    """Return the lowest pitches not below `low` that have these classes, rising."""
    return sorted(low + (c - low) % 12 for c in classes)


def pad(chords: Chords, bars: Array, low: int, rng: np.random.Generator) -> Array:
    """Hold each chord for its bar."""
    rows = [
        (start, end - 0.02, pitch, 70 + rng.integers(-8, 8))
        for chord, start, end in zip(chords, bars[:-1], bars[1:], strict=True)
        for pitch in place(chord, low)
    ]
    return np.array(rows, float).reshape(-1, 4)


def comp(chords: Chords, bars: Array, low: int, steps: int, rng: np.random.Generator) -> Array:
    """Strike each chord in a rhythm that stays the same, `steps` strokes a bar."""
    strokes = rng.random(steps) < rng.uniform(0.3, 0.9)
    strokes[0] |= not strokes.any() or rng.random() < 0.8
    length, strum = rng.uniform(0.3, 1.0), rng.choice([0.0, 0.0, 0.012, 0.025])
    rows = []
    for chord, start, end in zip(chords, bars[:-1], bars[1:], strict=True):
        step = (end - start) / steps
        for k in np.flatnonzero(strokes):
            on = start + k * step
            for i, pitch in enumerate(place(chord, low)):
                velocity = 78 + 12 * (k == 0) + rng.integers(-12, 12)
                rows.append((on + i * strum, on + step * length + i * strum, pitch, velocity))
    return np.array(rows, float).reshape(-1, 4)


def arpeggio(chords: Chords, bars: Array, low: int, steps: int, rng: np.random.Generator) -> Array:
    """Break each chord, `steps` notes a bar, in an order that stays the same."""
    order = rng.integers(0, 6, steps) if rng.random() < 0.5 else np.arange(steps) % 6
    if rng.random() < 0.5:
        order = np.abs((np.arange(steps) + 3) % 6 - 3)
    length = rng.uniform(0.5, 2.0)
    rows = []
    for chord, start, end in zip(chords, bars[:-1], bars[1:], strict=True):
        pitches = place(chord, low)
        pitches = (pitches + [p + 12 for p in pitches] + [p + 24 for p in pitches])[:6]
        step = (end - start) / steps
        for k, which in enumerate(order):
            on = start + k * step
            rows.append((on, on + step * length, pitches[which], 72 + rng.integers(-12, 12)))
    return np.array(rows, float).reshape(-1, 4)


def bass(chords: Chords, bars: Array, beats: int, rng: np.random.Generator) -> Array:
    """Play roots, fifths and octaves below the chords."""
    style = rng.choice(["root", "fifth", "pump", "walk"])
    steps = {"root": 1, "fifth": 2, "pump": beats * 2, "walk": beats}[str(style)]
    low, length = int(rng.integers(28, 36)), rng.uniform(0.6, 1.0)
    rows = []
    for chord, start, end in zip(chords, bars[:-1], bars[1:], strict=True):
        root = place(chord[:1], low)[0]
        step = (end - start) / steps
        for k in range(steps):
            pitch = root
            if style == "fifth" and k == 1:
                pitch = root + int(rng.choice([7, 7, -5, 12]))
            elif style == "walk" and k:
                pitch = root + int(rng.choice([3, 4, 7, 7, 10, 12, -5, 2]))
            elif style == "pump" and rng.random() < 0.1:
                pitch = root + 12
            rows.append(
                (start + k * step, start + (k + length) * step, pitch, 88 + rng.integers(-10, 10))
            )
    return np.array(rows, float).reshape(-1, 4)


def counter(chords: Chords, bars: Array, low: int, rng: np.random.Generator) -> Array:
    """Play a slow second line on chord tones, with rests; it is not the melody."""
    rows = []
    for chord, start, end in zip(chords, bars[:-1], bars[1:], strict=True):
        if rng.random() < 0.25:
            continue
        steps = int(rng.choice([1, 2, 2, 3, 4]))
        step = (end - start) / steps
        for k in range(steps):
            pitch = int(rng.choice(place(chord, low + int(rng.integers(0, 8)))))
            rows.append(
                (start + k * step, start + (k + 0.95) * step, pitch, 70 + rng.integers(-10, 10))
            )
    return np.array(rows, float).reshape(-1, 4)


def drums(bars: Array, beats: int, rng: np.random.Generator) -> Array:
    """Play one groove, varied, with fills and crashes."""
    grooves = GROOVES_3 if beats == 3 else GROOVES
    groove = grooves[rng.integers(len(grooves))]
    swing = rng.choice([0, 0, 0, 0.33]) if beats != 3 else 0
    loose, fills, dropped = rng.uniform(0, 0.012), rng.uniform(0, 0.25), rng.uniform(0, 0.15)
    rows: list[tuple[float, int, float]] = []  # onset_s, drum, velocity
    for start, end in pairwise(bars):
        fill = rng.random() < fills
        if rng.random() < 0.08:
            rows.append((start, CRASH, 95))
        for drum, hits in groove.items():
            step = (end - start) / len(hits)
            stop = len(hits) * 3 // 4 if fill and drum in (SNARE, CLAP, RIM) else len(hits)
            for k, hit in enumerate(hits[:stop]):
                if hit == "x" and rng.random() >= dropped:
                    on = start + (k + swing * (k % 4 == 2)) * step + rng.normal(0, loose)
                    rows.append((on, drum, 80 + 20 * (k % 4 == 0) + int(rng.integers(-18, 12))))
        if fill:
            step = (end - start) / 16
            for k in range(12, 16):
                drum = int(rng.choice([SNARE, *TOMS]))
                rows.append((start + k * step, drum, 95 + int(rng.integers(-15, 15))))
    onset, which, velocity = np.array(rows, float).reshape(-1, 3).T
    return np.stack([np.maximum(onset, 0), onset + 0.1, which, velocity], 1)
