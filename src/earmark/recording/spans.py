"""Which part of the query an alignment explains: the stretch of greatest surplus evidence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.recording.params import SpectrumParams
from earmark.recording.verify import Trace
from earmark.types import Segment, Span

_BIN_S = 0.25
_EDGE_S = 1.0  # nearer than this to an edge of the query, a stretch is taken to reach it


def best_stretch(trace: Trace, query_frames: int, frame_s: float) -> tuple[float, float] | None:
    """Return (start_s, end_s) in the query, or None when nothing speaks for the alignment.

    Evidence less a bias is summed in quarter seconds; the best run is that of greatest sum. The
    bias is half of what the better quarters reach, so that a weak alignment is not cut and a
    strong one does not spread into music that only happens to agree.
    """
    duration_s = query_frames * frame_s
    bins = max(1, int(np.ceil(duration_s / _BIN_S)))
    cell = np.minimum((trace.query_frames * frame_s / _BIN_S).astype(np.int64), bins - 1)
    total = np.bincount(cell, trace.evidence, bins)
    count = np.bincount(cell, minlength=bins)
    heard = count > 0
    if not heard.any():
        return None
    level = float(np.quantile(total[heard] / count[heard], 0.75))
    start, stop = greatest_run(total - max(0.3, 0.5 * level) * count)
    if stop <= start:
        return None
    start_s, end_s = start * _BIN_S, min(duration_s, stop * _BIN_S)
    start_s = 0.0 if start_s < _EDGE_S else start_s
    return start_s, duration_s if duration_s - end_s < _EDGE_S else end_s


def greatest_run(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return [start, stop) of the contiguous run of greatest sum (Bentley 1984).

    >>> greatest_run(np.array([-1.0, 2.0, -0.5, 3.0, -4.0]))
    (1, 4)
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lowest = np.minimum.accumulate(sums)
    stop = int(np.argmax(sums - lowest))
    start = int(np.argmin(sums[: stop + 1]))
    return start, stop


def segment(
    start_s: float, end_s: float, offset_frames: float, time_ratio: float, params: SpectrumParams
) -> Segment:
    """Return the aligned pair; a reference cannot begin before its first sample."""
    reference_s = offset_frames * params.frame_s + start_s * time_ratio
    if reference_s < 0.0:
        start_s = min(end_s, start_s - reference_s / time_ratio)
        reference_s = 0.0
    reference = Span(reference_s, reference_s + (end_s - start_s) * time_ratio)
    return Segment(Span(start_s, end_s), reference)
