"""One page that needs nothing else: waveform, coloured ranges, gaps, a table, a player."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio.fetch import is_url
from earmark.audio.waveform import measure_waveform
from earmark.errors import EarmarkError
from earmark.monitor.reports.embedding import Room
from earmark.monitor.reports.rows import title_of
from earmark.monitor.timeline import Timeline

PAGE = Path(__file__).parent / "page"
_POINTS_A_SECOND = 4.0
_FEWEST_POINTS, _MOST_POINTS = 1200, 24_000
_POINTS_OF_ALL = 600_000


def render(
    timelines: Sequence[Timeline],
    audio: Mapping[str, str],
    folder: Path,
    *,
    embed_audio: bool = False,
) -> bytes:
    """Return the page, which is to lie in ``folder``; see `forms.write` for the rest."""
    room = Room() if embed_audio else None
    most = max(_FEWEST_POINTS, min(_MOST_POINTS, _POINTS_OF_ALL // max(1, len(timelines))))
    shape = {"inputs": [_shape(one, audio, folder, room, most) for one in timelines]}
    data = json.dumps(shape, ensure_ascii=True, separators=(",", ":"))
    # Nothing that a title holds can end the script element or begin another.
    data = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    style = _read("report.css")
    script = f"{_read('words.js')}\n{_read('player.js')}\n{_read('report.js')}"
    title = timelines[0].input if len(timelines) == 1 else f"{len(timelines)} inputs"
    parts = {
        "TITLE": html.escape(title.encode("utf-8", "backslashreplace").decode("utf-8")),
        "POLICY": _policy(script, style),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": data,
    }
    # In one go: what a part holds, a file's name too, is not looked at again.
    page = re.sub("%%([A-Z]+)%%", lambda mark: parts[mark[1]], _read("report.html"))
    return page.encode("utf-8")


def _policy(script: str, style: str) -> str:
    """Return a policy under which only the page's own script and style count, and no other host."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (script, style)
    ]
    return (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "media-src 'self' file: data: blob:; base-uri 'none'; form-action 'none'"
    )


def _shape(
    timeline: Timeline, audio: Mapping[str, str], folder: Path, room: Room | None, most: int
) -> dict[str, Any]:
    source = audio.get(timeline.input, timeline.input)
    here = not is_url(source) and os.path.isfile(source)  # noqa: PTH113 - may be no path at all
    shape = timeline.as_dict()
    for detection, told in zip(timeline.detections, shape["detections"], strict=True):
        told["track"]["title"] = title_of(detection)
    return {
        **shape,
        "peaks": _peaks(source, timeline.duration_s, most) if here else "",
        "file": _beside(source, folder) if here and room is None else "",
        "audio": room.taken(source, timeline.duration_s) if here and room is not None else "",
    }


def _peaks(source: str, duration_s: float, most: int) -> str:
    """Return lowest and highest samples as signed bytes in base64; nothing where it is not heard.

    The audio is read once more: a report may be made long after the scan.
    """
    points = round(min(most, max(_FEWEST_POINTS, duration_s * _POINTS_A_SECOND)))
    if duration_s <= 0.0:
        return ""
    try:
        peaks = measure_waveform(source, duration_s, points).peaks
    except EarmarkError:
        return ""
    return base64.b64encode(np.round(peaks * 127.0).astype(np.int8).tobytes()).decode()


def _beside(source: str, folder: Path) -> str:
    """Return how the page reaches the file: a relative path with forward slashes, or nothing."""
    try:
        relative = os.path.relpath(source, folder)
    except ValueError:  # another drive
        return ""
    return relative.replace(os.sep, "/")


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")
