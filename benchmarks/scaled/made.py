"""Tracks that were never recorded: features with the statistics of real ones, ready to be stored.

What they imitate is analysed once; after that a track is three small walks and three `pack`s. The
same seed gives the same track under the same place in the row, however many are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from walk import Walk

from earmark.ingest.analyse import audio_identity
from earmark.melody.features import MelodyFeatures
from earmark.melody.tune import Tune
from earmark.ports import Analysis, NewTrack, StoredFeatures
from earmark.recording.constellation import Constellation
from earmark.recording.params import RecordingParams
from earmark.sound.features import SoundFeatures
from earmark.sound.params import SoundParams

CHUNK = 512
"""Tracks made at a time."""
SOURCES = "/music/synthetic/"
"""What the sources of made tracks begin with."""
_NOTES = 4
"""Real notes in a row; then other ones, in another key."""
_LEAST_PEAKS = 500
_ADDED = 4_000_000


@dataclass(frozen=True)
class Shape:
    """How much there is of each track: its length, of singing, and of windows of sound."""

    minutes: float = 4.0
    sung_s: float = 20.0
    sound_windows: int = 4


@dataclass(frozen=True)
class Real:
    """What real tracks were analysed to, with the digests that stand for how."""

    constellations: Sequence[Constellation]
    tunes: Sequence[Tune]
    sounds: Sequence[SoundFeatures]


class Maker:
    """Makes tracks after real ones.

    Parameters
    ----------
    analyses
        The library's, by name: what packs features, and the digests they are stored under.
    """

    def __init__(
        self, real: Real, analyses: Mapping[str, Analysis[Any]], shape: Shape, seed: int
    ) -> None:
        params = RecordingParams()
        self._packers = {name: (one.digest, one.pack) for name, one in analyses.items()}
        self._shape = shape
        self._seed = seed
        self._frames = int(shape.minutes * 60.0 / params.spectrum.frame_s)
        heard = [one for one in real.constellations if len(one.frames)]
        rich = [one for one in heard if len(one.frames) > _LEAST_PEAKS] or heard
        self._walk = Walk.of(rich, params.spectrum.bins)
        self._notes = _notes(real.tunes)
        self._vectors = np.concatenate([one.vectors for one in real.sounds])
        self._timbres = np.concatenate([one.timbres for one in real.sounds])
        self._labels = np.concatenate([one.labels for one in real.sounds])
        self._likely = np.concatenate([one.likely for one in real.sounds])

    def chunks(self, start: int, stop: int) -> Iterator[list[NewTrack]]:
        """Yield the tracks from place ``start`` to ``stop``, a chunk at a time."""
        for first in range(start - start % CHUNK, stop, CHUNK):
            made = self.chunk(first // CHUNK)
            yield made[max(0, start - first) : stop - first]

    def chunk(self, index: int) -> list[NewTrack]:
        """Return one chunk of tracks."""
        rng = np.random.default_rng([self._seed, index])
        stars = self._walk.tracks(CHUNK, self._frames, rng)
        return [
            self._track(index * CHUNK + at, one, self._tune(rng), self._sound(rng))
            for at, one in enumerate(stars)
        ]

    def _track(
        self, place: int, stars: Constellation, tune: Tune, sound: SoundFeatures
    ) -> NewTrack:
        made = {"recording": stars, "melody": MelodyFeatures(tune), "sound": sound}
        features = {
            name: StoredFeatures(digest, pack(made[name]))
            for name, (digest, pack) in self._packers.items()
        }
        name = f"{self._seed}/{place // 1000:06d}/{place:09d}"
        return NewTrack(
            source=f"{SOURCES}{name}.flac",
            content_id=hashlib.sha256(f"synthetic {name}".encode()).hexdigest(),
            audio_id=audio_identity(features),
            duration_s=self._shape.minutes * 60.0,
            features=features,
            size_bytes=_ADDED + place,
            modified_ns=1_700_000_000_000_000_000 + place,
            title=f"Synthetic track {place}",
            artist=f"Artist {place % 9973}",
            album=f"Album {place // 12}",
            tags=("synthetic",),
        )

    def _tune(self, rng: np.random.Generator) -> Tune:
        gaps, lengths, steps = self._notes
        runs = int(self._shape.sung_s / max(0.05, _NOTES * float(gaps.mean()))) + 1
        at = rng.integers(len(gaps) - _NOTES, size=runs)[:, None] + np.arange(_NOTES)
        at = at.ravel()
        onset = np.concatenate(([0.0], np.cumsum(gaps[at])[:-1]))
        length = np.minimum(lengths[at], gaps[at])
        # Real steps, folded into a singer's two octaves.
        pitch = 48.0 + np.abs((np.cumsum(steps[at]) + rng.uniform(0.0, 24.0)) % 48.0 - 24.0)
        keep = onset < self._shape.sung_s
        columns = (onset[keep], length[keep], pitch[keep])
        return Tune(*(column.astype(np.float32) for column in columns))

    def _sound(self, rng: np.random.Generator) -> SoundFeatures:
        """Return windows that each lie off a real one, in the direction from one real to another.

        Their mean and their principal components are those of the real windows.
        """
        count, held = self._shape.sound_windows, len(self._vectors)
        one, two, three = rng.integers(held, size=(3, count))
        off = rng.uniform(0.2, 0.6, size=(count, 1)).astype(np.float32)
        return SoundFeatures(
            start_s=(5.0 * np.arange(count)).astype(np.float32),
            length_s=np.full(count, SoundParams().windows.window_s, np.float32),
            vectors=self._vectors[one] + off * (self._vectors[two] - self._vectors[three]),
            timbres=self._timbres[one] + off * (self._timbres[two] - self._timbres[three]),
            labels=self._labels[one],
            likely=self._likely[one],
        )


def _notes(tunes: Sequence[Tune]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the time to the next note, the length and the step of every real note in order."""
    sung = [tune for tune in tunes if len(tune) > _NOTES]
    gaps = [np.diff(tune.onset_s, append=tune.end_s).clip(0.05, 4.0) for tune in sung]
    steps = [np.diff(tune.semitones, prepend=tune.semitones[0]) for tune in sung]
    lengths = [tune.length_s for tune in sung]
    if not sung:  # nothing sings in this music: a scale does instead
        return np.full(64, 0.4), np.full(64, 0.35), np.resize([2.0, 2.0, -1.0, 2.0, -5.0], 64)
    joined = (np.concatenate(column).astype(np.float64) for column in (gaps, lengths, steps))
    gap, length, step = joined
    return gap, length, step
