"""A cue sheet: one track where each detection begins, for players and cutters."""

from __future__ import annotations

from pathlib import PurePath

from earmark.monitor.reports.rows import one_line, title_of
from earmark.monitor.timeline import Timeline

FRAMES_PER_S = 75
_KINDS = {".mp3": "MP3", ".aif": "AIFF", ".aiff": "AIFF"}


def render(timeline: Timeline) -> bytes:
    """Return the sheet of one source; the file is named without its folder, to lie beside it."""
    file = PurePath(timeline.input).name or timeline.input
    kind = _KINDS.get(PurePath(file).suffix.lower(), "WAVE")
    lines = [f"TITLE {_quoted(PurePath(file).stem)}", f"FILE {_quoted(file)} {kind}"]
    for number, detection in enumerate(timeline.detections, 1):
        lines.append(f"  TRACK {number:02d} AUDIO")
        lines.append(f"    TITLE {_quoted(title_of(detection))}")
        if detection.track.artist:
            lines.append(f"    PERFORMER {_quoted(detection.track.artist)}")
        lines.append(f"    INDEX 01 {cue_time(detection.start_s)}")
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "backslashreplace")


def cue_time(seconds: float) -> str:
    """Return ``mm:ss:ff``; minutes go on beyond 99.

    >>> cue_time(61.5), cue_time(7200.0)
    ('01:01:37', '120:00:00')
    """
    whole, frames = divmod(int(max(0.0, seconds) * FRAMES_PER_S + 1e-6), FRAMES_PER_S)
    return f"{whole // 60:02d}:{whole % 60:02d}:{frames:02d}"


def _quoted(text: str) -> str:
    """Return a text in quotes; a cue sheet has no way to write one inside."""
    return '"' + one_line(text).replace('"', "'") + '"'
