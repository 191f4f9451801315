"""Timelines as JSON: all that was found, as the service tells it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from earmark.monitor.timeline import Timeline


def render(timelines: Sequence[Timeline]) -> bytes:
    """Return an array of timelines."""
    shape = [timeline.as_dict() for timeline in timelines]
    text = json.dumps(shape, ensure_ascii=False, indent=1)
    return f"{text}\n".encode("utf-8", "backslashreplace")
