"""One question: bytes walk in, engines are asked in order, findings get names."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from earmark.audio._source import opened
from earmark.audio.fetch import FetchLimits, fetched, is_url
from earmark.audio.stream import BlockStream, Source, open_blocks, overlapping
from earmark.errors import (
    AudioTooShortError,
    CheckpointError,
    EarmarkError,
    ExtraMissingError,
    ModelUnavailableError,
    StoppedError,
    UsageError,
)
from earmark.findings import merged
from earmark.hearing import VOICED_S, listening
from earmark.indexes import Indexes
from earmark.naming import ANYTHING, named
from earmark.narrowing import admitted
from earmark.ports import Compared, Comparing, Engine, Numbers, TrackStore
from earmark.timing import collecting
from earmark.types import (
    Answer,
    Clip,
    Considered,
    Finding,
    Levels,
    Match,
    Mode,
    QueryFacts,
    Within,
)

BLOCK_S = 300.0
"""A query up to this long is searched in one piece; a longer one in blocks of it."""
OVERLAP_S = 20.0
"""How far blocks reach into their neighbours, so that nothing is cut where they meet."""
CERTAIN = 0.9
"""A confidence at which ``auto`` asks no further engine."""
LIKELY = 0.5
"""Least confidence of an engine's best match in ``auto``, which asks whether or not it applies."""


_BEFORE_FILTERING = 100
"""Matches asked of an engine that cannot leave tracks out by itself."""


@dataclass(slots=True)
class _Heard:
    """What one engine made of the query."""

    findings: list[Finding] = field(default_factory=list)
    levels: Levels = field(default_factory=lambda: Levels(-120.0, -120.0, 0.0))
    duration_s: float = 0.0
    warnings: tuple[str, ...] = ()
    too_short: AudioTooShortError | None = None


class Query:
    """One source, asked of as many engines as it takes; use once.

    Parameters
    ----------
    source
        Anything that `earmark.audio.stream.open_blocks` takes.
    name
        What the answer calls it.
    within
        The tracks that are asked about.
    stop
        Once set, the question is given up.
    """

    def __init__(
        self,
        indexes: Indexes,
        tracks: TrackStore,
        source: Source,
        name: str,
        limits: FetchLimits,
        within: Within = ANYTHING,
        stop: threading.Event | None = None,
    ) -> None:
        self._indexes = indexes
        self._tracks = tracks
        self._source = source
        self._name = name
        self._limits = limits
        self._within = within
        self._stop = stop
        self._among: Numbers | None = None
        self._timing: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._auto = False

    def answer(self, mode: Mode, limit: int) -> Answer:
        """Ask the engines that ``mode`` means.

        Raises
        ------
        UsageError
            No engine of that mode is there or switched on, or the limit is below 1.
        InputError
            The source is the trouble; `AudioTooShortError` where every engine found it too short.
        StoppedError
            ``stop`` was set; looked at before every engine and every block, and while a URL comes.
        StoreError
            The library is.
        """
        names = self._asked(mode, limit)
        self._auto = mode == "auto"
        if mode != "sound" and (self._within.label is not None or self._within.whole):
            message = f"labels and whole files are compared with mode 'sound', not {mode!r}"
            raise UsageError(message)
        self._among = admitted(self._tracks, self._within)
        if isinstance(self._source, str) and is_url(self._source):
            with fetched(self._source, self._limits, go_on=self._go_on) as file:
                self._source = file
                return self._answer(names, limit)
        if len(names) == 1 or isinstance(self._source, bytes | Path):
            return self._answer(names, limit)
        # A pipe is taken in once, for all engines.
        with opened(self._source, self._name, self._limits) as held:
            self._source = held.file
            return self._answer(names, limit)

    def _answer(self, names: Sequence[str], limit: int) -> Answer:
        considered: list[Considered] = []
        matches: list[Match] = []
        heard: _Heard | None = None
        short: AudioTooShortError | None = None
        answered = False
        for name in names:
            self._go_on()
            try:
                engine = self._indexes.current(name)
            except ModelUnavailableError as error:
                if not self._auto or len(names) == 1:
                    raise
                considered.append(Considered(self._indexes.kind(name), skipped=error.message))
                continue
            if heard is not None and heard.levels.silent:
                considered.append(Considered(engine.kind, skipped="the clip is silent"))
                continue
            if matches and matches[0].confidence >= CERTAIN:
                considered.append(Considered(engine.kind, skipped="already certain"))
                continue
            try:
                heard = self._ask(engine, limit)
            except (ModelUnavailableError, CheckpointError, ExtraMissingError) as error:
                if not self._auto or len(names) == 1:
                    raise
                considered.append(Considered(engine.kind, skipped=error.message))
                continue
            if heard.too_short is not None:
                short = short or heard.too_short
                considered.append(Considered(engine.kind, skipped=heard.too_short.message))
                continue
            answered = True
            found = named(self._tracks, heard.findings, self._within)[:limit]
            note = _note(found, heard)
            if self._auto and found and found[0].confidence < LIKELY:
                note = (
                    f"{note}, the best only {found[0].confidence:.2f} likely; "
                    f"see them with mode {engine.kind}"
                )
                found = []
            considered.append(Considered(engine.kind, note=note))
            matches = _ranked(matches, found)[:limit]
        if heard is None:
            message = "no engine was asked"
            raise UsageError(message)
        if short is not None and not answered and not heard.levels.silent:
            raise short
        levels = heard.levels
        return Answer(
            input=self._name,
            outcome="match" if matches else "no_match",
            matches=tuple(matches),
            query=self._facts(heard),
            reason=None if matches else self._reason(levels, names),
            considered=(*considered, *self._left_out()),
            timing_ms=self._timing,
            warnings=heard.warnings,
        )

    def _asked(self, mode: Mode, limit: int) -> tuple[str, ...]:
        if limit < 1:
            message = f"the limit must be at least 1, got {limit}"
            raise UsageError(message)
        if mode not in get_args(Mode):
            message = f"unknown mode {mode!r}; known: {', '.join(get_args(Mode))}"
            raise UsageError(message)
        names = self._indexes.names
        if mode == "auto":
            return names
        named = tuple(filter(self._is_of(mode), names))
        if not named:
            off = tuple(name for name in self._indexes.off if self._indexes.kind(name) == mode)
            if off:
                message = (
                    f"the engine {off[0]!r} is switched off in this library; switch it on with "
                    f"`earmark engines --on {off[0]}`"
                )
                raise UsageError(message)
            message = f"no engine for mode {mode!r} is installed; there are: {', '.join(names)}"
            raise UsageError(message)
        return named

    def _left_out(self) -> list[Considered]:
        """Return what ``auto`` says of engines that are switched off."""
        if not self._auto:
            return []
        why = "switched off in this library"
        return [Considered(self._indexes.kind(name), skipped=why) for name in self._indexes.off]

    def _facts(self, heard: _Heard) -> QueryFacts:
        voiced_s = self._told.get(VOICED_S)
        if voiced_s is not None:  # where blocks overlap it was told twice
            voiced_s = min(voiced_s, heard.duration_s)
        levels = heard.levels
        return QueryFacts(heard.duration_s, levels.level_dbfs, levels.clipped, voiced_s)

    def _is_of(self, mode: Mode) -> Callable[[str], bool]:
        return lambda name: self._indexes.kind(name) == mode

    def _ask(self, engine: Engine[Any], limit: int) -> _Heard:
        heard = _Heard()
        rate_hz = engine.analysis.rate_hz
        with self._opened(rate_hz) as stream:
            reads = iter(partial(self._timed_read, stream), None)
            blocks = overlapping(reads, OVERLAP_S)
            for clip in blocks:
                heard.duration_s = max(heard.duration_s, clip.start_s + clip.duration_s)
                if stream.levels.silent:
                    continue
                self._go_on()
                try:
                    found = self._search(engine, clip, limit)
                except AudioTooShortError as error:
                    named = AudioTooShortError(f"{self._name}: {error.message}")
                    heard.too_short = named if clip.start_s == 0.0 else None
                    continue
                heard.findings = merged(heard.findings, found)
            heard.levels, heard.warnings = stream.levels, stream.warnings
        heard.findings.sort(key=lambda finding: (-finding.confidence, -finding.score))
        return heard

    def _opened(self, rate_hz: int) -> AbstractContextManager[BlockStream]:
        return open_blocks(
            self._source, rate_hz, block_s=BLOCK_S, name=self._name, limits=self._limits
        )

    def _go_on(self) -> None:
        if self._stop is not None and self._stop.is_set():
            message = f"{self._name}: stopped before it was identified"
            raise StoppedError(message)

    def _timed_read(self, stream: BlockStream) -> Clip | None:
        self._go_on()
        start = time.perf_counter()
        try:
            return next(stream, None)
        finally:
            self._lap("decode", (time.perf_counter() - start) * 1000.0)

    def _search(self, engine: Engine[Any], clip: Clip, limit: int) -> list[Finding]:
        start = time.perf_counter()
        with collecting() as laps, listening() as told:
            try:
                found = self._found(engine, replace(clip, start_s=0.0), limit)
            finally:
                took = (time.perf_counter() - start) * 1000.0
                for name, ms in laps.items():
                    self._lap(name, ms)
                self._lap("search", max(0.0, took - sum(laps.values())))
                for name, value in told.items():
                    self._told[name] = self._told.get(name, 0.0) + value
        return [finding.shifted(clip.start_s) for finding in found] if clip.start_s else found

    def _found(self, engine: Engine[Any], clip: Clip, limit: int) -> list[Finding]:
        within = self._within
        if isinstance(engine, Comparing):
            return engine.search_among(
                clip, limit, Compared(self._among, within.label, within.whole)
            )
        if self._among is None:
            return engine.search(clip, limit)
        # These engines name what they are certain of: what is asked about is among it or not.
        found = engine.search(clip, max(limit, _BEFORE_FILTERING))
        return [finding for finding in found if finding.number in self._among]

    def _lap(self, name: str, ms: float) -> None:
        self._timing[name] = self._timing.get(name, 0.0) + ms

    def _reason(self, levels: Levels, asked: Sequence[str]) -> str:
        if levels.silent:
            return f"the clip is silent (peak {levels.peak_dbfs:.0f} dBFS)"
        if self._tracks.count() == 0:
            return "the library is empty"
        if not any(len(self._tracks.numbers(name)) for name in asked):
            return "no track has been analysed for this yet; run `earmark rebuild`"
        return "nothing in the library matches with enough certainty"


def error_answer(name: str, error: EarmarkError) -> Answer:
    """Return the answer that an error amounts to, for faces that answer one input at a time.

    >>> error_answer("a.wav", UsageError("no")).code
    'usage'
    """
    return Answer(input=name, outcome="error", reason=error.message, code=error.code)


def _ranked(ours: Sequence[Match], others: Sequence[Match]) -> list[Match]:
    """Return one match per track, best first; of two engines the more certain one speaks."""
    best: dict[str, Match] = {}
    for match in (*ours, *others):
        held = best.get(match.track.id)
        if held is None or match.confidence > held.confidence:
            best[match.track.id] = match
    return sorted(best.values(), key=lambda match: (-match.confidence, -match.score))


def _note(matches: Sequence[Match], heard: _Heard) -> str:
    if heard.levels.silent:
        return "the clip is silent"
    count = len(matches)
    return f"{count} match{'es' if count != 1 else ''}" if count else "no match"
