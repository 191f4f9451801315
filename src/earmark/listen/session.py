"""One listening: sound comes in, levels and answers come out, the answer as soon as it is sure."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import get_args

from earmark.audio.levels import LevelMeter
from earmark.errors import AudioTooShortError, UsageError
from earmark.library import Library
from earmark.listen.events import EndReason, Event
from earmark.listen.levels import QUIET_DBFS, LevelGate, audible, verdict_of
from earmark.listen.schedule import asked_early, certain, next_look_s
from earmark.listen.tape import Tape
from earmark.types import Answer, Mode, Samples, Within

LOWEST_HZ, HIGHEST_HZ = 8_000, 192_000
MOST_CHANNELS = 8


class Listening:
    """Hears sound as it comes and says what it is; use once.

    `hear` is quick; `look` and `finish` ask the library, may take a second of CPU, and may run in
    another thread while `hear` goes on, one at a time.

    Parameters
    ----------
    rate_hz, channels
        Of the sound that `hear` is given.
    mode
        Which engine to ask; ``auto`` asks for recordings early, for tunes later, and at the end
        for everything.
    limit
        The most matches of an answer.
    limit_s
        How much sound to hear at the most; memory is bounded by it.
    within
        The tracks that are asked about; None: all.
    name
        What answers call the sound.

    Raises
    ------
    UsageError
        No such mode, or a rate, number of channels or limit that makes no sense.
    """

    def __init__(
        self,
        library: Library,
        *,
        rate_hz: int,
        channels: int = 1,
        mode: Mode = "auto",
        limit: int = 5,
        limit_s: float = 20.0,
        within: Within | None = None,
        name: str = "sound",
    ) -> None:
        _check(rate_hz, channels, mode, limit, limit_s)
        self.limit_s = limit_s
        self._library = library
        self._channels = channels
        self._mode: Mode = mode
        self._limit = limit
        self._within = within
        self._name = name
        self._tape = Tape(rate_hz, limit_s)
        self._cleaner = LevelMeter()
        self._gate = LevelGate(rate_hz)
        self._began_s: float | None = None
        self._next_s = next_look_s(0.0)
        self._ended = False
        self._looks = 0
        self._before: Answer | None = None
        self._off: set[Mode] = set()

    @property
    def heard_s(self) -> float:
        """Seconds of sound heard so far."""
        return self._tape.heard_s

    @property
    def full(self) -> bool:
        """The limit is reached; what is heard from now on is dropped."""
        return self._tape.full

    @property
    def ended(self) -> bool:
        """The end was told."""
        return self._ended

    @property
    def due(self) -> bool:
        """It is time for a `look`. Never while all is silent, but at the limit."""
        if self._ended:
            return False
        if self.full:
            return True
        began_s = self._began_s
        if began_s is None or self.heard_s - began_s < self._next_s:
            return False
        return bool(asked_early(self._mode, self.heard_s - began_s))

    def hear(self, samples: Samples) -> list[Event]:
        """Take the next sound; return a ``level`` for each half second that is complete.

        Parameters
        ----------
        samples
            Float32 of shape (n, channels), full scale 1.0; NaN and infinity count as 0.
        """
        if samples.ndim != 2 or samples.shape[1] != self._channels:
            message = f"sound of shape {samples.shape} does not have {self._channels} channels"
            raise UsageError(message)
        if self._ended or not len(samples):
            return []
        before_s = self.heard_s
        kept = self._tape.record(self._cleaner.feed(samples))
        if self._began_s is None and audible(self._tape.peak):
            self._began_s = before_s
        return [
            Event("level", at_s, levels=levels, verdict=verdict_of(levels))
            for at_s, levels in self._gate.feed(kept)
        ]

    def look(self, stop: threading.Event | None = None) -> list[Event]:
        """Ask what was heard so far; return a ``partial``, or the ``match`` and the ``end``.

        At the limit this is the last look, and ends.

        Raises
        ------
        StoreError
            The library is the trouble; `StoppedError` once ``stop`` is set.
        UsageError
            The engine that is asked for is switched off.
        """
        if self._ended:
            return []
        if self.full:
            return self._last("limit", stop)
        heard_s = self.heard_s
        sounded_s = heard_s - (self._began_s or 0.0)
        self._next_s = next_look_s(sounded_s)
        answer = self._early(sounded_s, stop)
        if answer is None:
            return []
        before, self._before = self._before, answer
        self._looks += 1
        if certain(answer, before, self._looks, sounded_s):
            self._ended = True
            return [
                Event("match", heard_s, answer=answer),
                Event("end", heard_s, reason="certain"),
            ]
        return [Event("partial", heard_s, answer=answer)]

    def finish(self, stop: threading.Event | None = None) -> list[Event]:
        """Ask the whole mode of all that was heard; return ``match`` or ``no_match``, and the end.

        Nothing once it has ended. Raises what `look` raises.
        """
        return [] if self._ended else self._last("limit" if self.full else "stopped", stop)

    def _early(self, sounded_s: float, stop: threading.Event | None) -> Answer | None:
        """Ask one engine after another until one finds something; None where none can answer."""
        whole: Answer | None = None
        for kind in asked_early(self._mode, sounded_s):
            if kind in self._off:
                continue
            try:
                answer = self._ask(kind, stop)
            except AudioTooShortError:
                continue
            except UsageError:
                if self._mode != "auto":
                    raise
                self._off.add(kind)  # not in this library; the last look says so
                continue
            if whole is not None:
                timing = {
                    name: whole.timing_ms.get(name, 0.0) + answer.timing_ms.get(name, 0.0)
                    for name in {**whole.timing_ms, **answer.timing_ms}
                }
                considered = (*whole.considered, *answer.considered)
                answer = replace(answer, considered=considered, timing_ms=timing)
            whole = answer
            if answer.matches:
                break
        return whole

    def _last(self, reason: EndReason, stop: threading.Event | None) -> list[Event]:
        heard_s = self.heard_s
        if heard_s == 0.0:
            answer = Answer(self._name, "no_match", reason="nothing was heard", code="empty")
        else:
            try:
                answer = _hinted(self._ask(self._mode, stop))
            except AudioTooShortError as error:
                answer = Answer(self._name, "no_match", reason=error.message, code=error.code)
        self._ended = True
        found = Event("match" if answer.matches else "no_match", heard_s, answer=answer)
        return [found, Event("end", heard_s, reason=reason)]

    def _ask(self, mode: Mode, stop: threading.Event | None) -> Answer:
        return self._library.identify(
            self._tape.wav(), mode, self._limit, name=self._name, within=self._within, stop=stop
        )


def _hinted(answer: Answer) -> Answer:
    """Say in the reason that it was too quiet, where that may be why nothing was found."""
    if answer.matches or answer.query is None or answer.reason is None:
        return answer
    level = answer.query.level_dbfs
    if "silent" in answer.reason or level >= QUIET_DBFS:
        return answer
    hint = f"it was very quiet ({level:.0f} dBFS): bring the microphone nearer"
    return replace(answer, reason=f"{answer.reason}; {hint}")


def _check(rate_hz: int, channels: int, mode: Mode, limit: int, limit_s: float) -> None:
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        message = f"the rate must be {LOWEST_HZ} to {HIGHEST_HZ} Hz, got {rate_hz}"
    elif not 1 <= channels <= MOST_CHANNELS:
        message = f"sound has 1 to {MOST_CHANNELS} channels, got {channels}"
    elif mode not in get_args(Mode):
        message = f"unknown mode {mode!r}; known: {', '.join(get_args(Mode))}"
    elif limit < 1:
        message = f"the limit must be at least 1, got {limit}"
    elif not limit_s > 0.0:
        message = f"the limit of seconds must be above 0, got {limit_s:g}"
    else:
        return
    raise UsageError(message)
