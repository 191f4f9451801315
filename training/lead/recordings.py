"""An evaluation set: recordings with known melody, and hums of them; the recipe, not the audio.

    python -m training.lead.recordings OUT --pop909 FOLDER --font a.sf2 ... --hummed midi/*.mid

renders songs that training never saw (POP909 761-909) and the tunes named by --hummed with bands,
rooms and codecs as ``training.lead.render`` does, writes OUT/references/NAME.ogg, simulated hums of
each to OUT/hums/NAME.flac and both to OUT/queries.jsonl, for ``earmark bench melody``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mido
import numpy as np
import soundfile

from training.hum import perform
from training.hum import render as hum
from training.lead.arrange import Excerpt, song, tune
from training.lead.band import Fonts
from training.lead.fluid import Fluid
from training.lead.leads import played, voiced
from training.lead.mix import SAMPLE_HZ, Audio, mix
from training.lead.render import KITS, accompaniment, load_responses
from training.scores import midi_notes, skyline

UNSEEN = (761, 909)


def rendered(
    piece: Excerpt, fluid: Fluid, fonts: Fonts, responses: list[Audio], rng: np.random.Generator
) -> Audio:
    """Return the mix of an arrangement; half of the leads are voices."""
    notes = piece.melody.copy()
    cents = rng.uniform(-50, 50) if rng.random() < 0.5 else 0.0
    notes[:, 2] += cents / 100
    if rng.random() < 0.5:
        lead, _, _ = voiced(notes, piece.duration_s, rng)
    else:
        lead, _, _ = played(notes, piece.duration_s, fluid, fonts, rng, ())
    return mix(lead, accompaniment(piece, cents, fluid, rng), rng, responses)


def hummed(piece: Excerpt, rng: np.random.Generator) -> Audio:
    """Return somebody's hum of a stretch of the melody."""
    notes = piece.melody
    melody = {"on": notes[:, 0], "dur": notes[:, 1] - notes[:, 0], "pitch": notes[:, 2]}
    style = str(rng.choice(["hum", "la", "sing"]))
    performance = perform(melody, rng, style=style, duration_s=float(rng.uniform(7, 12)))
    snr_db = float(rng.choice([15.0, 20.0, 30.0]))
    return hum(performance, rng, snr_db=snr_db)[0]


def write(path: Path, audio: Audio) -> None:
    """Write FLAC or Ogg by the ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.asarray(audio) / (1.05 * np.abs(audio).max() + 1e-9)
    with soundfile.SoundFile(path, "w", SAMPLE_HZ, 1) as file:
        for start in range(0, len(samples), SAMPLE_HZ):  # libsndfile's Vorbis dies of long writes
            file.write(samples[start : start + SAMPLE_HZ])


def main() -> None:
    """Make the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pop909", type=Path, required=True)
    parser.add_argument("--font", nargs="+", type=Path, required=True)
    parser.add_argument("--responses", type=Path)
    parser.add_argument("--hummed", nargs="*", type=Path, default=[], help="MIDI tunes")
    parser.add_argument("--duration-s", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    fluid = Fluid(asked.font)
    fonts = tuple(range(len(asked.font)))
    kits = tuple((f, 128, k) for f in fonts for k in KITS if fluid.has(f, 128, k))
    band, responses = Fonts(fonts, kits), load_responses(asked.responses)
    folders = sorted(path for path in asked.pop909.iterdir() if path.name.isdigit())
    lines = []
    references, hums = asked.output / "references", asked.output / "hums"
    for number, folder in enumerate(folders[UNSEEN[0] - 1 : UNSEEN[1]]):
        name = f"pop{folder.name}"
        lines.append({"query": f"hums/{name}.flac", "song": name, "group": "simulated"})
        if (hums / f"{name}.flac").exists():
            continue
        rng = np.random.default_rng([asked.seed, number])
        piece, _ = song(folder, asked.duration_s, band, rng)
        audio = rendered(piece, fluid, band, responses, rng)
        write(references / f"{name}.ogg", audio)
        write(hums / f"{name}.flac", hummed(piece, rng))
    for number, path in enumerate(asked.hummed):
        if (references / f"{path.stem}.ogg").exists():
            continue
        rng = np.random.default_rng([asked.seed, 10_000 + number])
        notes = skyline(midi_notes(mido.MidiFile(path, clip=True)))
        table = np.array([(on, off, pitch, 84.0) for on, off, pitch in notes])
        table[:, :2] -= table[0, 0]
        piece = tune(table, path.stem, float(table[-1, 1]) + 4.0, band, rng)
        write(references / f"{path.stem}.ogg", rendered(piece, fluid, band, responses, rng))
    (asked.output / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))


if __name__ == "__main__":
    main()
