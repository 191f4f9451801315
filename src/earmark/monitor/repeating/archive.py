"""All that is kept on one axis of frames: peaks, which source they are of, what is between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.monitor.repeating.peaks import SourcePeaks
from earmark.monitor.timeline import united
from earmark.recording.params import PAGE_FRAMES

BIN_BITS = 9
_EDGE_PAGES = 2
"""Pages without peaks between sources: no landmark reaches over them."""
_SOONEST_S = 480.0
"""Plays of one source this near may be one piece of music that repeats itself ..."""
_APART_S = 20.0
"""... unless so much of a known recording lies between them."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Peaks of all sources, in time order, without those that a known recording explains.

    Source k lies at frames [starts[k], starts[k + 1]), its frame 0 at ``zeros[k]``;
    ``explained`` counts, for each page, the explained frames before its end.
    """

    names: tuple[str, ...]
    frame_s: float
    starts: npt.NDArray[np.int64]
    zeros: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]
    bins: npt.NDArray[np.uint16]
    explained: npt.NDArray[np.int64]

    @classmethod
    def of(cls, sources: Sequence[SourcePeaks]) -> Archive:
        """Lay the sources one behind the other."""
        names, frames, bins = list[str](), [np.empty(0, np.int64)], [np.empty(0, np.uint16)]
        starts, zeros, marks = [0], list[int](), list[tuple[int, int]]()
        frame_s = next((s.frame_s for s in sources if s.frame_s > 0.0), 1.0)
        for source in sources:
            if not source.stretches:
                continue
            first = source.stretches[0].first
            zero = starts[-1] - first
            own = np.concatenate([s.frames for s in source.stretches]).astype(np.int64)
            own_bins = np.concatenate([s.bins for s in source.stretches])
            end = source.stretches[-1].end
            keep = np.ones(len(own), np.bool_)
            for span in united(list(source.explained)):
                begin, stop = round(span.start_s / frame_s), round(span.end_s / frame_s)
                low, high = np.searchsorted(own, (begin, stop))
                keep[low:high] = False
                begin, stop = max(begin, first), min(stop, end)
                if stop > begin:
                    marks.append((begin + zero, stop + zero))
            names.append(source.source)
            zeros.append(zero)
            frames.append(own[keep] + zero)
            bins.append(own_bins[keep])
            starts.append((-(-(end + zero) // PAGE_FRAMES) + _EDGE_PAGES) * PAGE_FRAMES)
        covered = np.zeros(starts[-1] // PAGE_FRAMES + 1)
        for begin, stop in marks:
            pages = np.arange(begin // PAGE_FRAMES, -(-stop // PAGE_FRAMES))
            covered[pages] += PAGE_FRAMES
        return cls(
            tuple(names),
            frame_s,
            np.array(starts, np.int64),
            np.array(zeros, np.int64),
            np.concatenate(frames),
            np.concatenate(bins),
            np.cumsum(np.minimum(covered, PAGE_FRAMES)).astype(np.int64),
        )

    def source(self, frame: int) -> int:
        """Return the number of the source that a frame of the axis lies in."""
        return int(np.searchsorted(self.starts, frame, side="right")) - 1

    def piece(self, start: int, end: int) -> tuple[int, int]:
        """Return the first frame, and that behind the last, that may be of one piece with it.

        A piece ends with its source, and where a known recording was played.
        """
        source = self.source(start)
        most = round(_APART_S / self.frame_s)
        before = int(self.explained[start // PAGE_FRAMES]) - most
        behind = int(self.explained[end // PAGE_FRAMES]) + most
        low = int(np.searchsorted(self.explained, before, side="right")) * PAGE_FRAMES
        high = int(np.searchsorted(self.explained, behind, side="left")) * PAGE_FRAMES
        return max(low, int(self.starts[source])), min(high, int(self.starts[source + 1]))

    def apart(
        self, early: npt.NDArray[np.int64], late: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Return whether two places cannot be of one piece of music that repeats itself.

        They lie in two sources, far from each other, or a known recording was played between.
        """
        found = late - early >= _SOONEST_S / self.frame_s
        near = np.flatnonzero(~found)
        found[near] = self.parted(early[near], late[near])
        return found

    def parted(
        self, early: npt.NDArray[np.int64], late: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Return whether two places lie in two sources or have a known recording between them."""
        between = self.explained[late // PAGE_FRAMES] - self.explained[early // PAGE_FRAMES]
        one, other = (np.searchsorted(self.starts, at, side="right") for at in (early, late))
        return np.asarray((between >= _APART_S / self.frame_s) | (one != other))
