"""Labels for Audacity (File > Import > Labels): start, end and name of each detection."""

from __future__ import annotations

from earmark.monitor.reports.rows import one_line
from earmark.monitor.timeline import Timeline


def render(timeline: Timeline) -> bytes:
    """Return the label track of one source."""
    lines = []
    for detection in timeline.detections:
        label = one_line(detection.track.label)
        lines.append(f"{detection.start_s:.6f}\t{detection.end_s:.6f}\t{label}\n")
    return "".join(lines).encode("utf-8", "backslashreplace")
