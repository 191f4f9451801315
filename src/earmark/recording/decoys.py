"""Wrong alignments made on purpose, so that a small library knows what chance can do.

A match is judged against the best of the other tracks. A library of three tracks has no others to
speak of, so its own constellations serve again, transposed by intervals that no hypothesis covers.
"""

from __future__ import annotations

import numpy as np

from earmark.ports import Numbers
from earmark.recording.params import PAGE_FRAMES
from earmark.recording.propose import Alignments
from earmark.recording.verify import Verifier

FEW_TRACKS = 60
"""Libraries of fewer tracks are given decoys."""
_DECOYS = 900
_TRACKS = 12
_TRANSPOSED = 2.0 ** (np.array([-7, -6, -5, -4, -3, 3, 4, 5, 6, 7]) / 12)  # semitones
_GOLDEN = 0.6180339887498949  # spreads offsets evenly without chance


def decoys(verifier: Verifier, known: Numbers) -> Alignments:
    """Return alignments of transposed tracks at offsets all over them, under negative numbers."""
    tracks = known[:: max(1, len(known) // _TRACKS)][:_TRACKS]
    turn = np.arange(_DECOYS)
    numbers = tracks[turn % len(tracks)]
    spans = {int(n): int(verifier.payload(int(n))[:4].view("<u4")[0]) * PAGE_FRAMES for n in tracks}
    span = np.array([spans[int(n)] for n in numbers], float)
    reach = verifier.frames / 2
    offsets = (turn * _GOLDEN % 1.0) * (span + reach) - reach
    pitch = _TRANSPOSED[turn % len(_TRANSPOSED)]
    return Alignments(-numbers, offsets, np.ones(_DECOYS), pitch, np.zeros(_DECOYS))
