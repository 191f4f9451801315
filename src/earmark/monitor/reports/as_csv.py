"""Detections as comma-separated values: one line a detection, a head, UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from earmark.monitor.reports.rows import DETECTION, detections, harmless
from earmark.monitor.timeline import Timeline


def render(timelines: Sequence[Timeline]) -> bytes:
    """Return the file; text that a spreadsheet would run gets an apostrophe before it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, DETECTION)
    writer.writeheader()
    for row in detections(timelines):
        writer.writerow({name: harmless(cell) for name, cell in row.items()})
    return text.getvalue().encode("utf-8", "backslashreplace")
