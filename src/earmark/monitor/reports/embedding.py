"""Audio inside a report: as it is where browsers play it and it is small, else as a small MP3."""

from __future__ import annotations

import base64
from pathlib import Path

from earmark.audio.small import KBPS, as_mp3
from earmark.errors import UsageError

MOST_BYTES = 20_000_000
_PLAYED = {
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}


class Room:
    """What is left of the bytes that one report may hold."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._left = most_bytes

    def taken(self, source: str, duration_s: float) -> str:
        """Return the audio of a file as a data address.

        Raises
        ------
        UsageError
            It is too long for what is left.
        InputError
            It cannot be read.
        """
        path = Path(source)
        kind = _PLAYED.get(path.suffix.lower())
        size = path.stat().st_size
        if kind is not None and size <= self._left:
            self._left -= size
            return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        fitting = [kbps for kbps in KBPS if kbps * 125.0 * duration_s < 0.98 * self._left]
        if not fitting:
            message = (
                f"{source!r} is too long to be embedded in a report of {self._most / 1e6:g} MB; "
                "leave --embed-audio out and keep the file beside the report"
            )
            raise UsageError(message)
        data = as_mp3(source, max(fitting))
        self._left -= len(data)
        return f"data:audio/mpeg;base64,{base64.b64encode(data).decode()}"
