"""What a scan has found so far, and where it may go on from if it is cut off here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from earmark.monitor.scanning_shapes import detection_of, detection_shape, gap_of
from earmark.monitor.timeline import Gap
from earmark.ports import Detection
from earmark.types import Span

_TOUCHING_S = 0.05


@dataclass(slots=True)
class Found:
    """Detections and gaps in the order in which they were told.

    ``growing`` is the gap that went on where an earlier run was cut off.
    """

    detections: list[Detection] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    growing: Gap | None = None

    def checkpoint(self, settled_s: float, growing: Gap | None = None) -> dict[str, Any]:
        """Return what `resumed` makes the same of; ``growing`` is a gap that is not over."""
        gaps = self.gaps if growing is None else [*self.gaps, growing]
        return {
            "settled_s": settled_s,
            "detections": [detection_shape(one) for one in self.detections],
            "gaps": [
                {"kind": gap.kind, "start_s": gap.span.start_s, "end_s": gap.span.end_s}
                for gap in gaps
            ],
        }

    @classmethod
    def resumed(cls, checkpoint: Mapping[str, Any]) -> tuple[Found, float]:
        """Return what is certain of a checkpoint, and the second to go on from.

        What begins from there on is dropped, for it will be found again; a detection that lies
        across is found again as a whole.
        """
        settled_s = float(checkpoint["settled_s"])
        detections = sorted(
            (detection_of(shape) for shape in checkpoint["detections"]),
            key=lambda detection: -detection.start_s,
        )
        for detection in detections:
            if detection.start_s < settled_s < detection.end_s:
                settled_s = detection.start_s
        kept = [one for one in detections if one.end_s <= settled_s]
        gaps = []
        for gap in map(gap_of, checkpoint["gaps"]):
            end_s = min(gap.span.end_s, settled_s)
            if end_s > gap.span.start_s:
                gaps.append(Gap(gap.kind, Span(gap.span.start_s, end_s)))
        # The last one may go on: it is told once it is over.
        going_on = bool(gaps) and settled_s - gaps[-1].span.end_s < _TOUCHING_S
        growing = gaps.pop() if going_on else None
        return cls(kept[::-1], gaps, growing), settled_s

    def ordered(self) -> tuple[tuple[Detection, ...], tuple[Gap, ...]]:
        """Return both in the order of time."""
        detections = sorted(self.detections, key=lambda one: (one.start_s, one.end_s))
        return tuple(detections), tuple(sorted(self.gaps, key=lambda gap: gap.span.start_s))
