"""Every group of duplicates of a library, from its stored features: no file is decoded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from earmark.errors import ModelUnavailableError, UsageError
from earmark.indexes import CHUNK, Indexes
from earmark.ports import Engine, TrackStore, Twinned
from earmark.reports import Progress, ProgressCallback
from earmark.twins.grouping import exact_groups, grouped, settled, untold
from earmark.twins.report import DedupeReport, Group
from earmark.twins.ties import KINDS, Tie, TwinKind, tie_of
from earmark.types import Finding, Kind, Track

LEAST_CONFIDENCE = 0.9
_MOST_TWINS = 100
"""Of one audio; more of them find it as one of theirs."""
_PAGE = 500
_ASKED: dict[Kind, tuple[TwinKind, ...]] = {
    "recording": ("recording", "excerpt"),
    "sound": ("sound",),
    "melody": ("tune",),
}


@dataclass(slots=True)
class Dedupe:
    """One search; use once.

    Parameters
    ----------
    kinds
        Which ties to look for.
    least_confidence
        Ties that are less sure are left out.
    stop
        Once set, what was found so far is reported as interrupted.
    """

    indexes: Indexes
    tracks: TrackStore
    kinds: Sequence[str] = KINDS
    least_confidence: float = LEAST_CONFIDENCE
    progress: ProgressCallback | None = None
    stop: threading.Event | None = None
    _ties: list[Tie] = field(default_factory=list)
    _tied: dict[int, set[int]] = field(default_factory=dict)
    _skipped: dict[str, str] = field(default_factory=dict)
    _done: int = 0
    _total: int = 0
    _audio_s: float = 0.0

    def run(self) -> DedupeReport:
        """Look for all of them.

        Raises
        ------
        UsageError
            A kind that there is not, or a confidence that is none.
        StoreError
            The library is the trouble.
        """
        self._require_sense()
        started = time.perf_counter()
        held = self._held()
        lengths_s = {number: tracks[0].duration_s for number, tracks in held.items()}
        asked = [(name, kind) for name, kind in self._engines() if self._wants(kind)]
        self._total = len(held) * len(asked)
        for name, kind in asked:
            self._ask(name, lengths_s, started)
            if kind == "recording":
                self._complete(name, held, lengths_s)
        groups: list[Group] = exact_groups(held) if "exact" in self.kinds else []
        groups += grouped(held, [tie for tie in self._ties if tie.kind in self.kinds])
        order = {kind: place for place, kind in enumerate(KINDS)}
        groups.sort(key=lambda group: (order[group.kind], -len(group.members)))
        return DedupeReport(
            groups=tuple(settled(groups)),
            tracks=sum(len(tracks) for tracks in held.values()),
            audios=len(held),
            wall_s=time.perf_counter() - started,
            skipped=self._skipped,
            interrupted=self._stopped(),
        )

    def _require_sense(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                message = f"there is no kind {kind!r} of duplicates; known: {', '.join(KINDS)}"
                raise UsageError(message)
        if not self.kinds:
            message = f"no kind of duplicates is asked for; name some of {', '.join(KINDS)}"
            raise UsageError(message)
        if not 0.0 <= self.least_confidence <= 1.0:
            message = f"a confidence lies between 0 and 1, got {self.least_confidence:g}"
            raise UsageError(message)

    def _held(self) -> dict[int, list[Track]]:
        """Return the tracks of every number, first added first."""
        held: dict[int, list[Track]] = {}
        after: str | None = None
        while page := self.tracks.page(after, _PAGE):
            for track in page:
                held.setdefault(track.number, []).append(track)
            after = page[-1].id
        return held

    def _engines(self) -> Iterator[tuple[str, Kind]]:
        """Yield the engines that can compare what is stored, those of recordings first.

        What shares its very sound is not asked again whether it shares its tune.
        """
        found = [(name, self.indexes.kind(name)) for name in self.indexes.names]
        for kind in _ASKED:
            own = [name for name, of in found if of == kind]
            if not own and self._wants(kind):
                for wanted in _ASKED[kind]:
                    if wanted in self.kinds:
                        self._skipped[wanted] = f"no engine of kind {kind!r} is switched on"
            yield from ((name, kind) for name in own)

    def _wants(self, kind: Kind) -> bool:
        return any(wanted in self.kinds for wanted in _ASKED.get(kind, ()))

    def _ask(self, name: str, lengths_s: dict[int, float], started: float) -> None:
        kind = self.indexes.kind(name)
        try:
            engine = self.indexes.current(name)
        except ModelUnavailableError as error:
            self._skip(kind, error.message, len(lengths_s))
            return
        if not isinstance(engine, Twinned):
            self._skip(kind, f"the engine {name!r} cannot compare tracks", len(lengths_s))
            return
        numbers = sorted(lengths_s)
        for at in range(0, len(numbers), CHUNK):
            self._ask_some(engine, name, numbers[at : at + CHUNK], lengths_s, started)

    def _ask_some(
        self,
        engine: Engine[Any],
        name: str,
        numbers: Sequence[int],
        lengths_s: dict[int, float],
        started: float,
    ) -> None:
        assert isinstance(engine, Twinned)  # noqa: S101 - as just found
        analysis = engine.analysis
        first = self._done
        for number, stored in self.tracks.features(name, numbers):
            if self._stopped():
                return
            self._done += 1
            self._audio_s += lengths_s[number]
            if stored.digest == analysis.digest:  # others wait for a rebuild
                features = analysis.unpack(stored.data)
                tied = self._tied.setdefault(number, set())
                for finding in engine.twins(number, features, _MOST_TWINS, frozenset(tied)):
                    self._take(number, finding, lengths_s)
            if self.progress:
                wall_s = time.perf_counter() - started
                self.progress(Progress(self._done, self._total, 0, self._audio_s, wall_s))
        self._done = first + len(numbers)

    def _complete(
        self, name: str, held: dict[int, list[Track]], lengths_s: dict[int, float]
    ) -> None:
        """Lay copies and parts on the one that is kept, where each was found by another one."""
        engine = self.indexes.engine(name)
        pairs = untold(held, self._ties)
        if not isinstance(engine, Twinned) or not pairs:
            return
        analysis = engine.analysis
        wanted = sorted({number for pair in pairs for number in pair})
        features = {
            number: analysis.unpack(stored.data)
            for number, stored in self.tracks.features(name, wanted)
            if stored.digest == analysis.digest
        }
        for one, other in pairs:
            if self._stopped():
                return
            if one in features and other in features:
                found = engine.laid(features[one], features[other])
                if found is not None:
                    self._take(one, replace(found, number=other), lengths_s)

    def _take(self, number: int, finding: Finding, lengths_s: dict[int, float]) -> None:
        other = finding.number
        if other not in lengths_s or finding.confidence < self.least_confidence:
            return
        tie = tie_of(number, finding, lengths_s[number], lengths_s[other])
        if tie is None:
            return
        self._ties.append(tie)
        self._tied[number].add(other)
        self._tied.setdefault(other, set()).add(number)

    def _skip(self, kind: Kind, why: str, audios: int) -> None:
        self._done += audios
        for wanted in _ASKED[kind]:
            if wanted in self.kinds:
                self._skipped[wanted] = why

    def _stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()
