"""Play the lead: our own singers, or a GM instrument with slides and vibrato."""

from __future__ import annotations

import numpy as np

from training.lead.band import Fonts
from training.lead.contour import LINE_HZ, Array, Line, Manner, draw
from training.lead.fluid import Fluid, Part
from training.lead.mix import Audio
from training.lead.voice import sing, singer

# Programs (GM, from 0) that sound the note that is written in each of four fonts: measured.
STRUCK = (0, 1, 4, 5, 6, 11, 12, 13, 24, 25, 26, 27, 28, 46, 105, 107, 108)
HELD = (20, 21, 22, 29, 30, 40, 41, 42, 48, 53, 54, 56, 57, 59, 60, 61, 64, 65, 66, 67, 68, 70,
        71, 72, 73, 74, 75, 79, 80, 81, 82, 85, 87, 109, 110, 111)  # fmt: skip
LOW, HIGH = (42, 57, 58, 66, 67, 70), (13, 72, 74, 75, 79, 56, 68, 73, 41, 22)


def place(notes: Array, centre: float) -> Array:
    """Transpose by octaves so that the median pitch lies nearest to `centre`, within 39..91."""
    notes = notes.copy()
    if len(notes):
        notes[:, 2] += 12 * np.round((centre - np.median(notes[:, 2])) / 12)
        while notes[:, 2].max() > 91:
            notes[:, 2] -= 12
        while notes[:, 2].min() < 39:
            notes[:, 2] += 12
    return notes


def voiced(notes: Array, duration_s: float, rng: np.random.Generator) -> tuple[Audio, Line, str]:
    """Sing the lead, sometimes doubled by a second take or with a second voice above or below."""
    female = rng.random() < 0.5
    centre = rng.uniform(62, 76) if female else rng.uniform(51, 65)
    notes = place(notes, centre)
    who = singer(rng, female, str(rng.choice(["sing"] * 8 + ["hum", "la"])))
    audio, line = sing(notes, duration_s, who, rng)
    chance = rng.random()
    if chance < 0.15:  # a second take
        late = notes.copy()
        late[:, :2] += rng.normal(0, 0.02, (len(notes), 1))
        take, _ = sing(late, duration_s, who, rng)
        audio = audio + take * rng.uniform(0.3, 0.9)
    elif chance < 0.3:  # harmony
        second = notes.copy()
        second[:, 2] += rng.choice([3, 4, -3, -5, 7, 12, -12])
        other = who if rng.random() < 0.5 else singer(rng, rng.random() < 0.5)
        take, _ = sing(second, duration_s, other, rng)
        audio = audio + take * 10 ** (-rng.uniform(3, 12) / 20)
    return audio, line, "voice-female" if female else "voice-male"


def _played(
    notes: Array, duration_s: float, fluid: Fluid, fonts: Fonts, rng: np.random.Generator,
    programs: tuple[int, ...] = (),
) -> tuple[Audio, Line, str]:  # fmt: skip
    """Play the lead on a GM instrument, held ones with vibrato and slides by pitch bends."""
    held = rng.random() < 0.72
    program = int(rng.choice(programs or (HELD if held else STRUCK)))
    lower, upper = (44, 62) if program in LOW else (62, 82) if program in HIGH else (50, 78)
    notes = place(notes, rng.uniform(lower, upper))
    font = int(rng.choice(fonts.pitched))
    bends = np.zeros((0, 2))
    bendable = held or program in (26, 27)
    if bendable and rng.random() < (0.7 if held else 0.4):
        manner = Manner(
            glide_s=rng.uniform(0.01, 0.09), scoop=rng.uniform(0, 0.3),
            scoop_depth=rng.uniform(0.3, 2), error=rng.uniform(0, 0.1), drift=rng.uniform(0, 0.06),
            vibrato_depth=rng.choice([0, rng.uniform(0.05, 0.4)]), vibrato_hz=rng.uniform(4.5, 6.8),
            vibrato_wait_s=rng.uniform(0.05, 0.4),
        )  # fmt: skip
        line = draw(notes, duration_s, manner, rng)
        written = draw(notes, duration_s, Manner(glide_s=0), rng).pitch
        curve = (line.pitch + line.vibrato - written)[::2]
        bends = np.stack([np.arange(len(curve)) * 2 / LINE_HZ, curve], 1)
    else:
        line = draw(notes, duration_s, Manner(glide_s=0), rng)
    notes[:, 3] = np.clip(rng.normal(95, 10, len(notes)), 50, 127)
    parts = [Part(notes, font, 0, program, 110, bends)]
    if rng.random() < 0.15:
        double = notes.copy()
        double[:, 2] += rng.choice([12, -12, 0, 3, 4, 7], p=[0.3, 0.3, 0.2, 0.07, 0.07, 0.06])
        other = program if rng.random() < 0.5 else int(rng.choice(HELD))
        parts.append(Part(double, font, 0, other, int(rng.integers(50, 95)), bends))
    return fluid.render(parts, duration_s), line, f"gm-{program}"


def join(first: Line, second: Line) -> Line:
    """Let a second line sound where the first is silent."""
    take = second.on & ~first.on
    return Line(np.where(take, second.pitch, first.pitch), first.vibrato, first.on | take)


def played(
    notes: Array, duration_s: float, fluid: Fluid, fonts: Fonts, rng: np.random.Generator,
    programs: tuple[int, ...] = (),
) -> tuple[Audio, Line, str]:  # fmt: skip
    """Play notes whose pitches share one fraction of a semitone."""
    offset = float(notes[0, 2] - np.round(notes[0, 2]))
    whole = notes.copy()
    whole[:, 2] = np.round(whole[:, 2] - offset)
    fluid.detune(offset)
    audio, line, kind = _played(whole, duration_s, fluid, fonts, rng, programs)
    return audio, Line(line.pitch + offset, line.vibrato, line.on), kind
