"""A source that is heard for days: opened again where it goes away, its absence on the clock."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from earmark.audio.fetch import DEFAULT_LIMITS, FetchLimits
from earmark.audio.live import FOLLOW_S, STALL_S, LiveFeed
from earmark.errors import InputError
from earmark.ports import StreamState
from earmark.types import Samples

FIRST_WAIT_S = 1.0
MOST_WAIT_S = 60.0
STEADY_S = 10.0
"""A connection that was heard for so long was a good one: the next wait is short again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The next block of mono samples, and when it came (seconds since 1970)."""

    samples: Samples
    at: float


@dataclass(frozen=True, slots=True)
class Away:
    """The source was away; ``until`` is None while it is. Seconds since 1970."""

    since: float
    until: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The feed is in another state since ``at``: ``live`` since its first sample.

    ``error`` says why it is down; ``clocked`` whether what is live comes as time goes by, and not
    as fast as it can be read.
    """

    state: StreamState
    at: float
    error: str = ""
    clocked: bool = False


class Blocks(Protocol):
    """One connection: mono float32 blocks of about a second."""

    @property
    def live(self) -> bool:
        """Known at the end: whether it was meant to go on."""

    @property
    def clocked(self) -> bool:
        """Known from the first block on: whether it comes as time goes by."""

    def __iter__(self) -> Iterator[Samples]: ...


Opening = Callable[[threading.Event], AbstractContextManager[Blocks]]
"""Opens the source anew; what it opens ends soon after the event is set."""


CHANCE = random.Random().random  # noqa: S311 - no secret
"""A generator of its own: the state of the one that `random` shares is the program's."""


class Feed:
    """Yields what a source sends, what state it is in, and when it was away.

    Parameters
    ----------
    opening
        Opens the source; called again for every connection.
    rate_hz
        The rate of its blocks.
    insist
        Whether to go on where not even the first connection succeeds.
    clock
        Seconds since 1970.
    wait
        Waits for so many seconds, or until the event is set; returns whether it is.
    chance
        Returns a number from 0 to 1: waits differ by up to a half, so that a thousand streams of
        one host do not come back at one moment.
    """

    def __init__(
        self,
        opening: Opening,
        rate_hz: int,
        *,
        insist: bool = True,
        clock: Callable[[], float] = time.time,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        chance: Callable[[], float] = CHANCE,
    ) -> None:
        self._opening = opening
        self._rate_hz = rate_hz
        self._insist = insist
        self._clock = clock
        self._wait = wait
        self._chance = chance

    def run(self, stop: threading.Event) -> Iterator[Heard | Away | Turn]:
        """Yield blocks, outages and states until the source ends or ``stop`` is set.

        An outage is told twice: when it begins, and with its end when sound is back.

        Raises
        ------
        UsageError
            It can never be opened.
        InputError
            What is not live broke off, or the first connection failed and it is not insisted.
        """
        away = Away(self._clock(), None, "not connected yet")
        told_away, tries, ever = False, 0, False
        while not stop.is_set():
            yield Turn("connecting", self._clock())
            heard_s, reason, ended = 0.0, "the stream ended", False
            blocks: Blocks | None = None
            try:
                with self._opening(stop) as blocks:
                    for samples in blocks:
                        now, length_s = self._clock(), len(samples) / self._rate_hz
                        if heard_s == 0.0:
                            yield Turn("live", now - length_s, clocked=blocks.clocked)
                            if told_away:
                                yield replace(away, until=max(away.since, now - length_s))
                            told_away = False
                        yield Heard(samples, now)
                        heard_s += length_s
                        away = replace(away, since=now)
                    ended = not blocks.live
            except InputError as error:
                reason = error.message
                live = blocks is None or blocks.live  # None: it was not even opened
                if not (live and (self._insist or ever or heard_s)):
                    raise  # what is not live would begin anew
            if stop.is_set():
                return
            if ended:
                yield Turn("ended", self._clock())
                return
            ever = True
            tries = 0 if heard_s >= STEADY_S else tries
            yield Turn("down", self._clock(), reason)
            if not told_away:
                away, told_away = replace(away, reason=reason), True
                yield away
            self._wait(stop, self._pause_s(tries))
            tries += 1

    def _pause_s(self, tries: int) -> float:
        pause_s: float = min(MOST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries, 10))
        return pause_s * (0.5 + 0.5 * self._chance())


def live_opening(
    address: str,
    rate_hz: int,
    limits: FetchLimits | None = None,
    *,
    stall_s: float = STALL_S,
    follow: bool = False,
    follow_s: float = FOLLOW_S,
) -> Opening:
    """Return what opens a stream, a file or standard input (`audio.live.LiveFeed`)."""

    def opening(stop: threading.Event) -> AbstractContextManager[Blocks]:
        return LiveFeed(
            address,
            rate_hz,
            stall_s=stall_s,
            follow=follow,
            follow_s=follow_s,
            limits=limits or DEFAULT_LIMITS,
            stop=stop,
        )

    return opening


def at_hand(blocks: Iterable[Samples], *, clocked: bool) -> Opening:
    """Return what opens blocks that are there already, such as those of a microphone."""
    return lambda stop: nullcontext(_AtHand(blocks, clocked, stop))


@dataclass(frozen=True, slots=True)
class _AtHand:
    blocks: Iterable[Samples]
    clocked: bool
    stop: threading.Event
    live: bool = False

    def __iter__(self) -> Iterator[Samples]:
        for block in self.blocks:
            if self.stop.is_set():
                return
            yield block
