"""The sound behind a track: its file, a stretch of it, its outline."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.library.opened import Opened

if TYPE_CHECKING:
    from earmark.audio.waveform import Waveform


class Sounds(Opened):
    """What can be heard and drawn of tracks whose files are there."""

    def audio_file(self, track_id: str) -> Path:
        """Return the file that a track's audio is read from.

        Raises
        ------
        TrackNotFoundError
            No such track.
        NoMediaError
            The track is a score, its source is a URL, or the file is gone.
        """
        from earmark.ingest.media import audio_file

        return audio_file(self._tracks.get(track_id), self._analyst().analyses)

    def waveform(
        self,
        track_id: str,
        points: int = 800,
        start_s: float = 0.0,
        end_s: float | None = None,
        *,
        stop: threading.Event | None = None,
    ) -> Waveform:
        """Return the lowest and the highest sample of each of ``points`` stretches of a track.

        Parameters
        ----------
        start_s, end_s
            Which part of it to divide; None is to its end.
        stop
            Once set, it is given up before the next half minute of sound.

        Raises
        ------
        TrackNotFoundError, NoMediaError
            No such track, or no audio of it is there: a score, a URL, a file that is gone.
        UsageError
            No such part, or points that are not 1 to 100,000.
        StoppedError
            ``stop`` was set.
        """
        from earmark.ingest.media import waveform

        path = self.audio_file(track_id)
        return waveform(self._tracks.get(track_id), path, points, start_s, end_s, stop)

    def excerpt(
        self, track_id: str, start_s: float, duration_s: float, rate_hz: int = 32_000
    ) -> bytes:
        """Return a stretch of a track as a mono WAV file of 16 bits, shorter at the track's end.

        Raises
        ------
        TrackNotFoundError, NoMediaError
            No such track, or no audio of it is there: a score, a URL, a file that is gone.
        UsageError
            Nothing sounds there, more than 60 s, or a rate that is not 4,000 to 192,000 Hz.
        """
        from earmark.ingest.media import excerpt

        path = self.audio_file(track_id)
        return excerpt(self._tracks.get(track_id), path, start_s, duration_s, rate_hz)
