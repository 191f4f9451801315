"""Render MIDI parts with libfluidsynth, its soundfonts loaded once and kept."""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

RENDER_HZ = 24_000  # fluidsynth does not filter against aliases: render above the target rate
TARGET_HZ = 16_000
BLOCK = 64  # samples between which fluidsynth hears nothing new
BEND_RANGE = 24  # semitones
DRUM_CHANNEL = 9
Array = NDArray[np.float64]


@dataclass
class Part:
    """One instrument: its notes, rows of (onset_s, end_s, pitch, velocity), and its bends.

    `bends` holds rows of (time_s, semitones). `font` counts the fonts given to `Fluid`.
    """

    notes: Array
    font: int = 0
    bank: int = 0
    program: int = 0
    volume: int = 100
    bends: Array = field(default_factory=lambda: np.zeros((0, 2)))
    drums: bool = False


class Fluid:
    """A synthesizer with several soundfonts; `render` starts from silence every time."""

    def __init__(self, fonts: list[Path], gain: float = 0.4) -> None:
        name = ctypes.util.find_library("fluidsynth")
        if name is None:
            raise FileNotFoundError("libfluidsynth is not installed; install fluidsynth.")
        self.lib = ctypes.CDLL(name)
        for function in ("new_fluid_settings", "new_fluid_synth", "fluid_synth_get_sfont_by_id"):
            getattr(self.lib, function).restype = ctypes.c_void_p
        self.lib.fluid_set_log_function(1, None, None)
        self.lib.fluid_set_log_function(2, None, None)
        settings = ctypes.c_void_p(self.lib.new_fluid_settings())
        for key, number in (("synth.sample-rate", float(RENDER_HZ)), ("synth.gain", gain)):
            self.lib.fluid_settings_setnum(settings, key.encode(), ctypes.c_double(number))
        for key, value in (("synth.reverb.active", 0), ("synth.chorus.active", 0),
                           ("synth.polyphony", 96), ("synth.threadsafe-api", 0),
                           ("synth.lock-memory", 0)):  # fmt: skip
            self.lib.fluid_settings_setint(settings, key.encode(), value)
        self.settings = settings
        self.synth = ctypes.c_void_p(self.lib.new_fluid_synth(settings))
        self.fonts: list[int] = []
        self.offset = 0.0
        for path in fonts:
            number = self.lib.fluid_synth_sfload(self.synth, str(path).encode(), 0)
            if number < 0:
                raise FileNotFoundError(f"{path} is not a soundfont; give .sf2 or .sf3 files.")
            self.fonts.append(number)

    def _renew(self) -> None:
        """Move the fonts to a new synthesizer: a reset one remembers its filters and voices."""
        new = ctypes.c_void_p(self.lib.new_fluid_synth(self.settings))
        for i, number in enumerate(self.fonts):
            font = ctypes.c_void_p(self.lib.fluid_synth_get_sfont_by_id(self.synth, number))
            self.lib.fluid_synth_remove_sfont(self.synth, font)
            self.fonts[i] = self.lib.fluid_synth_add_sfont(new, font)
        self.lib.delete_fluid_synth(self.synth)
        self.synth = new

    def has(self, font: int, bank: int, program: int) -> bool:
        """Whether a font holds a preset."""
        select = self.lib.fluid_synth_program_select
        return bool(select(self.synth, DRUM_CHANNEL, self.fonts[font], bank, program) == 0)

    def detune(self, semitones: float) -> None:
        """Shift whatever is rendered from now on, except the drums."""
        self.offset = semitones

    def _events(self, parts: list[Part]) -> list[tuple[float, int, int, int, int]]:
        """Set the channels up; return (time_s, kind, channel, a, b) in order of time."""
        free = iter(c for c in range(16) if c != DRUM_CHANNEL)
        events: list[tuple[float, int, int, int, int]] = []
        for part in parts:
            channel = DRUM_CHANNEL if part.drums else next(free)
            font = self.fonts[part.font]
            self.lib.fluid_synth_program_select(self.synth, channel, font, part.bank, part.program)
            self.lib.fluid_synth_pitch_wheel_sens(self.synth, channel, BEND_RANGE)
            self.lib.fluid_synth_cc(self.synth, channel, 7, part.volume)
            for onset_s, end_s, pitch, velocity in part.notes:
                key = int(pitch)
                if 0 < key < 128 and end_s > onset_s:
                    events.append((onset_s, 2, channel, key, int(np.clip(velocity, 1, 127))))
                    events.append((end_s, 0, channel, key, 0))
            offset = 0.0 if part.drums else self.offset
            wheel = 8192 + (part.bends[:, 1] + offset) / BEND_RANGE * 8192
            wheel = np.clip(np.rint(wheel), 0, 16383).astype(int)
            start = int(np.rint(8192 + offset / BEND_RANGE * 8192))
            self.lib.fluid_synth_pitch_bend(self.synth, channel, start)
            for time_s, value in zip(part.bends[:, 0], wheel, strict=True):
                events.append((float(time_s), 1, channel, int(value), 0))
        return sorted(events)

    def render(self, parts: list[Part], duration_s: float) -> NDArray[np.float32]:
        """Return `parts` as mono float32 at TARGET_HZ; at most 15 parts beside the drums."""
        self._renew()
        # Whole blocks: half of one left inside would shift the next render.
        samples = -(-round(duration_s * RENDER_HZ) // BLOCK) * BLOCK
        left, right = np.zeros(samples, np.float32), np.zeros(samples, np.float32)
        pointers = [ctypes.c_void_p(side.ctypes.data) for side in (left, right)]
        at = 0
        for time_s, kind, channel, a, b in [*self._events(parts), (duration_s, 3, 0, 0, 0)]:
            stop = min(
                samples, max(at, int(time_s * RENDER_HZ) // BLOCK * BLOCK if kind < 3 else samples)
            )
            if stop > at:
                self.lib.fluid_synth_write_float(
                    self.synth, stop - at, pointers[0], at, 1, pointers[1], at, 1
                )
                at = stop
            if kind == 0:
                self.lib.fluid_synth_noteoff(self.synth, channel, a)
            elif kind == 1:
                self.lib.fluid_synth_pitch_bend(self.synth, channel, a)
            elif kind == 2:
                self.lib.fluid_synth_noteon(self.synth, channel, a, b)
        mono = soxr.resample((left + right) * 0.5, RENDER_HZ, TARGET_HZ, quality="HQ")
        size = round(duration_s * TARGET_HZ)
        mono = np.asarray(mono, np.float32)[:size]
        return np.pad(mono, (0, size - len(mono)))
