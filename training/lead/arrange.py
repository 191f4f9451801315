"""Arrange an excerpt: which notes lead, which accompany, on which instruments."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import mido
import numpy as np

from training.lead import patterns
from training.lead.band import (
    CHIP_PROGRAMS,
    PAD_PROGRAMS,
    SOLO_PROGRAMS,
    Fonts,
    backing,
    drum_part,
    generated,
    instrument,
    spread_piano,
)
from training.lead.contour import Array
from training.lead.fluid import Part
from training.lead.harmony import harmonise
from training.scores import midi_notes, skyline


@dataclass
class Excerpt:
    """Lead and accompaniment of one excerpt from 0 s to `duration_s`, notes as in `Part`."""

    duration_s: float
    melody: Array
    parts: list[Part]
    source: str
    chip: bool = False
    choir: list[Array] = field(default_factory=list)


def cut(notes: Array, start_s: float, duration_s: float, speed: float, shift: int) -> Array:
    """Return the notes of a window, from its start, `speed` times faster and transposed."""
    end_s = start_s + duration_s * speed
    kept = notes[(notes[:, 1] > start_s) & (notes[:, 0] < end_s)].copy()
    kept[:, :2] = (np.clip(kept[:, :2], start_s, end_s) - start_s) / speed
    kept[:, 2] += shift
    return kept[kept[:, 1] - kept[:, 0] > 0.03]


@lru_cache(maxsize=1200)
def read_song(folder: Path) -> tuple[dict[str, Array], Array]:
    """Return the tracks of a POP909 song and its beats, rows of (time_s, is downbeat)."""
    midi = mido.MidiFile(folder / f"{folder.name}.mid", clip=True)
    tracks = {}
    for name in ("MELODY", "BRIDGE", "PIANO"):
        notes = midi_notes(midi, name)
        if name == "MELODY":
            notes = skyline(notes)
        rows = [(on, off, pitch, 84.0) for on, off, pitch in notes]
        tracks[name] = np.array(rows, float).reshape(-1, 4)
    beats = np.loadtxt(folder / "beat_midi.txt", ndmin=2)[:, :2]
    return tracks, beats


def _colour(
    piece: Excerpt, chords: patterns.Chords, bars: Array, rng: np.random.Generator
) -> Excerpt:
    """Sometimes add a backing choir, or give everything to the voices of a game console."""
    if rng.random() < 0.12:
        piece.choir = [backing(chords, bars, rng) for _ in range(rng.integers(1, 4))]
    elif rng.random() < 0.06:
        piece.chip = True
        for part in piece.parts:
            if not part.drums:
                part.program = int(rng.choice(CHIP_PROGRAMS))
    return piece


def tune(notes: Array, source: str, duration_s: float, fonts: Fonts, rng: np.random.Generator,
         silent: bool = False) -> Excerpt:  # fmt: skip
    """Arrange a window of a monophonic tune with a band of our own."""
    speed, shift = rng.uniform(0.8, 1.25), int(rng.integers(-6, 7))
    spare = max(0.0, notes[-1, 1] - duration_s * speed)
    first = notes[np.searchsorted(notes[:, 0], rng.uniform(0, spare + 1e-6)), 0]
    melody = cut(notes, min(first, spare), duration_s, speed, shift)
    intro = rng.choice([0.0, rng.uniform(0, 4)])
    melody[:, :2] += intro
    melody = melody[melody[:, 1] < duration_s]
    for _ in range(int(rng.choice([0, 0, 1, 2]))):  # rests, in which only the band plays
        start = rng.uniform(0, duration_s)
        rest = (melody[:, 0] > start) & (melody[:, 0] < start + rng.uniform(1, 5))
        melody = melody[~rest] if not rest.all() else melody
    gaps = np.diff(melody[:, 0])
    unit = float(np.median(gaps)) if len(gaps) else 0.4
    beat = unit * 2.0 ** np.round(np.log2(rng.uniform(0.35, 0.75) / max(unit, 0.05)))
    beats = int(rng.choice([2, 3, 4, 4]))
    start = (intro % (beat * beats)) - beat * beats
    bars = np.arange(start, duration_s + beat * beats, beat * beats)
    bars = bars[bars > -1e-6] if rng.random() < 0.5 else np.maximum(bars[bars > -beat * beats], 0)
    bars = np.unique(bars)
    chords = harmonise(melody, bars, rng)
    parts = generated(chords, bars, beats, fonts, rng, solo=not silent)
    piece = Excerpt(duration_s, melody[:0] if silent else melody, parts, source)
    return _colour(piece, chords, bars, rng)


def _thin(
    bridge: Array, melody: Array, duration_s: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Split BRIDGE into (what accompanies, what takes the lead where the melody rests)."""
    busy = np.zeros(int(duration_s * 20) + 2, bool)
    for on, off, *_ in melody:
        busy[max(0, int(on * 20) - 8) : int(off * 20) + 8] = True
    under = np.array([busy[int(on * 20) : int(off * 20) + 1].any() for on, off, *_ in bridge], bool)
    accompanies, rest = bridge[under], bridge[~under]
    if rng.random() < 0.5 or len(rest) < 3:
        return accompanies, rest[:0]
    line = skyline([(on, off, int(pitch)) for on, off, pitch, _ in rest])
    return accompanies, np.array([(*note, 84.0) for note in line], float).reshape(-1, 4)


def song(folder: Path, duration_s: float, fonts: Fonts, rng: np.random.Generator,
         silent: bool = False) -> tuple[Excerpt, Array]:  # fmt: skip
    """Arrange a window of a POP909 song; also return the line that leads in the melody's rests."""
    tracks, beats = read_song(folder)
    speed, shift = rng.uniform(0.8, 1.25), int(rng.integers(-6, 7))
    last = max(track[:, 1].max() for track in tracks.values() if len(track))
    spare = max(0.01, last - duration_s * speed)
    for _ in range(20):
        start = rng.uniform(0, spare)
        melody = cut(tracks["MELODY"], start, duration_s, speed, shift)
        if silent or (melody[:, 1] - melody[:, 0]).sum() > 0.3 * duration_s:
            break
    piano = cut(tracks["PIANO"], start, duration_s, speed, shift)
    bridge = cut(tracks["BRIDGE"], start, duration_s, speed, shift)
    down = (beats[beats[:, 1] > 0.5, 0] - start) / speed
    down = down[(down > -0.01) & (down < duration_s)]
    bars = np.unique(np.concatenate([[0.0], np.maximum(down, 0), [duration_s]]))
    bars = bars[np.concatenate([[True], np.diff(bars) > 0.4])]
    leads = bridge[:0]
    chords = harmonise(piano if len(piano) else melody, bars, rng)
    if rng.random() < 0.2 or len(piano) < 8:
        parts = generated(chords, bars, 4, fonts, rng, solo=not silent)
    else:
        accompanies, leads = _thin(bridge, melody, duration_s, rng)
        parts = spread_piano(piano, fonts, rng)
        if len(accompanies) and not silent and rng.random() < 0.7:
            programs = SOLO_PROGRAMS + PAD_PROGRAMS
            parts.append(instrument(accompanies, programs, fonts, rng, (40, 100)))
        if rng.random() < 0.3:
            low = int(rng.integers(45, 66))
            parts.append(instrument(patterns.pad(chords, bars, low, rng), PAD_PROGRAMS, fonts, rng))
        if rng.random() < 0.6 and len(bars) > 1:
            parts.append(drum_part(bars, 4, fonts, rng))
    if silent:
        melody, leads = melody[:0], leads[:0]
    piece = Excerpt(duration_s, melody, parts, f"pop909/{folder.name}")
    return _colour(piece, chords, bars, rng), leads
