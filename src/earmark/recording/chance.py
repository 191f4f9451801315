"""The share of a track's peaks that coincide with a source by chance, measured beside a line."""

from __future__ import annotations

import numpy as np

from earmark.recording.propose import Alignments
from earmark.recording.stream import Chunk
from earmark.recording.verify import Verifier

_AWAY_S = np.linspace(1.3, 23.0, 8)  # how far from the line, on both sides


def elsewhere(at: Alignments, chunk: Chunk, verifier: Verifier) -> float:
    """Return the mean share of peaks in a chunk that coincide at other places of the track.

    ``at`` is the line (one row): music in the same key coincides more than other music does.
    """
    away = np.concatenate([_AWAY_S, -_AWAY_S]) / verifier.frame_s
    rows = np.zeros(len(away), np.int64)
    moved = at.rows(rows)
    hits, peaks = verifier.coincidences(
        chunk.marks,
        Alignments(moved.numbers, moved.offsets + away, moved.time, moved.pitch, moved.votes),
    )
    held = peaks > 0
    return float((hits[held] / peaks[held]).mean()) if held.any() else 0.0
