"""Render mixes with known lead melody, to train the lead extractor on.

    python -m training.lead.render OUT --melodies melodies.pkl --pop909 FOLDER --font a.sf2 ...

Writes OUT/NNNNN.npz: `audio` int16 at 16 kHz; `f0` float32 at 20 frames/s, semitones (MIDI),
0 where the lead is silent; `src` and `lead`, strings.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from training import corpora
from training.corpora import Melody
from training.lead.arrange import Excerpt, song, tune
from training.lead.band import CHIP_PROGRAMS, Fonts
from training.lead.contour import truth
from training.lead.fluid import Fluid
from training.lead.leads import join, played, voiced
from training.lead.mix import SAMPLE_HZ, Audio, mix, rms
from training.lead.voice import sing, singer

KITS = (0, 8, 16, 24, 25, 32, 40)


@dataclass(frozen=True)
class Rendered:
    """One example; the module's first lines say what its arrays hold."""

    audio: NDArray[np.int16]
    f0: NDArray[np.float32]
    src: str
    lead: str


def excerpt(
    tunes: list[Melody], songs: list[Path], fluid: Fluid, fonts: Fonts,
    responses: list[Audio], rng: np.random.Generator,
) -> Rendered:  # fmt: skip
    """Draw, arrange, render and mix one excerpt."""
    duration_s, silent = rng.integers(400, 500) / 20, bool(rng.random() < 0.08)
    cents = rng.uniform(-50, 50) if rng.random() < 0.5 else 0.0
    bridge = np.zeros((0, 4))
    if not tunes or rng.random() < 0.6:
        piece, bridge = song(songs[rng.integers(len(songs))], duration_s, fonts, rng, silent)
    else:
        one = tunes[rng.integers(len(tunes))]
        notes = np.stack([one["on"], one["on"] + one["dur"], one["pitch"], one["on"] * 0 + 84], 1)
        piece = tune(notes, f"{one['src']}/{one['id']}", duration_s, fonts, rng, silent)
    lead, line, kind = np.zeros(round(duration_s * SAMPLE_HZ), np.float32), None, "none"
    notes = piece.melody.copy()
    if rng.random() < 0.5:  # detached: notes end early
        notes[:, 1] -= (notes[:, 1] - notes[:, 0]) * rng.uniform(0, 0.35)
    if len(notes):
        notes[:, 2] += cents / 100
        if not piece.chip and rng.random() < 0.49:
            lead, line, kind = voiced(notes, duration_s, rng)
        else:
            lead, line, kind = played(
                notes, duration_s, fluid, fonts, rng, CHIP_PROGRAMS if piece.chip else ()
            )
    if len(bridge) and line is not None:
        bridge[:, 2] += cents / 100
        extra, other, _ = played(bridge, duration_s, fluid, fonts, rng)
        level = np.sqrt(np.mean(lead**2) / (np.mean(extra**2) + 1e-9) * 0.5)
        lead = lead + extra * min(level, 20)
        line = join(line, other)
    band = accompaniment(piece, cents, fluid, rng)
    f0 = truth(line, duration_s) if line else np.zeros(round(duration_s * 20), np.float32)
    audio = mix(lead, band, rng, responses)
    return Rendered(audio, f0, piece.source, kind)


def accompaniment(piece: Excerpt, cents: float, fluid: Fluid, rng: np.random.Generator) -> Audio:
    """Render the parts that do not lead."""
    fluid.detune(cents / 100)
    band = fluid.render(piece.parts, piece.duration_s)
    for notes in piece.choir:
        if len(notes):
            notes[:, 2] += cents / 100
            who = singer(rng, rng.random() < 0.6, str(rng.choice(["sing", "la", "hum"])))
            choir, _ = sing(notes, piece.duration_s, who, rng)
            band = band + choir * rms(band) * 10 ** (-rng.uniform(2, 14) / 20)
    return band


def load_responses(folder: Path | None) -> list[NDArray[np.float32]]:
    """Read the impulse responses of a folder as mono at 16 kHz, at most 2 s each."""
    found = []
    for path in sorted(folder.glob("*.wav")) if folder else []:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = soxr.resample(audio[:, 0], rate, SAMPLE_HZ)
        start = int(np.argmax(np.abs(audio)))
        found.append(np.asarray(audio[start : start + 2 * SAMPLE_HZ], np.float32))
    return found


def main() -> None:
    """Render as the command line says; existing files are kept, so that a run can go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--melodies", type=Path)
    parser.add_argument(
        "--sources", nargs="*", default=["oneills1850", "ryansMammoth", "airdsAirs"]
    )
    parser.add_argument("--pop909", type=Path, required=True)
    parser.add_argument("--songs", nargs=2, type=int, default=(1, 700), help="first and last")
    parser.add_argument("--font", nargs="+", type=Path, required=True)
    parser.add_argument("--kit", nargs="*", type=Path, default=[], help="fonts of drums only")
    parser.add_argument("--responses", type=Path, help="folder of impulse responses")
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    tunes: list[Melody] = []
    if options.melodies:
        tunes = [m for m in corpora.read(options.melodies) if m["src"] in options.sources]
    folders = sorted(path for path in options.pop909.iterdir() if path.name.isdigit())
    first, last = options.songs
    fluid = Fluid([*options.font, *options.kit])
    pitched = tuple(range(len(options.font)))
    kits = [(f, 128, k) for f in pitched for k in KITS if fluid.has(f, 128, k)]
    kits += [(len(pitched) + i, 0, 0) for i in range(len(options.kit)) for _ in range(3)]
    fonts, responses = Fonts(pitched, tuple(kits)), load_responses(options.responses)
    began, seconds = time.time(), 0.0
    for number in range(options.first, options.first + options.count):
        path = options.output / f"{number:05d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([options.seed, number])
        made = excerpt(tunes, folders[first - 1 : last], fluid, fonts, responses, rng)
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            np.savez(file, audio=made.audio, f0=made.f0, src=made.src, lead=made.lead)
        partial.rename(path)
        seconds += len(made.audio) / SAMPLE_HZ
        if number % 25 == 24:
            speed = seconds / (time.time() - began)
            print(number + 1, f"{seconds / 3600:.2f} h, {speed:.0f} x real time", flush=True)


if __name__ == "__main__":
    main()
