"""People ask with a tune in their head: it sung, hummed, on la or whistled, imperfectly, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import UsageError
from earmark.evaluation.degrade import mix, reverberate
from earmark.evaluation.noise import RATE_HZ, coloured_noise, synthetic_impulse
from earmark.evaluation.throat import STYLES, sound
from earmark.melody.tune import Tune
from earmark.types import Samples

__all__ = ["RATE_HZ", "STYLES", "Manner", "hum", "made_up_tune", "manner_of", "phrases"]

_MIDDLE = {"sing": 59.0, "hum": 55.0, "la": 57.0, "whistle": 86.0}
"""Where each style is comfortable, as a MIDI note number."""
_LEAD_IN_S = 0.15
_SHORTEST_S = 0.08
_PEAK = 0.7
_SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


@dataclass(frozen=True, slots=True)
class Manner:
    """How a tune is performed.

    ``tempo`` is tune seconds a sung second (above 1 is faster than written) and
    ``shift_semitones`` how far above the tune it is sung. ``off_key_semitones`` is the standard
    deviation of each note's pitch, ``drift_semitones`` by how much the key walks from a note to the
    next, ``rubato`` the relative deviation of a note's length. The share ``slips`` of the notes is
    swallowed, and as many are sung twice.
    """

    style: str = "hum"
    tempo: float = 1.0
    shift_semitones: float = 0.0
    off_key_semitones: float = 0.3
    drift_semitones: float = 0.04
    rubato: float = 0.06
    vibrato_semitones: float = 0.15
    slips: float = 0.02


def manner_of(style: str, tune: Tune, rng: np.random.Generator) -> Manner:
    """Draw how somebody without training performs a tune, in a key that suits the style.

    Tempo 0.8 to 1.25 of what is written, notes 0.2 to 0.45 semitones off.

    Raises
    ------
    UsageError
        No such style.
    """
    if style not in STYLES:
        message = f"no style {style!r}; there are {', '.join(STYLES)}"
        raise UsageError(message)
    middle = float(np.median(tune.semitones)) if len(tune) else _MIDDLE[style]
    return Manner(
        style=style,
        tempo=float(np.exp(rng.uniform(np.log(0.8), np.log(1.25)))),
        shift_semitones=_MIDDLE[style] - middle + float(rng.uniform(-4.0, 4.0)),
        off_key_semitones=float(rng.uniform(0.2, 0.45)),
        drift_semitones=float(rng.uniform(0.01, 0.06)),
        rubato=float(rng.uniform(0.03, 0.09)),
        vibrato_semitones=float(rng.uniform(0.0, 0.3)),
    )


def made_up_tune(rng: np.random.Generator, notes: int = 60) -> Tune:
    """Return a tune that walks a major scale and comes home, in a key and rhythm of its own.

    >>> tune = made_up_tune(np.random.default_rng(1), 30)
    >>> len(tune), bool((tune.length_s > 0.1).all())
    (30, True)
    """
    length_s = rng.choice([0.25, 0.5, 0.5, 0.75, 1.0], notes) * rng.uniform(0.6, 1.0)
    degree = np.cumsum(rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 4], notes))
    degree -= np.round(np.linspace(0, degree[-1], notes)).astype(int)
    pitch = 60 + rng.integers(-5, 6) + 12 * (degree // 7) + _SCALE[degree % 7]
    onset_s = np.cumsum(length_s) - length_s
    columns = (onset_s, length_s, pitch)
    return Tune(*(column.astype(np.float32) for column in columns))


def phrases(tune: Tune, least_s: float) -> npt.NDArray[np.float64]:
    """Return where people begin: the first note, and notes after rests and long notes.

    At least ``least_s`` of tune follows each but the first.
    """
    onset, length = tune.onset_s.astype(np.float64), tune.length_s.astype(np.float64)
    rest = onset[1:] - onset[:-1] - length[:-1] > 0.15
    begins = np.append(True, rest | (length[:-1] > 1.7 * np.median(length)))
    begins &= onset <= tune.end_s - least_s
    begins[0] = True
    return np.asarray(onset[begins])


def hum(
    tune: Tune,
    manner: Manner,
    rng: np.random.Generator,
    *,
    start_s: float = 0.0,
    length_s: float = 8.0,
    snr_db: float | None = None,
    room: bool = False,
) -> Samples:
    """Return a performance as audio.

    Parameters
    ----------
    tune
        What is meant; at least one note.
    manner
        How it is performed.
    rng
        Decides every mistake; equal generators give equal audio.
    start_s
        Where in the tune it begins, in seconds of the tune: with the first note from there on.
    length_s
        How long is sung, at most; less where the tune ends before.
    snr_db
        Adds pink noise so far below the voice; None adds none.
    room
        Adds a small room.

    Returns
    -------
    Samples
        Float32 at 16 kHz, peak 0.7.

    Raises
    ------
    UsageError
        No note begins at ``start_s`` or later.
    """
    notes = _performed(tune, manner, rng, start_s, length_s)
    samples = sound(notes, manner.style, manner.vibrato_semitones, rng)
    if room:
        samples = reverberate(samples, synthetic_impulse(rng))
    if snr_db is not None:
        samples = mix(samples, coloured_noise(len(samples), 1.0, rng), snr_db)
    return (samples * (_PEAK / max(1e-9, float(np.abs(samples).max())))).astype(np.float32)


def _performed(
    tune: Tune, manner: Manner, rng: np.random.Generator, start_s: float, length_s: float
) -> npt.NDArray[np.float64]:
    """Return (n, 3) rows of begin and end in seconds and pitch in semitones: what is sung."""
    first = int(np.searchsorted(tune.onset_s, start_s - 1e-3))
    if first >= len(tune):
        message = f"the tune has no note from {start_s:g} s on; it has {len(tune)} notes"
        raise UsageError(message)
    onset = np.append(tune.onset_s[first:].astype(np.float64), tune.end_s)
    length = tune.length_s[first:].astype(np.float64)
    rows: list[list[float]] = []
    now_s, key = _LEAD_IN_S, manner.shift_semitones
    for index, pitch in enumerate(tune.semitones[first:]):
        if now_s - _LEAD_IN_S >= length_s:
            break
        stretch = float(np.exp(rng.normal(0.0, manner.rubato))) / manner.tempo
        step_s = max(_SHORTEST_S, (onset[index + 1] - onset[index]) * stretch)
        key += float(rng.normal(0.0, manner.drift_semitones))
        sung = float(pitch) + key + float(rng.normal(0.0, manner.off_key_semitones))
        end_s = now_s + min(step_s, max(_SHORTEST_S, length[index] * stretch))
        slip = rng.random()
        if slip < manner.slips and rows:
            rows[-1][1] = end_s
        elif slip > 1.0 - manner.slips and end_s - now_s > 2 * _SHORTEST_S:
            middle_s = (now_s + end_s) / 2
            rows += [[now_s, middle_s, sung], [middle_s, end_s, sung]]
        else:
            rows.append([now_s, end_s, sung])
        now_s += step_s
    return np.array(rows)
