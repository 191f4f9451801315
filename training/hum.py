"""Perform a melody as people ask for it: sung, hummed, on la or whistled, imperfectly.

``python -m training.hum MELODIES.npz OUT --count 200 --style whistle`` writes OUT/NNNNN.wav and
OUT/queries.jsonl, rows of query, src, id, style, start note and tempo.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal as ss
import soundfile

from training import corpora
from training.lead import contour, mix
from training.lead.contour import LINE_HZ, Array, Manner, smooth
from training.lead.voice import SAMPLE_HZ, sing, singer

STYLES = ("sing", "hum", "la", "whistle")
CENTRES = {"sing": (50, 57, 62), "hum": (48, 55, 60), "la": (48, 55, 60), "whistle": (84, 88)}


@dataclass(frozen=True)
class Performance:
    """What somebody means to sing: rows of (onset_s, end_s, pitch), and how it was drawn."""

    notes: Array
    style: str
    tempo: float  # above 1 is slower than written
    start: int  # the note of the melody that it starts with
    duration_s: float


def phrase_starts(on: Array, dur: Array, needed_s: float) -> list[int]:
    """Return the notes after rests or long notes that leave `needed_s` of melody, and note 0."""
    rest = on[1:] - (on[:-1] + dur[:-1]) > 0.15
    begins = np.concatenate([[True], rest | (dur[:-1] > 1.7 * np.median(dur))])
    left = on[-1] + dur[-1] - on
    return [0, *(int(i) for i in np.flatnonzero(begins & (left >= needed_s)) if i)]


def perform(
    melody: Mapping[str, Any], rng: np.random.Generator, *, style: str | None = None,
    duration_s: float | None = None, spread: float | None = None, tempo: float | None = None,
    start: int | None = None,
) -> Performance:  # fmt: skip
    """Draw a performance; `spread` is the standard deviation of a note's pitch in semitones.

    Tempo 0.7 to 1.4, rubato, drift of the key, 1 % octave errors, 3 % lost and 2.5 % added notes.
    """
    on, dur, pitch = (np.asarray(melody[key], float) for key in ("on", "dur", "pitch"))
    style = str(rng.choice(STYLES)) if style is None else style
    length_s = rng.uniform(5, 12) if duration_s is None else duration_s
    slow = float(np.exp(rng.uniform(np.log(0.7), np.log(1.4)))) if tempo is None else tempo
    spread = rng.uniform(0.3, 0.6) if spread is None else spread
    whole = on[-1] + dur[-1]
    if start is None:
        start = int(rng.choice(phrase_starts(on, dur, min(length_s / slow, 0.8 * whole))))
    shift = rng.choice(CENTRES[style]) - np.median(pitch[start : start + 20])
    shift += rng.uniform(-3, 3)
    slope, drift, rubato, now = rng.normal(0, 0.03), 0.0, 1.0, 0.0
    notes: list[list[float]] = []
    for k in range(start, len(on)):
        if now >= length_s:
            break
        step = (on[k + 1] - on[k] if k + 1 < len(on) else dur[k]) * slow
        rest = max(0.0, step - dur[k] * slow)
        rubato = float(np.exp(0.9 * np.log(rubato) + rng.normal(0, 0.035)))
        step = max(0.08, step * rubato * np.exp(rng.normal(0, 0.07)))
        if rest > 0.3 and rng.random() < 0.5:  # nobody waits through rests
            cut = rest * rng.uniform(0.3, 1)
            step, rest = max(0.08, step - cut), rest - cut
        drift += slope * step + rng.normal(0, 0.05)
        tone = pitch[k] + shift + drift + rng.normal(0, spread)
        tone += rng.choice([-12, 12]) if rng.random() < 0.01 else 0
        end, chance = now + max(0.06, step - (rest if rest < 0.7 * step else 0.0)), rng.random()
        if chance < 0.03 and notes:
            notes[-1][1] = end
        elif chance > 0.975:
            half = now + step / 2
            notes += [[now, half, tone], [half, end, tone + rng.choice([0, 0, 1, 2, -1, -2])]]
        else:
            notes.append([now, end, tone])
        now += step
    table = np.array([note for note in notes if note[1] > note[0]])
    table[:, :2] += 0.1
    return Performance(table, style, slow, start, min(now, length_s) + 0.3)


def whistle(
    notes: Array, duration_s: float, rng: np.random.Generator
) -> tuple[mix.Audio, contour.Line]:
    """Whistle notes: nearly a sine, breath around it, at 16 kHz."""
    manner = Manner(
        glide_s=rng.uniform(0.04, 0.14), scoop=rng.uniform(0, 0.4), scoop_depth=1.0,
        drift=rng.uniform(0.03, 0.1), vibrato_depth=rng.uniform(0, 0.25),
        vibrato_hz=rng.uniform(4.5, 6.5), vibrato_wait_s=0.15,
    )  # fmt: skip
    line = contour.draw(notes, duration_s, manner, rng)
    frames = np.arange(len(line.on))
    swell = np.exp(0.15 * smooth(rng.normal(0, 3, len(frames)), 0.2))
    level = smooth(np.where(line.on, swell, 0.0), 0.05)
    at = np.arange(round(duration_s * SAMPLE_HZ)) * LINE_HZ / SAMPLE_HZ
    hertz = np.interp(at, frames, 440 * 2 ** ((line.pitch + line.vibrato - 69) / 12))
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_HZ
    loud = np.interp(at, frames, level)
    tone = np.sin(phase) + rng.uniform(0, 0.06) * np.sin(2 * phase)
    band = ss.butter(1, [700, 5500], "band", fs=SAMPLE_HZ, output="sos")
    air = ss.sosfilt(band, rng.normal(0, 1, len(at)))
    rough = np.interp(at, frames, smooth(rng.normal(0, 1, len(frames)), 0.01))
    audio = tone * loud * (1 + 0.15 * rough) + rng.uniform(0.02, 0.12) * air * (0.2 + loud)
    return audio.astype(np.float32), line


def render(
    performance: Performance, rng: np.random.Generator, *, snr_db: float | None = None,
    reverb: bool = False,
) -> tuple[mix.Audio, mix.Audio]:  # fmt: skip
    """Return audio at 16 kHz, peak 0.7, and its pitch at 20 frames/s in semitones, 0 in silence."""
    length_s = np.ceil(performance.duration_s * 20) / 20
    if performance.style == "whistle":
        audio, line = whistle(performance.notes, length_s, rng)
    else:
        who = singer(rng, bool(np.median(performance.notes[:, 2]) > 56), performance.style)
        audio, line = sing(performance.notes, length_s, who, rng)
    if reverb:
        audio = mix.reverberate(audio, mix.room(rng), rng.uniform(-20, -6))
    if snr_db is not None:
        audio = audio + mix.noise(len(audio), rng) * mix.rms(audio) * 10 ** (-snr_db / 20)
    audio = np.asarray(audio / (np.abs(audio).max() + 1e-9) * 0.7, np.float32)
    return audio, contour.truth(line, length_s)


def main() -> None:
    """Write queries of melodies drawn from a collection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("melodies", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--style", choices=STYLES)
    parser.add_argument("--source", help="only melodies of this corpus")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    held = [m for m in corpora.read(options.melodies) if options.source in (None, m["src"])]
    options.output.mkdir(parents=True, exist_ok=True)
    with (options.output / "queries.jsonl").open("w", encoding="utf-8") as file:
        for number in range(options.count):
            rng = np.random.default_rng([options.seed, number])
            entry = held[rng.integers(len(held))]
            asked = perform(entry, rng, style=options.style)
            audio, _ = render(asked, rng, snr_db=rng.uniform(15, 40), reverb=rng.random() < 0.5)
            name = f"{number:05d}.wav"
            soundfile.write(options.output / name, audio, SAMPLE_HZ)
            row = {"query": name, "src": entry["src"], "id": entry["id"], "style": asked.style,
                   "start": asked.start, "tempo": round(asked.tempo, 3)}  # fmt: skip
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
