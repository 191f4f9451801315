"""What a generated programme really plays: the records, their JSON, nothing else.

A track is *there* from where it starts to where it ends, fades included. A tenth of a second of it
must be *heard* - it counts for recall - where all of these hold:

- its fade is at -20 dB or above;
- it is not more than 15 dB below the sum of all other sounds, both taken over the second around;
- it is not below -60 dBFS over that second itself (a pause, a quiet end).

Holes of less than a second are closed, stretches of less than a second are left out.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earmark.types import Span

LEAST_FADE_DB = -20.0
LEAST_OVER_OTHERS_DB = -15.0
LEAST_LEVEL_DBFS = -60.0

Sort = Literal["music", "speech", "silence", "other"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds of the programme that must be heard, and under what condition."""

    span: Span
    condition: str


@dataclass(frozen=True, slots=True)
class Played:
    """One time that a track is played.

    ``line`` holds (programme second, track second) where it starts, where its speed changes and
    where it ends; between them it is straight. ``effect`` is what was done to all of it.
    ``known`` tells whether the track is in the library.
    """

    source: str
    known: bool
    effect: str
    line: tuple[tuple[float, float], ...]
    heard: tuple[Stretch, ...] = ()

    @property
    def span(self) -> Span:
        """Where it is there."""
        return Span(self.line[0][0], self.line[-1][0])

    @property
    def heard_span(self) -> Span | None:
        """From the first to the last second that must be heard, if any must be."""
        if not self.heard:
            return None
        return Span(self.heard[0].span.start_s, self.heard[-1].span.end_s)

    @property
    def time_ratio(self) -> float:
        """Track seconds a programme second, over all of it."""
        (start_s, first_s), (end_s, last_s) = self.line[0], self.line[-1]
        return (last_s - first_s) / (end_s - start_s)

    def reference_s(self, at_s: float) -> float:
        """Return which second of the track is played at a second of the programme."""
        index = bisect_right(self.line, at_s, key=lambda knot: knot[0])
        index = min(max(index, 1), len(self.line) - 1)
        (start_s, first_s), (end_s, last_s) = self.line[index - 1 : index + 1]
        return first_s + (at_s - start_s) * (last_s - first_s) / (end_s - start_s)


@dataclass(frozen=True, slots=True)
class Jingle:
    """A stretch of music that is in no library, and every time it is played."""

    id: str
    source: str
    plays: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Alone:
    """A stretch in which nothing of the library is there, and one sort of sound only."""

    kind: Sort
    span: Span


@dataclass(frozen=True, slots=True)
class Truth:
    """All that a programme holds, in the order of time.

    ``beside`` are the plays of speech and noise: excerpts of a few recordings, so that the same
    seconds may come several times.
    """

    style: str
    seed: int
    duration_s: float
    played: tuple[Played, ...] = ()
    jingles: tuple[Jingle, ...] = ()
    alone: tuple[Alone, ...] = ()
    beside: tuple[Played, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "style": self.style,
            "seed": self.seed,
            "duration_s": self.duration_s,
            "played": [_play_shape(one) for one in self.played],
            "jingles": [
                {"id": one.id, "source": one.source, "plays": [_pair(p) for p in one.plays]}
                for one in self.jingles
            ],
            "alone": [[one.kind, *_pair(one.span)] for one in self.alone],
            "beside": [_play_shape(one) for one in self.beside],
        }

    @classmethod
    def from_dict(cls, shape: Mapping[str, Any]) -> Truth:
        """Make it again from its JSON shape."""
        return cls(
            style=shape["style"],
            seed=shape["seed"],
            duration_s=shape["duration_s"],
            played=tuple(_play(one) for one in shape["played"]),
            jingles=tuple(
                Jingle(one["id"], one["source"], tuple(Span(*play) for play in one["plays"]))
                for one in shape["jingles"]
            ),
            alone=tuple(Alone(kind, Span(start, end)) for kind, start, end in shape["alone"]),
            beside=tuple(_play(one) for one in shape.get("beside", ())),
        )

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what `save` wrote."""
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))


def _play_shape(one: Played) -> dict[str, Any]:
    return {
        "source": one.source,
        "known": one.known,
        "effect": one.effect,
        "line": [[round(at, 4) for at in knot] for knot in one.line],
        "heard": [[*_pair(s.span), s.condition] for s in one.heard],
    }


def _play(shape: Mapping[str, Any]) -> Played:
    return Played(
        shape["source"],
        shape["known"],
        shape["effect"],
        tuple((at_s, track_s) for at_s, track_s in shape["line"]),
        tuple(Stretch(Span(start, end), name) for start, end, name in shape["heard"]),
    )


def _pair(span: Span) -> list[float]:
    return [round(span.start_s, 4), round(span.end_s, 4)]
