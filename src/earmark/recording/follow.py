"""Follows a source without end: what plays, along which line, from where to where."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from earmark.ports import Payload, PostingStore, Run, Sheet
from earmark.recording.confidence import Calibration
from earmark.recording.decide import Found
from earmark.recording.line import MISSES, Line, goes_on
from earmark.recording.params import PAGE_FRAMES, RecordingParams
from earmark.recording.proof import proven
from earmark.recording.stream import Chunk, ChunkAnalyser
from earmark.recording.tracing import line_of, run_of, traced
from earmark.recording.turns import Turns, likely
from earmark.recording.verify import Verifier
from earmark.recording.window import Window
from earmark.types import Samples

KEPT = 24
"""Chunks that are kept (98 s): so far back a line that is found late can begin."""
WINDOW = 2
"""Chunks that are searched at once, in the quick try."""
DEEP = 3
"""Chunks that are searched at once under every hypothesis."""
SURE, SHARE = 0.9, 0.55
"""Confidence and share at which a line is told without waiting for more of it."""
CONFIRMS = 0.55
"""Share of a chunk, outside of those searched, that confirms any other line."""
TENTATIVE_CHUNKS = 3
"""Chunks within which a line that is not sure must be confirmed."""
_QUICK = (6_000, 60_000)  # landmarks to look up, postings to read of a small library
_LESS = (2_000, 25_000)  # where a known line explains all
_BENT = (3_000, 25_000)  # under each hypothesis
_SAME_LINE = 0.5  # seconds
_MOST_PAYLOADS = 1000


class RecordingFollower:
    """Follows one source; see `earmark.ports.Follower`.

    Every chunk of four seconds, the lines that are known are followed into it by verification
    alone, and what they leave of the newest eight seconds is looked up. What is found is followed
    back through what is kept, so a track that is found late begins where it began. Where a line
    fades bent speeds are tried, and where nothing is known to play tempos and pitches too, now
    and then (ADR 0021).

    Attributes
    ----------
    stats : dict
        How many windows were looked up: ``quick``; also ``early`` at the likely speeds, and
        ``deep`` under all hypotheses.
    """

    def __init__(
        self,
        postings: PostingStore,
        params: RecordingParams,
        calibration: Calibration,
        effort: float = 1.0,
    ) -> None:
        self._postings = postings
        self._params = params
        self._calibration = calibration
        self._analyser = ChunkAnalyser(params)
        self._chunks: deque[Chunk] = deque(maxlen=KEPT)
        self._lines: dict[int, Line] = {}
        self._tentative: list[tuple[int, Line]] = []
        self._payloads: dict[int, Payload] = {}
        self._key = 0
        self._turns = Turns(effort)
        self.stats = {"quick": 0, "early": 0, "deep": 0}

    def feed(self, samples: Samples) -> list[Run]:
        """Take the next mono samples at 16 kHz; return runs that are new or changed."""
        told: dict[int, Run] = {}
        for chunk in self._analyser.feed(samples):
            for run in self._heard(chunk):
                told[run.key] = run
        return list(told.values())

    def finish(self) -> list[Run]:
        """Look a last time and close every line."""
        told: dict[int, Run] = {}
        for chunk in self._analyser.finish():
            for run in self._heard(chunk):
                told[run.key] = run
        for key, line in self._lines.items():
            told[key] = self._run(key, line, closed=True)
        self._lines.clear()
        self._tentative.clear()
        self._chunks.clear()
        return list(told.values())

    def sheets(self) -> list[Sheet]:
        """Return the spectra made since the last call."""
        return self._analyser.sheets()

    @property
    def settled_s(self) -> float:
        """Up to here nothing new will be found to start."""
        if not self._chunks:
            return self._analyser.next_frame * self._params.spectrum.frame_s
        return self._chunks[0].first * self._params.spectrum.frame_s

    def _heard(self, chunk: Chunk) -> list[Run]:
        self._chunks.append(chunk)
        told: list[Run] = []
        for key, line in list(self._lines.items()):
            told += self._advance(key, line, chunk)
        told += self._confirm(chunk)
        if len(chunk) >= PAGE_FRAMES:
            told += self._look()
        self._forget()
        return told

    def _forget(self) -> None:
        """Keep the constellations of the tracks at hand: a library may be larger than memory."""
        if len(self._payloads) > _MOST_PAYLOADS:
            lines = [*self._lines.values(), *(line for _, line in self._tentative)]
            kept = {line.number for line in lines}
            for number in [n for n in self._payloads if n not in kept]:
                del self._payloads[number]

    # --- lines that are known ------------------------------------------------------------------

    def _verifier(self, chunk: Chunk) -> Verifier:
        return Verifier(chunk.evidence, self._postings, self._params, self._payloads)

    def _advance(self, key: int, line: Line, chunk: Chunk) -> list[Run]:
        if not self._step(line, chunk):
            del self._lines[key]
            return [self._run(key, line, closed=True)]
        if line.misses:
            return []
        self._blank(line, chunk)
        if not line.bends():
            return [self._run(key, line)]
        following = line.carried()
        del self._lines[key]
        new, self._key = self._key, self._key + 1
        self._lines[new] = following
        ended = self._run(key, line, closed=True, end=following.begin)
        return [ended, self._run(new, following)]

    def _step(self, line: Line, chunk: Chunk) -> bool:
        """Follow a line into the next chunk; return whether it may still go on."""
        self._payloads.pop(line.number, None)  # asked for again: it may have been removed
        try:
            block = line.look(chunk, self._verifier(chunk))
        except KeyError:  # the track was removed
            return False
        good = goes_on(block)
        line.put(block)
        line.misses = 0 if good else line.misses + 1
        return line.misses < MISSES

    def _blank(self, line: Line, chunk: Chunk) -> None:
        verifier = Verifier(chunk.left, self._postings, self._params, self._payloads)
        verifier.explain_away(line.trace(chunk, verifier))

    def _confirm(self, chunk: Chunk) -> list[Run]:
        told: list[Run] = []
        waiting: list[tuple[int, Line]] = []
        for left, line in self._tentative:
            alive = self._step(line, chunk)
            confirmed = alive and line.misses == 0 and line.blocks[-1].share >= CONFIRMS
            if confirmed and self._beats(line) and self._proven(line):
                told += self._accepted(line)
            elif alive and left > 1:
                waiting.append((left - 1, line))
        self._tentative = waiting
        return told

    # --- lines that are new --------------------------------------------------------------------

    def _look(self) -> list[Run]:
        chunks = list(self._chunks)[-WINDOW:]
        if max(chunk.level for chunk in chunks) < 0.05:  # digital silence
            self._turns.silence()
            return []
        if not self._turns.heard(self._lines.values(), chunks):
            return []
        window = self._window(chunks)
        self.stats["quick"] += 1
        pool, groups = window.quick(*(_LESS if self._turns.covered else _QUICK))
        told = self._new(groups, window.first)
        self._turns.looked(told=bool(told))
        if told or pool is None:
            return told
        if self._turns.deep:
            return self._deep()
        if self._turns.early:
            self.stats["early"] += 1
            return self._new(window.bent(pool, likely(), *_BENT), window.first)
        return []

    def _deep(self) -> list[Run]:
        self.stats["deep"] += 1
        tried = self._turns.next_deep()
        window = self._window(list(self._chunks)[-DEEP:])
        pool, groups = window.quick(*_QUICK)
        told = self._new(groups, window.first)
        if pool is None or told:
            return told
        return self._new(window.deep(pool, tried, *_BENT), window.first)

    def _window(self, chunks: list[Chunk]) -> Window:
        return Window(chunks, self._postings, self._params, self._calibration, self._payloads)

    def _new(self, groups: list[list[Found]], first: int) -> list[Run]:
        told: list[Run] = []
        for group in groups:
            line = self._line(group, first)
            if line is None:
                continue
            outside = [b for b in line.blocks if b.first < first]
            if not self._beats(line):
                continue
            best = max(b.share for b in line.blocks)
            sure = line.confidence >= SURE and best >= SHARE
            found = sure or any(b.share >= CONFIRMS and goes_on(b) for b in outside)
            if found and self._proven(line):
                told += self._accepted(line)
            else:
                self._tentative.append((TENTATIVE_CHUNKS, line))
        return told

    def _line(self, group: list[Found], first: int) -> Line | None:
        """Return the new line of a group; of those that hold the same, the one followed leads."""
        lines = [*self._lines.values(), *(line for _, line in self._tentative)]
        followed = {line.number for line in lines}
        led = sorted(group, key=lambda found: found.number not in followed)
        tries = [led]
        twins = [line.number for line in lines if led[0].number in line.alike]
        if led[0].number not in followed and twins:
            tries.insert(0, [replace(led[0], number=twins[0]), *led])
        for found in tries:
            line = line_of(found, first)
            if self._known(line):
                return None
            try:
                if traced(line, first, self._chunks, self._verifier):
                    return line
            except KeyError:  # the track was removed
                continue
        return None

    def _known(self, line: Line) -> bool:
        frame = self._chunks[-1].first
        reach = _SAME_LINE / self._params.spectrum.frame_s
        others = [*self._lines.values(), *(other for _, other in self._tentative)]
        return any(
            other.number == line.number and abs(other.at(frame) - line.at(frame)) < reach
            for other in others
        )

    def _beats(self, line: Line) -> bool:
        """Return whether a line explains more than another line of its track does by now.

        Music that repeats itself agrees with itself elsewhere; the right line agrees best.
        """
        rivals = [other for other in self._lines.values() if other.number == line.number]
        return all(line.beats(other) for other in rivals)

    def _proven(self, line: Line) -> bool:
        return proven(line, self._chunks, self._verifier)

    def _accepted(self, line: Line) -> list[Run]:
        told: list[Run] = []
        for key, other in list(self._lines.items()):
            if other.number == line.number:
                del self._lines[key]
                end = None if line.take_over(other) else line.sounding()[0].first
                told.append(self._run(key, other, closed=True, end=end))
        return [*told, *self._taken(line)]

    def _taken(self, line: Line) -> list[Run]:
        key, self._key = self._key, self._key + 1
        self._lines[key] = line
        for chunk in self._chunks:
            if chunk.first >= line.first:
                self._blank(line, chunk)
        return [self._run(key, line)]

    def _run(self, key: int, line: Line, *, closed: bool = False, end: float | None = None) -> Run:
        return run_of(line, key, self._params.spectrum, closed=closed, end=end)
