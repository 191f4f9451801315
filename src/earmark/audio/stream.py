"""Any source, of any length, as mono blocks at one rate, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from earmark.audio._decoder import Decoder, decoding
from earmark.audio._mono import MonoResampler
from earmark.audio._reader import Raw
from earmark.audio._source import Source, name_of
from earmark.audio.fetch import DEFAULT_LIMITS, FetchLimits
from earmark.audio.levels import LevelMeter
from earmark.errors import UsageError
from earmark.types import Clip, Levels, Samples

__all__ = ["BlockStream", "Source", "name_of", "open_blocks", "overlapping"]


@contextmanager
def open_blocks(
    source: Source,
    rate_hz: int,
    block_s: float = 30.0,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    live: bool = False,
    name: str | None = None,
    limits: FetchLimits = DEFAULT_LIMITS,
) -> Iterator[BlockStream]:
    """Open a source and yield an iterator of mono clips that follow one another without a gap.

    Parameters
    ----------
    source
        A path, an http(s) URL, bytes, or a binary file object; a pipe need not be seekable.
    rate_hz
        The rate to deliver.
    block_s
        Length of every clip but the last.
    start_s, duration_s
        Which stretch of the source; None is to its end.
    live
        Deliver while a URL or a pipe still sends, instead of fetching all of it first.
    name
        What to call the source in messages; None is its path, URL, or the file object's name.
    limits
        What a download or a spooled pipe may take.

    Raises
    ------
    InputError
        Before the first block: missing, unreadable, not audio, no sample in the stretch. Damage
        further on is no error: see `BlockStream.truncated` and `BlockStream.warnings`.
    """
    if rate_hz <= 0 or round(block_s * rate_hz) < 1 or start_s < 0:
        raise UsageError(
            f"rate {rate_hz} Hz and block {block_s} s must be above 0, start {start_s} s not below"
        )
    called = name or name_of(source)
    with decoding(source, called, limits, live) as decoder:
        yield BlockStream(decoder, rate_hz, block_s, start_s, duration_s)


class BlockStream:
    """An iterator of `Clip`; its other attributes tell of what was read so far.

    Attributes
    ----------
    name : str
        What the source is called in messages.
    claimed_s : float or None
        How long the whole source says it is, in seconds; for progress bars only.
    """

    def __init__(
        self,
        decoder: Decoder,
        rate_hz: int,
        block_s: float,
        start_s: float,
        duration_s: float | None,
    ) -> None:
        self.name = decoder.name
        self.claimed_s = decoder.claimed_s
        self._decoder = decoder
        self._meter = LevelMeter()
        self._rate_hz = rate_hz
        self._start_s = start_s
        first = decoder.start(start_s)
        raws = _limited(decoder.raws(first), duration_s)
        self._blocks = self._cut(self._mono(raws), round(block_s * rate_hz))

    def __iter__(self) -> BlockStream:
        return self

    def __next__(self) -> Clip:
        return next(self._blocks)

    @property
    def levels(self) -> Levels:
        """Levels of the raw channels, before mixing and resampling."""
        return self._meter.levels()

    @property
    def truncated(self) -> bool:
        """The source ends early or has holes; known at the end."""
        return self._decoder.damage is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each trouble that was read past."""
        found = []
        if self._decoder.damage is not None:
            found.append(f"{self.name} is damaged or cut off: {self._decoder.damage}")
        broken = self.levels.nonfinite_samples
        if broken:
            found.append(f"{self.name} holds {broken} samples that are no numbers; they count as 0")
        return tuple(found)

    def _mono(self, raws: Iterator[Raw]) -> Iterator[Samples]:
        resampler = MonoResampler(self._rate_hz)
        for raw in raws:
            yield resampler.feed(self._meter.feed(raw.samples), raw.rate_hz)
        yield resampler.finish()

    def _cut(self, parts: Iterator[Samples], length: int) -> Iterator[Clip]:
        done, held, count = 0, list[Samples](), 0
        for part in parts:
            held.append(part)
            count += len(part)
            if count < length:
                continue
            joined = np.concatenate(held)
            cut = count - count % length
            for at in range(0, cut, length):
                yield self._clip(joined[at : at + length].copy(), done + at)
            done, held, count = done + cut, [joined[cut:].copy()], count - cut
        if count:
            yield self._clip(np.concatenate(held), done)

    def _clip(self, samples: Samples, position: int) -> Clip:
        return Clip(samples, self._rate_hz, self._start_s + position / self._rate_hz)


def _limited(raws: Iterator[Raw], duration_s: float | None) -> Iterator[Raw]:
    if duration_s is None:
        yield from raws
        return
    left_s = duration_s
    for raw in raws:
        frames = round(left_s * raw.rate_hz)
        if frames > 0:
            yield Raw(raw.samples[:frames], raw.rate_hz)
        left_s -= raw.duration_s
        if left_s <= 0:
            return


def overlapping(clips: Iterable[Clip], overlap_s: float) -> Iterator[Clip]:
    """Yield clips that follow one another, each but the first with the end of the one before.

    >>> two = [Clip(np.zeros(8, np.float32), 2, 0.0), Clip(np.ones(4, np.float32), 2, 4.0)]
    >>> [(clip.start_s, len(clip.samples)) for clip in overlapping(two, 1.0)]
    [(0.0, 8), (3.0, 6)]
    """
    before: Clip | None = None
    for clip in clips:
        if before is None:
            yield clip
        else:
            count = min(len(before.samples), round(overlap_s * clip.rate_hz))
            samples = np.concatenate((before.samples[len(before.samples) - count :], clip.samples))
            yield Clip(samples, clip.rate_hz, clip.start_s - count / clip.rate_hz)
        before = clip
