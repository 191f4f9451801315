"""Pitch lines: from notes to what a singer or a bowed, blown or bent string really sounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LINE_HZ = 200
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Manner:
    """How a line is played; times in seconds, intervals in semitones."""

    glide_s: float = 0.06
    scoop: float = 0.0  # probability that a note is reached from below or above
    scoop_depth: float = 1.5
    error: float = 0.0  # standard deviation of the pitch of a note
    drift: float = 0.0  # standard deviation of slow wandering
    vibrato_depth: float = 0.0
    vibrato_hz: float = 5.5
    vibrato_wait_s: float = 0.25


@dataclass(frozen=True)
class Line:
    """A pitch line at LINE_HZ: `pitch` without vibrato, `vibrato` to add, `on` while it sounds."""

    pitch: Array
    vibrato: Array
    on: NDArray[np.bool_]


def smooth(values: Array, width_s: float) -> Array:
    """Smooth a line with a Hann window of `width_s`, its ends held."""
    width = int(width_s * LINE_HZ) | 1
    if width < 3:
        return values
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), "valid")


def draw(notes: Array, duration_s: float, manner: Manner, rng: np.random.Generator) -> Line:
    """Draw the line of `notes`, rows of (onset_s, end_s, pitch, ...) that do not overlap."""
    frames = int(np.ceil(duration_s * LINE_HZ)) + 1
    on = np.zeros(frames, bool)
    if len(notes) == 0:
        return Line(np.full(frames, 60.0), np.zeros(frames), on)
    edges = np.clip(np.rint(notes[:, :2] * LINE_HZ).astype(int), 0, frames)
    pitches = notes[:, 2] + rng.normal(0, manner.error, len(notes)) if manner.error else notes[:, 2]
    steps = np.full(frames, pitches[0])
    bend, depth = np.zeros(frames), np.zeros(frames)
    for (start, end), pitch in zip(edges, pitches, strict=True):
        steps[start:] = pitch
        on[start:end] = True
        age_s = np.arange(end - start) / LINE_HZ
        if rng.random() < manner.scoop:
            size = manner.scoop_depth * rng.uniform(0.3, 1.2) * rng.choice([-1, -1, -1, 1])
            bend[start:end] += size * np.exp(-age_s / rng.uniform(0.03, 0.1))
        if manner.vibrato_depth:
            rise = np.clip((age_s - manner.vibrato_wait_s) / 0.25, 0, 1)
            depth[start:end] = rise * manner.vibrato_depth * rng.uniform(0.5, 1.3)
    pitch_line = smooth(steps, manner.glide_s) + smooth(bend, 0.03)
    if manner.drift:
        pitch_line += smooth(rng.normal(0, 1, frames), 0.4) * manner.drift * np.sqrt(40)
    rate = manner.vibrato_hz * (1 + 0.05 * smooth(rng.normal(0, 3, frames), 0.5))
    phase = 2 * np.pi * np.cumsum(rate) / LINE_HZ
    return Line(pitch_line, smooth(depth, 0.1) * np.sin(phase), on)


def truth(line: Line, duration_s: float, frame_hz: float = 20.0) -> NDArray[np.float32]:
    """Return the pitch of each frame, in semitones and 0 where the line is mostly silent."""
    size = int(LINE_HZ / frame_hz)
    frames = round(duration_s * frame_hz)
    on = line.on[: frames * size].reshape(frames, size)
    pitch = line.pitch[: frames * size].reshape(frames, size)
    count = on.sum(1)
    mean = (pitch * on).sum(1) / np.maximum(count, 1)
    return np.where(count * 2 > size, mean, 0).astype(np.float32)
