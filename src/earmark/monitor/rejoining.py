"""A source that is opened anew sends some of its past at once: what was heard is left out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from earmark.errors import EarmarkError
from earmark.monitor.feed import Away, Heard, Turn
from earmark.types import Samples

MOST_S = 60.0
"""So much of what is sent at once is compared with so much of what was heard last."""
_LEAST_S = 1.0
"""Less than this is not compared."""
_ALIKE = 0.7
"""Correlation of what was heard and what is sent, from which it is the same."""
_AS_ALIKE = 0.02
_AHEAD_S = 10.0
"""So much more than is expected may be sent of the time before what was heard."""
_QUIET = 1e-4
"""Mean square, relative to full scale 1.0, below which sound tells nothing: -40 dBFS."""
_COMPARING = threading.Lock()
"""One comparison takes 70 MB: where a thousand streams come back at once, they wait."""


class Rejoin:
    """Passes on what a `Feed` yields; after an outage, from where the sound was cut off.

    Icecast sends the last seconds at once to whoever connects, HLS begins some segments before the
    end. What comes faster than time goes by is held back until it comes as time goes by (60 s of it
    at most). What of it was heard before is dropped, and the outage lasts until what is left was
    sent, not until it came.

    Parameters
    ----------
    rate_hz
        The rate of the blocks.
    newest
        Returns the last samples that were heard, as many as are asked for or are there.
    """

    def __init__(self, rate_hz: int, newest: Callable[[int], Samples]) -> None:
        self._rate_hz = rate_hz
        self._newest = newest
        self._away: Away | None = None
        self._blocks: list[Heard] = []
        self._compared = False

    def run(self, feed: Iterable[Heard | Away | Turn]) -> Iterator[Heard | Away | Turn]:
        """Yield blocks, outages and states."""
        try:
            for what in feed:
                yield from self._next(what)
        except EarmarkError:
            yield from self._rejoined()
            raise
        yield from self._rejoined()

    def _next(self, what: Heard | Away | Turn) -> Iterator[Heard | Away | Turn]:
        if isinstance(what, Away) and what.until is not None:
            self._away, self._compared = what, False
        elif isinstance(what, Heard) and self._away is not None:
            at_once = self._at_once(what)
            self._blocks.append(what)
            if not at_once:
                yield from self._rejoined()
        else:
            yield from self._rejoined()
            self._away = None
            yield what

    def _at_once(self, block: Heard) -> bool:
        """Return whether a block came sooner after the one before than it lasts."""
        if not self._blocks:
            return True
        length_s = len(block.samples) / self._rate_hz
        held_s = sum(len(held.samples) for held in self._blocks) / self._rate_hz
        return 0.0 <= block.at - self._blocks[-1].at < length_s / 2 and held_s < MOST_S

    def _rejoined(self) -> Iterator[Away | Heard]:
        away, blocks = self._away, self._blocks
        if away is None or away.until is None or not blocks:
            return
        self._blocks = []
        ends_s = np.cumsum([len(block.samples) for block in blocks]) / self._rate_hz
        sent_at = min(block.at - end_s for block, end_s in zip(blocks, ends_s, strict=True))
        known = 0
        if not self._compared and ends_s[-1] >= _LEAST_S and away.until - sent_at >= _LEAST_S / 2:
            sent = np.concatenate([block.samples for block in blocks])
            heard = self._newest(round(MOST_S * self._rate_hz))
            ahead = round((away.since - sent_at) * self._rate_hz)
            with _COMPARING:
                known, self._compared = repeated(heard, sent, ahead, self._rate_hz), True
        left = list(_without(blocks, known))
        if not left:  # nothing new yet: what follows begins where this ends
            return
        self._away = None
        yield replace(away, until=max(away.since, sent_at + known / self._rate_hz))
        yield from left


def repeated(heard: Samples, sent: Samples, expected: int, rate_hz: int) -> int:
    """Return how many samples of what is sent are the last ones of what was heard, or 0.

    Of places that are as good - loops, music that repeats itself - the one nearest to ``expected``
    counts.
    """
    least = round(_LEAST_S * rate_hz)
    if min(len(heard), len(sent)) < least:
        return 0
    size = 1 << (len(heard) + len(sent) - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size))
    # Where in what was heard the first sample lies; before it, where little was heard since the
    # outage before this one.
    furthest = max(least - len(sent), len(heard) - expected - round(_AHEAD_S * rate_hz))
    begins = np.arange(min(0, furthest), len(heard) - least + 1)
    first, skipped = np.maximum(begins, 0), np.maximum(-begins, 0)
    shared = np.minimum(len(heard) - first, len(sent) - skipped)
    product = np.fft.irfft(spectrum, size)[begins]
    of_heard = np.concatenate([[0.0], np.cumsum(np.square(heard, dtype=np.float64))])
    of_sent = np.concatenate([[0.0], np.cumsum(np.square(sent, dtype=np.float64))])
    of_shared = of_sent[skipped + shared] - of_sent[skipped]
    energy = (of_heard[first + shared] - of_heard[first]) * of_shared
    loud = energy > np.square(_QUIET * shared)
    alike = np.where(loud, product / np.sqrt(np.where(loud, energy, 1.0)), 0.0)
    best = float(alike.max())
    if best < _ALIKE:
        return 0
    good = begins[alike >= best - _AS_ALIKE]
    begin = int(good[np.argmin(np.abs(len(heard) - good - expected))])
    return min(len(heard) - begin, len(sent))


def _without(blocks: Iterable[Heard], known: int) -> Iterator[Heard]:
    """Yield blocks without the first samples."""
    for block in blocks:
        rest = block.samples[known:]
        known = max(0, known - len(block.samples))
        if len(rest):
            yield replace(block, samples=rest)
