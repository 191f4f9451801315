"""Wrong alignments made on purpose, so that a small library knows what chance can do.

A match is judged against the best of the other tracks. A library of three tracks has no others to
speak of, so its own constellations serve again, transposed by intervals that no hypothesis covers.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    """Return alignments of transposed tracks at offsets all over them, under negative numbers.

    There are none where nothing is known, be it that others have removed it a moment ago.
    """
    spans = dict(_spans(verifier, known[:: max(1, len(known) // _TRACKS)][:_TRACKS]))
    turn = np.arange(_DECOYS if spans else 0)
    numbers = np.array(list(spans), np.int64)[turn % max(1, len(spans))]
    span = np.array(list(spans.values()), float)[turn % max(1, len(spans))]
    reach = verifier.frames / 2
    offsets = (turn * _GOLDEN % 1.0) * (span + reach) - reach
    pitch = _TRANSPOSED[turn % len(_TRANSPOSED)]
    return Alignments(-numbers, offsets, np.ones(len(turn)), pitch, np.zeros(len(turn)))


def _spans(verifier: Verifier, tracks: Numbers) -> Iterator[tuple[int, int]]:
    """Yield tracks with their lengths in frames."""
    for number in tracks.tolist():
        try:
            pages = verifier.payload(number)[:4].view("<u4")[0]
        except KeyError:  # removed since it was known
            continue
        yield number, int(pages) * PAGE_FRAMES
