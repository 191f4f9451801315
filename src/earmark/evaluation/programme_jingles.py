"""The jingles of a programme: which, when, how loud, and where they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from earmark.audio.decode import decode
from earmark.errors import InputError
from earmark.evaluation.noise import RATE_HZ
from earmark.evaluation.programme_mix import Layer
from earmark.evaluation.programme_sound import levelled
from earmark.evaluation.programme_truth import Jingle
from earmark.types import Samples, Span

LEAST_RMS = 0.003
"""Music quieter than that is passed over."""
_DECODED_S = 600.0  # no more of a file is read
_LEAST_S, _LONGEST_S = 5.0, 30.0
_SHORT_S, _SHORT_PROGRAMME_S = 8.0, 600.0  # programmes shorter than that have short jingles
_LEVEL_DBFS, _SPREAD_DB = -18.0, 3.0
_PLAYS = (3, 6)
_ATTEMPTS = 50


def decoded(path: Path) -> Samples:
    """Return the first ten minutes of a file, nothing of one that cannot be read."""
    try:
        return decode(path, RATE_HZ, duration_s=_DECODED_S).clip.samples
    except InputError:
        return np.zeros(0, np.float32)


@dataclass(slots=True)
class _Planted:
    id: str
    source: str
    samples: Samples
    plays: list[Span] = field(default_factory=list)


class Jingles:
    """``count`` jingles, each due three to six times over ``total`` samples."""

    def __init__(
        self, files: Sequence[Path], count: int, total: int, rng: np.random.Generator
    ) -> None:
        self._rng, self._total = rng, total
        self._planted: list[_Planted] = []
        self._due: list[tuple[int, _Planted]] = []
        for index in range(count if files else 0):
            path = files[index % len(files)]
            samples = self._cut(decoded(path))
            if len(samples) == 0:
                continue
            jingle = _Planted(f"jingle-{index}", str(path), samples)
            self._planted.append(jingle)
            plays = int(rng.integers(_PLAYS[0], _PLAYS[1] + 1))
            for play in range(plays):
                low, high = (total * (play + part) / (plays + 0.5) for part in (0.0, 0.6))
                self._due.append((int(rng.uniform(low, high)), jingle))
        self._due.sort(key=lambda due: due[0])

    def next(self, at: int) -> Layer | None:
        """Return the jingle that is due by sample ``at``, to be played there; or None."""
        if not self._due or self._due[0][0] > at:
            return None
        _, jingle = self._due.pop(0)
        gain_db = self._rng.uniform(-_SPREAD_DB, _SPREAD_DB)
        samples = jingle.samples * np.float32(10.0 ** (gain_db / 20.0))
        layer = Layer("jingle", at, samples, 0.02, 0.02)
        if layer.end <= self._total:
            jingle.plays.append(layer.span)
        return layer

    def played(self) -> tuple[Jingle, ...]:
        """Return what was played in whole."""
        return tuple(
            Jingle(one.id, one.source, tuple(one.plays)) for one in self._planted if one.plays
        )

    def _cut(self, heard: Samples) -> Samples:
        """Return 5 to 30 s that are not silent; nothing where there are none."""
        short = self._total < _SHORT_PROGRAMME_S * RATE_HZ
        wanted_s = self._rng.uniform(_LEAST_S, _SHORT_S if short else _LONGEST_S)
        n = min(int(wanted_s * RATE_HZ), len(heard))
        for _ in range(_ATTEMPTS if n >= _LEAST_S * RATE_HZ else 0):
            start = int(self._rng.integers(len(heard) - n + 1))
            cut = heard[start : start + n]
            if float(np.mean(np.square(cut))) > LEAST_RMS**2:
                return levelled(cut, _LEVEL_DBFS)
        return np.zeros(0, np.float32)
