"""The check that the query is salient where the reference's constellation says it must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import verify as kernel
from earmark.ports import Payload, PostingStore
from earmark.recording.constellation import between
from earmark.recording.params import RecordingParams
from earmark.recording.propose import Alignments

EVIDENCE_SCALE = 40.0
"""Units of the int8 evidence map to one standard deviation."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Alignments with their score (standard deviations, summed over sqrt n) and peak count."""

    at: Alignments
    score: npt.NDArray[np.float64]
    count: npt.NDArray[np.int32]

    def rows(self, which: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Scored:
        """Return some of the rows."""
        return Scored(self.at.rows(which), self.score[which], self.count[which])

    @classmethod
    def joined(cls, parts: list[Scored]) -> Scored:
        """Return all rows of all parts."""
        return cls(
            Alignments.joined([p.at for p in parts]),
            np.concatenate([p.score for p in parts]),
            np.concatenate([p.count for p in parts]),
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """One alignment peak by peak: where each falls in the query, and the evidence there."""

    query_frames: npt.NDArray[np.int64]
    query_bins: npt.NDArray[np.int64]
    reference_frames: npt.NDArray[np.uint32]
    reference_bins: npt.NDArray[np.uint32]
    evidence: npt.NDArray[np.float64]


class Verifier:
    """Scores alignments of one query against the constellations of a posting store.

    Parameters
    ----------
    payloads
        Packed constellations that are at hand already, and where new ones are kept.
    """

    def __init__(
        self,
        evidence: npt.NDArray[np.int8],
        postings: PostingStore,
        params: RecordingParams,
        payloads: dict[int, Payload] | None = None,
    ) -> None:
        self._evidence = evidence
        self._postings = postings
        self._params = params
        self._payloads: dict[int, Payload] = {} if payloads is None else payloads

    @property
    def frames(self) -> int:
        """The length of the query."""
        return len(self._evidence)

    def score(self, at: Alignments, jitter_frames: int | None = None) -> Scored:
        """Score alignments, each at the best of a few frames' jitter; offsets become sub-frame."""
        query = self._params.query
        reach = query.jitter_frames if jitter_frames is None else jitter_frames
        found = self._verify(self._evidence, at, reach)
        before, here, after = found.around.T
        bend = np.minimum(before - 2 * here + after, -1e-9)
        vertex = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
        vertex[(before == 0) | (after == 0)] = 0.0
        moved = Alignments(
            at.numbers, at.offsets + found.jitter + vertex, at.time, at.pitch, at.votes
        )
        return Scored(moved, found.score / EVIDENCE_SCALE, found.counted)

    def _verify(self, cells: npt.NDArray[np.int8], at: Alignments, reach: int) -> kernel.Verified:
        numbers, which = np.unique(at.numbers, return_inverse=True)
        self.fetch(numbers.tolist())
        return kernel.verify(
            cells,
            self._params.spectrum.first_bin,
            [self.payload(int(number)) for number in numbers],
            which.astype(np.int64),
            at.offsets,
            at.time,
            at.pitch,
            reach,
            self._params.query.least_peaks,
        )

    @property
    def frame_s(self) -> float:
        """Seconds from one frame of the query to the next."""
        return self._params.spectrum.frame_s

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and bins of the evidence map."""
        return self._evidence.shape[0], self._evidence.shape[1]

    def coincidences(
        self, marks: npt.NDArray[np.int8], at: Alignments
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (peaks on a mark, peaks inside the query) of each alignment."""
        found = self._verify(marks, at, 0)
        return found.total.astype(np.float64), found.counted.astype(np.float64)

    def fetch(self, numbers: Sequence[int]) -> None:
        """Have payloads at hand, those that are missing fetched together."""
        tracks = {abs(number) for number in numbers}
        missing = sorted(tracks - self._payloads.keys())
        if missing:
            found = self._postings.payloads(missing)
            self._payloads.update(zip(missing, found, strict=True))

    def payload(self, number: int) -> Payload:
        """Return a track's packed constellation; a decoy (negative number) has its track's."""
        held = self._payloads.get(abs(number))
        if held is None:
            self.fetch([number])
            held = self._payloads[abs(number)]
        return held

    def trace(self, at: Alignments, row: int) -> Trace:
        """Return the reference's peaks that fall inside the query, with the evidence at each."""
        spectrum = self._params.spectrum
        offset, time, pitch = at.offsets[row], at.time[row], at.pitch[row]
        data = self.payload(int(at.numbers[row]))
        frames, bins = between(data, offset - time, offset + (self.frames + 1) * time)
        t = np.floor((frames - offset) / time + 0.5).astype(np.int64)
        f = np.floor((bins + spectrum.first_bin) * pitch + 0.5).astype(np.int64)
        f -= spectrum.first_bin
        inside = (t >= 0) & (t < self.frames) & (f >= 0) & (f < spectrum.bins)
        t, f = t[inside], f[inside]
        evidence = self._evidence[t, f] / EVIDENCE_SCALE
        return Trace(t, f, frames[inside], bins[inside], evidence)

    def explain_away(self, trace: Trace) -> None:
        """Blank the evidence that an alignment has used, so that only the rest can match."""
        for dt in (-1, 0, 1):
            t = np.clip(trace.query_frames + dt, 0, self.frames - 1)
            for df in (-1, 0, 1):
                f = np.clip(trace.query_bins + df, 0, self._evidence.shape[1] - 1)
                self._evidence[t, f] = np.minimum(self._evidence[t, f], 0)
