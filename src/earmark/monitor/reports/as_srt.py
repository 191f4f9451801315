"""Subtitles: while a track sounds, its name is shown over the video."""

from __future__ import annotations

from earmark.monitor.reports.rows import one_line
from earmark.monitor.timeline import Timeline


def render(timeline: Timeline) -> bytes:
    """Return the subtitles of one source; tracks that sound at once are shown at once."""
    blocks = []
    for number, detection in enumerate(timeline.detections, 1):
        start, end = srt_time(detection.start_s), srt_time(detection.end_s)
        label = one_line(detection.track.label).replace("-->", "->")
        blocks.append(f"{number}\n{start} --> {end}\n{label}\n")
    return "\n".join(blocks).encode("utf-8", "backslashreplace")


def srt_time(seconds: float) -> str:
    """Return ``hh:mm:ss,mmm``.

    >>> srt_time(3661.0625)
    '01:01:01,062'
    """
    whole, ms = divmod(round(max(0.0, seconds) * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d},{ms:03d}"
