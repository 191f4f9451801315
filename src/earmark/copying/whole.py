"""All that a library holds of a track, and the checksum over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from earmark.errors import TrackNotFoundError
from earmark.ingest.analyse import audio_identity
from earmark.ports import NewTrack, StoredFeatures, TrackStore
from earmark.types import Track

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class WholeTrack:
    """A track with everything that belongs to it; ``features`` go by the engine's name."""

    track: Track
    size_bytes: int
    modified_ns: int
    cover: bytes | None
    features: Mapping[str, StoredFeatures]

    @property
    def held_bytes(self) -> int:
        """The bytes of its features and its cover."""
        return sum(len(item.data) for item in self.features.values()) + len(self.cover or b"")

    def new_track(self) -> NewTrack:
        """Return it as it is to be put into another library, under its id."""
        track = self.track
        return NewTrack(
            source=track.source,
            content_id=track.content_id,
            audio_id=audio_identity(self.features),
            duration_s=track.duration_s,
            features=self.features,
            size_bytes=self.size_bytes,
            modified_ns=self.modified_ns,
            title=track.title,
            artist=track.artist,
            album=track.album,
            tags=track.tags,
            extra=track.extra,
            cover=self.cover,
            track_id=track.id,
            added_at=track.added_at,
        )

    def fingerprint(self, engines: Iterable[str]) -> bytes:
        """Return the sha256 over all of it, with the features of ``engines`` alone."""
        digest = hashlib.sha256()
        said = self.track.as_dict() | {"size": self.size_bytes, "modified": self.modified_ns}
        digest.update(json.dumps(said, sort_keys=True).encode())
        parts = [("cover", "", self.cover)] if self.cover is not None else []
        for name in sorted(engines):
            item = self.features.get(name)
            if item is not None:
                parts.append((name, item.digest, item.data))
        for name, made_with, data in parts:
            digest.update(f"\0{name}\0{made_with}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.digest()


class Many(Protocol):
    """Asks the same of several things and returns the answers in their order."""

    def __call__(self, ask: Callable[[T], R], things: Iterable[T], /) -> Iterable[R]:
        """Return the answers."""


def one_by_one(ask: Callable[[T], R], things: Iterable[T], /) -> Iterable[R]:
    """Ask of one thing after the other."""
    return map(ask, things)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two libraries: its tracks, what messages call it, and whose features it may hold.

    ``many`` asks for several things, in order; where each is a request over the network, at once.
    """

    tracks: TrackStore
    address: str
    engines: Sequence[str]
    many: Many = one_by_one

    def whole(self, some: Sequence[Track]) -> list[WholeTrack]:
        """Return those of ``some`` whole that were there all the while they were read."""
        numbers = sorted({track.number for track in some})
        features: dict[int, dict[str, StoredFeatures]] = {number: {} for number in numbers}
        for engine in self.engines:
            for number, item in self.tracks.features(engine, numbers):
                features[number][engine] = item
        states = self.states(some)
        found = [
            WholeTrack(track, *states.get(track.id, (-1, -1)), cover, features[track.number])
            for track, cover in zip(some, self.many(self._cover, some), strict=True)
        ]
        # What was removed meanwhile may have been read by half.
        now = self.tracks.by_number(numbers)
        still = {(one.id, number) for number, holders in now.items() for one in holders}
        return [whole for whole in found if (whole.track.id, whole.track.number) in still]

    def states(self, some: Iterable[Track]) -> dict[str, tuple[int, int]]:
        """Return the size and the time of the files of tracks, by the tracks' ids."""
        contents = sorted({track.content_id for track in some})
        found = (
            state for states in self.many(self.tracks.by_content, contents) for state in states
        )
        return {state.track_id: (state.size_bytes, state.modified_ns) for state in found}

    def held(self, ids: Sequence[str]) -> dict[str, Track]:
        """Return those of the tracks that are there, by their ids."""
        return {track.id: track for track in self.many(self._get, ids) if track is not None}

    def _get(self, track_id: str) -> Track | None:
        try:
            return self.tracks.get(track_id)
        except TrackNotFoundError:
            return None

    def _cover(self, track: Track) -> bytes | None:
        try:
            return self.tracks.cover(track.id)
        except TrackNotFoundError:
            return None
