"""One of two sounds that are compared: its features, stored or heard now, and its audio."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.audio._source import Source, name_of, opened
from earmark.audio.fetch import FetchLimits
from earmark.audio.profile import AudioProfile, measure_profile
from earmark.audio.stream import open_blocks
from earmark.errors import (
    InputError,
    NoMediaError,
    SourceNotFoundError,
    StoppedError,
    TrackNotFoundError,
)
from earmark.indexes import Indexes
from earmark.ingest.analyse import content_of
from earmark.ingest.media import audio_file
from earmark.ingest.playlists import is_url
from earmark.ports import TrackStore
from earmark.types import Track


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of one sound: ``features`` by engine; ``profile`` is None without audio."""

    name: str
    content_id: str
    duration_s: float
    features: Mapping[str, Any]
    profile: AudioProfile | None = None
    track: Track | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listener:
    """Takes up the two sides.

    Parameters
    ----------
    names
        The engines whose features are wanted.
    stop
        Once set, `StoppedError` is raised.
    """

    indexes: Indexes
    tracks: TrackStore
    names: tuple[str, ...]
    limits: FetchLimits
    stop: threading.Event | None = None

    def heard(self, source: Source, name: str | None = None) -> Heard:
        """Return what is known of a track (by its id) or of any other sound.

        Raises
        ------
        InputError
            There is no such track or sound, or it cannot be read.
        """
        track = self._track(source)
        if track is not None:
            return self._held(track, name)
        called = name if name is not None else name_of(source)
        with _file(source, called, self.limits) as file:
            content = content_of(file, None, called)
            features, warnings = self._listen(file, called)
            profile = measure_profile(file, name=called, stop=self.stop)
        return Heard(called, content, profile.duration_s, features, profile, None, warnings)

    def _track(self, source: Source) -> Track | None:
        if not isinstance(source, str) or is_url(source):
            return None
        try:
            return self.tracks.get(source)
        except TrackNotFoundError as error:
            try:
                there = Path(source).exists()
            except (OSError, ValueError):
                there = False
            if there:
                return None
            message = f"{source!r} is neither a track of this library nor a file; check it"
            raise SourceNotFoundError(message) from error

    def _held(self, track: Track, name: str | None) -> Heard:
        """Return what is stored of a track, and its audio where its file is as it was."""
        features: dict[str, Any] = {}
        for engine_name in self.names:
            analysis = self.indexes.engine(engine_name).analysis
            for _, stored in self.tracks.features(engine_name, [track.number]):
                if stored.digest == analysis.digest:
                    features[engine_name] = analysis.unpack(stored.data)
        analyses = tuple(self.indexes.engine(one).analysis for one in self.indexes.names)
        profile: AudioProfile | None = None
        warnings: tuple[str, ...] = ()
        called = name if name is not None else track.label
        try:
            path = audio_file(track, analyses)
            profile = measure_profile(path, name=track.label, stop=self.stop)
        except StoppedError:
            raise
        except (InputError, NoMediaError) as error:
            warnings = (f"without the audio of {called}: {error.message}",)
        return Heard(called, track.content_id, track.duration_s, features, profile, track, warnings)

    def _listen(self, file: Any, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:  # noqa: ANN401
        features: dict[str, Any] = {}
        warnings: tuple[str, ...] = ()
        for engine_name in self.names:
            analysis = self.indexes.engine(engine_name).analysis
            analyser = analysis.analyser()
            with open_blocks(file, analysis.rate_hz, name=name) as stream:
                for clip in stream:
                    if self.stop is not None and self.stop.is_set():
                        message = f"{name}: stopped before it was compared"
                        raise StoppedError(message)
                    analyser.feed(clip.samples)
                warnings = stream.warnings
            # As the truth keeps them: what is heard now is compared with what was stored.
            features[engine_name] = analysis.unpack(analysis.pack(analyser.finish()))
        return features, warnings


@contextmanager
def _file(source: Source, name: str, limits: FetchLimits) -> Iterator[Any]:
    """Yield something that can be read several times: a path, or a seekable file."""
    if isinstance(source, str | Path) and not is_url(str(source)):
        yield str(source)
        return
    with opened(source, name, limits) as held:
        yield held.file
