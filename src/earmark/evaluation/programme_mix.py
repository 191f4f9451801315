"""Adds layers of sound as time goes on, in bounded memory, and finds out what can be heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from earmark.evaluation.noise import RATE_HZ
from earmark.evaluation.programme_sound import Line
from earmark.evaluation.programme_truth import (
    LEAST_FADE_DB,
    LEAST_LEVEL_DBFS,
    LEAST_OVER_OTHERS_DB,
    Alone,
    Played,
    Sort,
    Stretch,
)
from earmark.types import Samples, Span

Role = Literal["song", "unknown", "jingle", "speech", "noise"]
FRAME = RATE_HZ // 10
_FRAME_S = FRAME / RATE_HZ
_SECOND = 11  # frames of a level: the one it is for and half a second on both sides
_LEAST_FRAMES = 10  # shorter stretches are left out, shorter holes closed
_LEAST_ALONE_S = 2.0
_KINDS: dict[Role, Sort] = {
    "song": "music",
    "unknown": "music",
    "jingle": "music",
    "speech": "speech",
    "noise": "other",
}
_Mask = npt.NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Layer:
    """One sound from ``start`` (samples) on; what is added is ``samples`` times its fades.

    ``power`` and ``fade_db`` are kept for every tenth of a second when the samples are gone.
    ``over`` names other conditions for stretches of it (seconds of the programme).
    """

    role: Role
    start: int
    samples: Samples
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    source: str = ""
    effect: str = ""
    lines: tuple[Line, ...] = ()
    over: list[Stretch] = field(default_factory=list)
    length: int = 0
    power: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    fade_db: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        self.length = len(self.samples)
        gains = self._gains()
        self.samples = self.samples * gains
        first = self.start // FRAME
        lead = self.start - first * FRAME
        frames = -(-(lead + self.length) // FRAME)
        padded = np.pad(np.square(self.samples), (lead, frames * FRAME - lead - self.length))
        self.power = padded.reshape(frames, FRAME).mean(axis=1)
        middles = np.clip((np.arange(frames) + 0.5) * FRAME - lead, 0, self.length - 1)
        self.fade_db = (20.0 * np.log10(gains[middles.astype(np.int64)] + 1e-6)).astype(np.float32)

    @property
    def end(self) -> int:
        """The first sample after it."""
        return self.start + self.length

    @property
    def span(self) -> Span:
        """Where it is, in seconds."""
        return Span(self.start / RATE_HZ, self.end / RATE_HZ)

    @property
    def first_frame(self) -> int:
        """The tenth of a second that it begins in."""
        return self.start // FRAME

    def _gains(self) -> Samples:
        """Fades of equal power."""
        gains = np.ones(self.length, np.float32)
        rising = min(int(self.fade_in_s * RATE_HZ), self.length)
        falling = min(int(self.fade_out_s * RATE_HZ), self.length)
        if rising:
            gains[:rising] *= np.sin(np.linspace(0.0, np.pi / 2, rising, dtype=np.float32))
        if falling:
            gains[-falling:] *= np.cos(np.linspace(0.0, np.pi / 2, falling, dtype=np.float32))
        return gains


class Mixer:
    """Adds layers, which may be placed in any order from where it has come to.

    Attributes
    ----------
    layers
        Everything that was placed; the samples of what is over are let go.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._at = 0
        self.layers: list[Layer] = []

    def place(self, layer: Layer) -> None:
        """Add a layer; it may not begin before what was mixed already."""
        if layer.start < self._at:
            message = f"a layer from sample {layer.start} on, but {self._at} are mixed"
            raise ValueError(message)
        self.layers.append(layer)

    def mixed(self, until: int) -> Iterator[Samples]:
        """Yield what lies before ``until`` (samples), some seconds at a time."""
        until = min(until, self._total)
        while self._at < until:
            end = min(until, self._at + 10 * RATE_HZ)
            yield np.clip(self._block(self._at, end), -1.0, 1.0)
            self._at = end
            for layer in self.layers[-64:]:
                if layer.end <= end and len(layer.samples):
                    layer.samples = np.zeros(0, np.float32)

    def _block(self, start: int, end: int) -> Samples:
        block = np.zeros(end - start, np.float32)
        for layer in self.layers[-64:]:
            first, last = max(start, layer.start), min(end, layer.end)
            if last > first:
                part = layer.samples[first - layer.start : last - layer.start]
                block[first - start : last - start] += part
        return block


def played(layers: Sequence[Layer], total: int) -> list[Played]:
    """Return every play of a track with what must be heard of it, in the order of time."""
    count = -(-total // FRAME)
    layers = _begun(layers, count)
    everything = np.zeros(count)
    for layer in layers:
        kept = layer.power[: count - layer.first_frame]
        everything[layer.first_frame : layer.first_frame + len(kept)] += kept
    found: list[Played] = []
    for layer in layers:
        if layer.role in ("song", "unknown"):
            mask, first = _heard(layer, everything)
            for line in layer.lines:
                one = _one_line(layer, line, mask, first, total)
                if one is not None:
                    found.append(one)
    return sorted(found, key=lambda one: one.span.start_s)


def beside(layers: Sequence[Layer], total: int) -> list[Played]:
    """Return every play of speech and noise: nothing of it is asked for, but it may come again."""
    nothing = np.zeros(0, bool)
    found: list[Played] = []
    for layer in _begun(layers, -(-total // FRAME)):
        if layer.role in ("speech", "noise"):
            plays = (_one_line(layer, line, nothing, 0, total) for line in layer.lines)
            found += [play for play in plays if play is not None]
    return sorted(found, key=lambda one: one.span.start_s)


def alone(layers: Sequence[Layer], total: int) -> list[Alone]:
    """Return where no song of the library is there and one sort of sound only."""
    count = -(-total // FRAME)
    layers = _begun(layers, count)
    busy: dict[Sort, _Mask] = {kind: np.zeros(count, bool) for kind in _KINDS.values()}
    songs = np.zeros(count, bool)
    least = 10.0 ** (LEAST_LEVEL_DBFS / 10.0)
    for layer in layers:
        span = slice(layer.first_frame, min(count, layer.first_frame + len(layer.power)))
        if layer.role == "song":
            songs[span] = True
            continue
        loud = _second(layer.power)[: span.stop - span.start] > least
        busy[_KINDS[layer.role]][span] |= loud
    any_of = np.logical_or.reduce(list(busy.values()))
    found: list[Alone] = []
    for kind, mask in busy.items():
        others = np.logical_or.reduce([other for name, other in busy.items() if name != kind])
        found += [Alone(kind, span) for span in _spans(mask & ~others & ~songs)]
    found += [Alone("silence", span) for span in _spans(~any_of & ~songs)]
    kept = [one for one in found if one.span.duration_s >= _LEAST_ALONE_S]
    return sorted(kept, key=lambda one: one.span.start_s)


def _begun(layers: Sequence[Layer], count: int) -> list[Layer]:
    """Return the layers that begin before a programme of ``count`` frames is over."""
    return [layer for layer in layers if layer.first_frame < count]


def _heard(layer: Layer, everything: npt.NDArray[np.float64]) -> tuple[_Mask, int]:
    first = layer.first_frame
    power = layer.power[: len(everything) - first]
    own = _second(power)
    around = everything[first : first + len(power)] - power
    others = _second(np.maximum(around, 0.0))
    mask = layer.fade_db[: len(power)] >= LEAST_FADE_DB
    mask &= own >= 10.0 ** (LEAST_OVER_OTHERS_DB / 10.0) * others
    mask &= own >= 10.0 ** (LEAST_LEVEL_DBFS / 10.0)
    return _smooth(mask), first


def _one_line(layer: Layer, line: Line, mask: _Mask, first: int, total: int) -> Played | None:
    start_s, end_s = layer.start / RATE_HZ, total / RATE_HZ
    knots = [(start_s + at_s, track_s) for at_s, track_s in line]
    whole = Played(layer.source, layer.role == "song", layer.effect, tuple(knots))
    if knots[0][0] >= end_s:
        return None
    if knots[-1][0] > end_s:  # the programme ends before it
        knots = [knot for knot in knots if knot[0] < end_s] + [(end_s, whole.reference_s(end_s))]
        whole = Played(whole.source, whole.known, whole.effect, tuple(knots))
    heard: list[Stretch] = []
    for span in _spans(mask, first):
        low, high = max(span.start_s, whole.span.start_s), min(span.end_s, whole.span.end_s)
        if high > low:
            heard += _conditions(layer, Span(low, high))
    return Played(whole.source, whole.known, whole.effect, whole.line, tuple(heard))


def _conditions(layer: Layer, span: Span) -> list[Stretch]:
    """Cut a span where another condition begins; later ones of the layer go before earlier ones."""
    edges = {span.start_s, span.end_s}
    for over in layer.over:
        edges |= {over.span.start_s, over.span.end_s}
    inside = sorted(at for at in edges if span.start_s <= at <= span.end_s)
    found: list[Stretch] = []
    for start_s, end_s in pairwise(inside):
        middle_s = (start_s + end_s) / 2
        name = layer.effect
        for over in layer.over:
            if over.span.start_s <= middle_s < over.span.end_s:
                name = over.condition
        if found and found[-1].condition == name:
            found[-1] = Stretch(Span(found[-1].span.start_s, end_s), name)
        else:
            found.append(Stretch(Span(start_s, end_s), name))
    return found


def _second(power: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the mean over the second around each tenth."""
    half = _SECOND // 2
    sums = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    index = np.arange(len(power))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(power))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _smooth(mask: _Mask) -> _Mask:
    """Close short holes, then leave out short stretches."""
    for value in (False, True):
        edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=-1, append=-1))
        for start, end in pairwise(edges):
            inner = value or (start > 0 and end < len(mask))
            if mask[start] == value and inner and end - start < _LEAST_FRAMES:
                mask[start:end] = not value
    return mask


def _spans(mask: _Mask, first: int = 0) -> list[Span]:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [
        Span(float(first + start) * _FRAME_S, float(first + end) * _FRAME_S)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
