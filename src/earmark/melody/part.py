"""A score's parts before one is chosen: notes in seconds, and the one voice that they come to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from earmark.melody.tune import Tune, empty

TOGETHER_S = 0.030
"""Notes that begin within this time are one chord; its highest note is the tune's."""
SHORTEST_S = 0.020
"""Shorter notes are grace notes and slips of the hand."""

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """One track, channel or staff: parallel float64 arrays of shape (n,), onsets ascending.

    ``start_s`` and ``end_s`` are seconds, ``semitones`` MIDI note numbers. ``program`` is the
    General MIDI instrument (0-127), or -1 where none is named.
    """

    index: int
    name: str
    start_s: Column
    end_s: Column
    semitones: Column
    program: int = -1

    def __len__(self) -> int:
        return len(self.start_s)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a score file holds; ``sung_s`` are the times of its syllables (karaoke).

    ``unpitched`` counts notes that no tune can be made of: drums and other percussion.
    """

    parts: tuple[Part, ...]
    title: str = ""
    composer: str = ""
    sung_s: Column = field(default_factory=lambda: np.zeros(0))
    unpitched: int = 0


def part_of(index: int, name: str, notes: list[tuple[float, float, float]], program: int) -> Part:
    """Return the part of ``notes``, each (start in s, end in s, MIDI note number), any order."""
    start_s, end_s, semitones = np.array(sorted(notes), np.float64).reshape(-1, 3).T
    return Part(index, name, start_s, end_s, semitones, program)


def skyline(part: Part) -> Tune:
    """Return a part as one voice: the highest of notes that begin together, each until the next.

    >>> chord = [(0.0, 2.0, 60.0), (0.01, 2.0, 67.0), (1.0, 2.0, 62.0)]
    >>> tune = skyline(part_of(0, "", chord, -1))
    >>> tune.semitones.tolist(), [round(length, 2) for length in tune.length_s.tolist()]
    ([67.0, 62.0], [0.99, 1.0])
    """
    kept: list[int] = []
    begun_s = -np.inf
    for index, start_s in enumerate(part.start_s):
        if part.end_s[index] - start_s < SHORTEST_S:
            continue
        if start_s - begun_s > TOGETHER_S:
            begun_s = start_s
            kept.append(index)
        elif part.semitones[index] > part.semitones[kept[-1]]:
            kept[-1] = index
    if not kept:
        return empty()
    start_s = part.start_s[kept]
    length_s = np.minimum(part.end_s[kept], np.append(start_s[1:], np.inf)) - start_s
    heard = length_s >= SHORTEST_S
    return Tune(
        start_s[heard].astype(np.float32),
        length_s[heard].astype(np.float32),
        part.semitones[kept][heard].astype(np.float32),
    )
