"""Queries from tracks: excerpts that hold music, each spoilt in every way at every length."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.audio.decode import decode
from earmark.errors import InputError
from earmark.evaluation.degrade import degrade, source_length_s, time_ratio
from earmark.evaluation.noise import RATE_HZ, NoiseBank
from earmark.types import Clip, Samples

_HEARD_S = 900.0  # excerpts come from the first quarter of an hour
_HELD_S = 3600.0  # of decoded audio in memory at a time
_LEAST_RMS = 0.01
_QUIET_RMS, _QUIET_SHARE = 0.003, 0.2  # tenths of a second below -50 dBFS; how many are allowed
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Clean source of one query a condition: ``samples`` at 16 kHz from ``start_s`` of ``source``.

    ``index`` tells the excerpts of one length apart.
    """

    source: Path
    start_s: float
    length_s: float
    index: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Query:
    """One question and its true answer: query second t is ``offset_s + t * time_ratio`` of it.

    ``positive`` tells whether ``source`` is in the library.
    """

    clip: Clip
    condition: str
    length_s: float
    source: Path
    offset_s: float
    time_ratio: float
    positive: bool


def choose(
    tracks: Sequence[Path], lengths_s: Sequence[float], count: int, seed: int, role: str
) -> list[Excerpt]:
    """Return ``count`` excerpts of each length, spread over the tracks, none of them near silence.

    Tracks that cannot be read, that are too short or that are silent
    are passed over; where nothing is left, fewer excerpts come back.

    Parameters
    ----------
    tracks
        Files to cut from; each gives as few excerpts of a length as ``count`` allows.
    lengths_s
        Query lengths in seconds; an excerpt is a little longer, for conditions that play faster.
    count
        Excerpts of each length.
    seed, role
        Decide the choice, together with the length.
    """
    wanted = [list(_randomly(tracks, seed, role, length_s)) for length_s in lengths_s]
    chosen: list[Excerpt] = []
    left = [count] * len(lengths_s)
    tracks_held = _Held()
    for turn in range(count + len(tracks)):
        for which, length_s in enumerate(lengths_s):
            if left[which] == 0 or not wanted[which]:
                continue
            source = wanted[which][turn % len(wanted[which])]
            track = tracks_held.samples(source)
            random = _random(seed, role, length_s, turn)
            start = _musical_start(track, source_length_s(length_s), random)
            if start is None:
                continue
            cut = track[start : start + _samples(source_length_s(length_s))].copy()
            chosen.append(Excerpt(source, start / RATE_HZ, length_s, count - left[which], cut))
            left[which] -= 1
    return chosen


def spoilt(
    excerpts: Sequence[Excerpt],
    conditions: Sequence[str],
    bank: NoiseBank,
    seed: int,
    *,
    positive: bool,
) -> Iterator[Query]:
    """Yield every excerpt under every condition, made when asked for."""
    for excerpt in excerpts:
        for condition in conditions:
            random = _random(seed, positive, excerpt.length_s, excerpt.index, condition)
            samples = degrade(excerpt.samples, condition, excerpt.length_s, bank, random)
            yield Query(
                clip=Clip(samples, RATE_HZ),
                condition=condition,
                length_s=excerpt.length_s,
                source=excerpt.source,
                offset_s=excerpt.start_s,
                time_ratio=time_ratio(condition),
                positive=positive,
            )


def _randomly(tracks: Sequence[Path], seed: int, role: str, length_s: float) -> Iterator[Path]:
    for index in _random(seed, role, length_s).permutation(len(tracks)):
        yield tracks[int(index)]


class _Held:
    """Decoded tracks, thrown out together when there is an hour of them."""

    def __init__(self) -> None:
        self._tracks: dict[Path, Samples] = {}

    def samples(self, source: Path) -> Samples:
        """Return a track's samples, none where it cannot be read."""
        if source not in self._tracks:
            if sum(map(len, self._tracks.values())) > _HELD_S * RATE_HZ:
                self._tracks.clear()
            try:
                heard = decode(source, RATE_HZ, duration_s=_HEARD_S).clip.samples
            except InputError:
                heard = np.empty(0, np.float32)
            self._tracks[source] = heard
        return self._tracks[source]


def _musical_start(samples: Samples, needed_s: float, random: np.random.Generator) -> int | None:
    """Return the first sample of a stretch that is neither silent nor full of pauses, or None."""
    needed = _samples(needed_s)
    if len(samples) < needed:
        return None
    for _ in range(_ATTEMPTS):
        start = int(random.integers(0, len(samples) - needed + 1))
        stretch = samples[start : start + needed]
        tenths = stretch[: needed // 1600 * 1600].reshape(-1, 1600)
        rms = np.sqrt(np.mean(np.square(tenths), axis=1))
        loud = float(np.sqrt(np.mean(np.square(stretch)))) > _LEAST_RMS
        if loud and float(np.mean(rms < _QUIET_RMS)) < _QUIET_SHARE:
            return start
    return None


def _samples(seconds: float) -> int:
    return int(seconds * RATE_HZ) + 1


def _random(seed: int, *key: object) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32("|".join(map(str, key)).encode())])
