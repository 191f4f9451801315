"""Training pairs: a window of a melody as written, and the same window as somebody would hum it.

Perturbations are light on purpose: heavier ones measured worse on real hums. ``severity`` s is
drawn for each pair; pitch noise, interval compression, drift, timing jitter, rubato, dropped and
inserted notes all grow with it. A share of the reference windows is spoiled as the lead-melody
extractor spoils recordings: octave errors, stretches of another voice, holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

SAMPLES = 80
"""Values a window is sampled at, whatever its length in seconds."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Notes:
    """Many melodies end to end: melody i is rows ``start[i]:start[i + 1]``; times in seconds.

    ``group`` numbers melodies that are the same tune: they are never each other's negatives.
    """

    onset_s: npt.NDArray[np.float64]
    semitones: npt.NDArray[np.float64]
    start: npt.NDArray[np.int64]
    end_s: npt.NDArray[np.float64]
    group: npt.NDArray[np.int64]


def gather(melodies: Sequence[tuple[Floats, Floats, Floats, int]]) -> Notes:
    """Return the store of ``(onset_s, length_s, semitones, group)`` melodies."""
    counts = [len(melody[0]) for melody in melodies]
    onset = [melody[0] - melody[0][0] for melody in melodies]
    return Notes(
        np.concatenate(onset).astype(np.float64),
        np.concatenate([melody[2] for melody in melodies]).astype(np.float64),
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.array([o[-1] + m[1][-1] for o, m in zip(onset, melodies, strict=True)], np.float64),
        np.array([melody[3] for melody in melodies], np.int64),
    )


def draw(
    notes: Notes, count: int, seed: int, mix_share: float, shortest_s: float, longest_s: float
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return ``count`` windows as written and as hummed, each (count, SAMPLES), and their groups.

    Windows are in semitones above their own median. Equal seeds give equal pairs.
    """
    written, hummed, owner = _draw(
        notes.onset_s,
        notes.semitones,
        notes.start,
        notes.end_s,
        count,
        seed,
        mix_share,
        np.log(shortest_s),
        np.log(longest_s),
    )
    return written, hummed, notes.group[owner]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _draw(onset, pitch, start, end, count, seed, mix_share, log_short, log_long):  # noqa: ANN
    np.random.seed(seed)
    written = np.zeros((count, SAMPLES), np.float32)
    hummed = np.zeros((count, SAMPLES), np.float32)
    owner = np.zeros(count, np.int64)
    times = np.empty(600)
    pitches = np.empty(600)
    for row in range(count):
        while True:
            song = np.random.randint(len(start) - 1)
            first, stop = start[song], start[song + 1]
            window = np.exp(np.random.uniform(log_short, log_long))
            if end[song] < window * 0.9 or stop - first < 8:
                continue
            note = np.random.randint(first, stop)
            if end[song] - onset[note] >= window * 0.85 and stop - note >= 6:
                break
        owner[row] = song
        t0 = onset[note]
        if np.random.random() < 0.3:  # references of recordings begin anywhere, not at a note
            t0 += np.random.random() * min(1.0, onset[min(note + 1, stop - 1)] - t0)
        n = note
        for k in range(SAMPLES):
            t = t0 + (k + 0.5) * window / SAMPLES
            while n + 1 < stop and onset[n + 1] <= t:
                n += 1
            written[row, k] = pitch[n]
        if np.random.random() < mix_share:
            _spoil(written[row])

        severity = np.random.uniform(0.15, 0.85)
        deviation = 0.1 + 0.5 * severity
        jitter = 0.02 + 0.12 * severity
        scale = 1 + np.random.uniform(-0.14, 0.1) * severity
        slope = np.random.normal(0, 0.06) * severity
        begin = note
        u = np.random.random()
        if u < 0.03 and note > first:
            begin = note - 1
        elif u < 0.06 and note + 1 < stop:
            begin = note + 1
        length = window * np.exp(np.random.uniform(-0.18, 0.18))
        t, drift, tempo, made, k = onset[begin] - t0 if begin == note else 0.0, 0.0, 1.0, 0, begin
        while k < stop and t < length * 1.1 and made < 590:
            gap = onset[k + 1] - onset[k] if k + 1 < stop else 0.5
            tempo = np.exp(0.9 * np.log(tempo) + np.random.normal(0, 0.05 * severity))
            gap = max(0.04, gap * tempo * np.exp(np.random.normal(0, jitter)))
            drift += slope * gap + np.random.normal(0, 0.06 * severity)
            p = pitch[k] * scale + drift + np.random.normal(0, deviation)
            if np.random.random() < 0.012 * severity:
                p += 12.0 if np.random.random() < 0.5 else -12.0
            u = np.random.random()
            if u < 0.04 * severity and made > 0:
                t += gap
            else:
                times[made], pitches[made] = t, p
                made += 1
                if u > 1 - 0.03 * severity:
                    times[made], pitches[made] = t + gap * 0.5, p + np.random.randint(-2, 3)
                    made += 1
                t += gap
            k += 1
        _sing(times, pitches, made, length, hummed[row])
    for row in range(count):
        written[row] -= np.median(written[row])
        hummed[row] -= np.median(hummed[row])
    return written, hummed, owner


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sing(times, pitches, made, length, out):  # noqa: ANN
    """Sample notes as a voice glides through them: portamento, vibrato, a slip now and then."""
    depth, rate = np.random.uniform(0, 0.3), np.random.uniform(4.5, 6.5)
    phase, glide = np.random.uniform(0, 6.28), 0.6 * np.random.uniform(0.0, 0.7)
    shift = np.random.uniform(-0.04, 0.04) * length
    if shift < 0:
        shift *= 0.5
    held, n = pitches[0], 0
    for k in range(SAMPLES):
        t = shift + (k + 0.5) * length / SAMPLES
        while n + 1 < made and times[n + 1] <= t:
            n += 1
        held = glide * held + (1 - glide) * pitches[n]
        out[k] = held + depth * np.sin(6.283 * rate * t + phase) + np.random.normal(0, 0.08)
    if np.random.random() < 0.1:
        width = np.random.randint(1, 6)
        at = np.random.randint(0, SAMPLES - width)
        out[at : at + width] += np.random.uniform(-12, 12)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _spoil(out):  # noqa: ANN
    """Spoil a reference as an extractor does: octaves, another voice, held gaps, noise."""
    amount = np.random.uniform(0.2, 1.0)
    for _ in range(np.random.poisson(3.0 * amount)):
        width = np.random.randint(1, 3 + int(14 * amount))
        at = np.random.randint(0, SAMPLES - width)
        u = np.random.random()
        if u < 0.3:
            out[at : at + width] += 12.0 if np.random.random() < 0.5 else -12.0
        elif u < 0.6:
            level = out[at] + np.random.randint(-14, 8)
            for k in range(at, at + width):
                if np.random.random() < 0.2:
                    level += np.random.randint(-5, 6)
                out[k] = level
        else:
            out[at : at + width] = out[max(0, at - 1)]
    for k in range(SAMPLES):
        out[k] += np.random.normal(0, 0.1)
