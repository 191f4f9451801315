"""Read one melody line from MIDI files and from the tunes of ABC files (with `abc2midi`)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import mido
import numpy as np

Notes = list[tuple[float, float, int]]
"""(onset_s, end_s, MIDI pitch), in order of onset."""


def clock(midi: mido.MidiFile) -> Callable[[int], float]:
    """Return the function that maps ticks to seconds under all tempo changes of `midi`."""
    changes = [(0, 500_000)]
    for track in midi.tracks:
        tick = 0
        for event in track:
            tick += event.time
            if event.type == "set_tempo":
                changes.append((tick, event.tempo))
    changes.sort(key=lambda change: change[0])
    ticks = np.array([tick for tick, _ in changes], float)
    per_tick_s = np.array([tempo for _, tempo in changes]) / 1e6 / midi.ticks_per_beat
    starts_s = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * per_tick_s[:-1])])

    def seconds(tick: int) -> float:
        i = int(np.searchsorted(ticks, tick, "right")) - 1
        return float(starts_s[i] + (tick - ticks[i]) * per_tick_s[i])

    return seconds


def midi_notes(midi: mido.MidiFile, track: str | None = None) -> Notes:
    """Return (onset_s, end_s, pitch) of every note outside the drum channel, in time order."""
    seconds = clock(midi)
    notes: Notes = []
    for part in midi.tracks:
        if track is not None and part.name.strip().upper() != track:
            continue
        tick = 0
        sounding: dict[int, int] = {}
        for event in part:
            tick += event.time
            if event.type not in ("note_on", "note_off") or event.channel == 9:
                continue
            if event.type == "note_on" and event.velocity > 0:
                sounding[event.note] = tick
            elif event.note in sounding:
                start = sounding.pop(event.note)
                notes.append((seconds(start), seconds(tick), event.note))
    return sorted(notes, key=lambda note: (note[0], -note[2]))


def skyline(notes: Notes, together_s: float = 0.03, shortest_s: float = 0.02) -> Notes:
    """Keep the highest of simultaneous notes and end each note where the next begins."""
    line: Notes = []
    for onset_s, end_s, pitch in notes:
        if line and onset_s - line[-1][0] < together_s:
            continue
        if line and onset_s < line[-1][1]:
            line[-1] = (line[-1][0], onset_s, line[-1][2])
        line.append((onset_s, end_s, pitch))
    return [note for note in line if note[1] - note[0] > shortest_s]


def read_midi(path: Path, track: str | None = None) -> Notes:
    """Return the melody line of a MIDI file; unreadable files give no notes."""
    try:
        return skyline(midi_notes(mido.MidiFile(path, clip=True), track))
    except (OSError, EOFError, ValueError, KeyError, IndexError):
        return []


def read_abc(path: Path) -> Iterator[tuple[str, str, Notes]]:
    """Yield (reference number, title, notes) of each tune in an ABC file."""
    program = shutil.which("abc2midi")
    if program is None:
        raise FileNotFoundError("abc2midi is not installed; install the package abcmidi.")
    text = path.read_text(encoding="latin-1")
    with tempfile.TemporaryDirectory() as folder:
        abc, mid = Path(folder) / "tune.abc", Path(folder) / "tune.mid"
        for tune in re.split(r"(?m)^(?=X:\s*\d+)", text):
            head = re.match(r"X:\s*(\d+)", tune)
            if head is None:
                continue
            abc.write_text(tune, encoding="latin-1")
            mid.unlink(missing_ok=True)
            command = [program, abc, head[1], "-o", mid, "-silent", "-NGRA", "-NGUI"]
            subprocess.run(command, capture_output=True, check=False)
            title = re.search(r"(?m)^T:(.*)$", tune)
            if mid.exists():
                yield head[1], title[1].strip() if title else "", read_midi(mid)
