"""Give generated and given accompaniments their instruments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.lead import patterns
from training.lead.contour import Array
from training.lead.fluid import Part

# General MIDI programs, counted from 0.
CHORD_PROGRAMS = (
    0,
    1,
    2,
    4,
    5,
    6,
    7,
    16,
    17,
    18,
    19,
    21,
    24,
    25,
    26,
    27,
    28,
    45,
    46,
    11,
    12,
    15,
    104,
    105,
    107,
)
ROCK_PROGRAMS = (27, 28, 29, 30, 30)
PAD_PROGRAMS = (48, 49, 50, 51, 52, 53, 54, 88, 89, 90, 91, 92, 93, 94, 95, 16, 19, 61, 62, 63)
BASS_PROGRAMS = (32, 33, 34, 35, 36, 37, 38, 39, 43, 58)
CHIP_PROGRAMS = (80, 80, 81, 87, 38, 39)
SOLO_PROGRAMS = (40, 42, 48, 56, 57, 60, 65, 68, 71, 73, 75, 80, 81, 0, 4, 11, 24, 26, 27, 29, 46)


@dataclass(frozen=True)
class Fonts:
    """Which of the loaded soundfonts play pitched parts, and which presets are drum kits."""

    pitched: tuple[int, ...]
    kits: tuple[tuple[int, int, int], ...]  # (font, bank, program)


def instrument(notes: Array, programs: tuple[int, ...], fonts: Fonts, rng: np.random.Generator,
           loud: tuple[int, int] = (60, 115)) -> Part:  # fmt: skip
    """Give notes an instrument, a volume and human velocities."""
    notes = notes.copy()
    notes[:, 3] += rng.normal(0, 6, len(notes)) + rng.uniform(-15, 15)
    return Part(notes, int(rng.choice(fonts.pitched)), 0, int(rng.choice(programs)),
                int(rng.integers(*loud)))  # fmt: skip


def drum_part(bars: Array, beats: int, fonts: Fonts, rng: np.random.Generator) -> Part:
    """Draw a kit and a groove."""
    font, bank, program = fonts.kits[rng.integers(len(fonts.kits))]
    notes = patterns.drums(bars, beats, rng)
    return Part(notes, font, bank, program, int(rng.integers(60, 120)), drums=True)


def generated(chords: patterns.Chords, bars: Array, beats: int, fonts: Fonts,
          rng: np.random.Generator, solo: bool = True) -> list[Part]:  # fmt: skip
    """Accompany with generated parts."""
    parts = []
    rock = rng.random() < 0.25
    for _ in range(int(rng.choice([1, 1, 2, 2, 3]))):
        kind, low = rng.choice(["pad", "comp", "comp", "arpeggio"]), int(rng.integers(45, 66))
        if kind == "pad":
            parts.append(instrument(patterns.pad(chords, bars, low, rng), PAD_PROGRAMS, fonts, rng))
            continue
        programs = ROCK_PROGRAMS if rock else CHORD_PROGRAMS
        figure = patterns.comp if kind == "comp" else patterns.arpeggio
        steps = beats * int(rng.choice([1, 2, 2, 4]))
        parts.append(instrument(figure(chords, bars, low, steps, rng), programs, fonts, rng))
    if rng.random() < 0.75:
        parts.append(instrument(patterns.bass(chords, bars, beats, rng), BASS_PROGRAMS, fonts, rng))
    if solo and rng.random() < 0.3:
        line = patterns.counter(chords, bars, int(rng.integers(50, 76)), rng)
        parts.append(instrument(line, SOLO_PROGRAMS, fonts, rng, (40, 90)))
    if rng.random() < 0.6:
        parts.append(drum_part(bars, beats, fonts, rng))
    return parts


def backing(chords: patterns.Chords, bars: Array, rng: np.random.Generator) -> Array:
    """Draw one held line of a backing choir on chord tones."""
    low = int(rng.integers(52, 70))
    rows = [
        (start, end - 0.05, rng.choice(patterns.place(chord, low)), 80)
        for chord, start, end in zip(chords, bars[:-1], bars[1:], strict=True)
        if rng.random() < 0.8
    ]
    return np.array(rows, float).reshape(-1, 4)


def spread_piano(piano: Array, fonts: Fonts, rng: np.random.Generator) -> list[Part]:
    """Spread POP909's piano over one to three instruments by register."""
    if rng.random() < 0.35:
        return [instrument(piano, CHORD_PROGRAMS, fonts, rng)]
    split, parts = rng.integers(44, 54), []
    low, high = piano[piano[:, 2] < split], piano[piano[:, 2] >= split]
    if len(low):
        parts.append(instrument(low, (*BASS_PROGRAMS, 0, 0), fonts, rng))
    if len(high):
        rock = rng.random() < 0.2
        parts.append(instrument(high, ROCK_PROGRAMS if rock else CHORD_PROGRAMS, fonts, rng))
        if rng.random() < 0.3:
            parts.append(instrument(high, PAD_PROGRAMS, fonts, rng, (40, 80)))
    return parts
