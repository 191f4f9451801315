"""Music, speech, silence or something else: told of every stretch of a long source."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.monitor.hearing_features import BLOCK_FRAMES, Context, figures
from earmark.monitor.hearing_model import KINDS, REACH, pooled, shipped
from earmark.ports import GapKind
from earmark.ports.following import Sheet
from earmark.types import Span

Floats = npt.NDArray[np.float32]

STATES: tuple[GapKind, ...] = (*KINDS, "silence")
LEAST_S = 2.0
"""Pieces that are shorter are given to a neighbour, where there is one."""
_SILENT_DBFS = -60.0
_SILENT_ODDS = (-4.0, -2.0, -3.0, 0.0)
"""Log odds of the states in a silent block: speech pauses, music seldom."""
_UNSILENT = -9.0
_SWITCH = 7.0
"""What a change of state costs: two blocks that are quite sure of it."""
_FLOOR = -4.0
"""No single block says more than that against a kind."""
_AROUND_S = 10.0
_WORK_FRAMES = 16 * BLOCK_FRAMES
"""Figures are made about every eight seconds: fewer calls of numpy."""
_MOST_S = 48 * 3600.0


@dataclass(frozen=True, slots=True)
class _Heard:
    """Consecutive blocks: when they begin, the log odds of their states (float16)."""

    starts_s: npt.NDArray[np.float64]
    odds: npt.NDArray[np.float16]


class Hearing:
    """Hears the sheets of one source and labels any part of it afterwards.

    Keeps 16 bytes of every half second until told to `forget`, 48 hours at most.
    """

    def __init__(self) -> None:
        self._heard: deque[_Heard] = deque()
        self._sheets: list[Sheet] = []
        self._frames = 0
        self._until_s = 0.0
        self._context: Context | None = None
        # The last blocks of the run: figures and levels, of which `_told` are in _heard.
        self._figures = np.empty((0, 0), np.float32)
        self._levels = np.empty(0, np.float32)
        self._starts_s = np.empty(0, np.float64)
        self._told = 0
        self._block_s = 0.512

    def take(self, sheet: Sheet) -> None:
        """Take the next sheet; a break in time begins a new stretch."""
        if not len(sheet.log_spectrum):
            return
        if self._frames and abs(sheet.start_s - self._until_s) > sheet.frame_s:
            self._work()
            self._begin_anew()
        self._sheets.append(sheet)
        self._frames += len(sheet.log_spectrum)
        self._until_s = sheet.start_s + len(sheet.log_spectrum) * sheet.frame_s
        self._block_s = BLOCK_FRAMES * sheet.frame_s
        held = sum(len(part.log_spectrum) for part in self._sheets)
        if held >= _WORK_FRAMES:
            self._work()

    def labelled(self, start_s: float, end_s: float) -> list[tuple[GapKind, Span]]:
        """Return what sounds from one second to another: spans that follow one another.

        What was not heard, or is forgotten, goes with its neighbour; silence where nothing was.
        """
        if end_s <= start_s:
            return []
        self._work()
        starts, odds = self._around(start_s - _AROUND_S, end_s + _AROUND_S)
        if not len(starts):
            return [("silence", Span(start_s, end_s))]
        path = _path(odds.astype(np.float64))
        change = np.flatnonzero(path[1:] != path[:-1]) + 1
        edges = starts[change]
        kinds = [STATES[state] for state in path[np.r_[0, change]].tolist()]
        bounds = [-np.inf, *edges.tolist(), np.inf]
        pieces = [
            (kind, Span(max(low, start_s), min(high, end_s)))
            for kind, low, high in zip(kinds, bounds[:-1], bounds[1:], strict=True)
            if max(low, start_s) < min(high, end_s)
        ]
        return _without_scraps(pieces)

    def forget(self, before_s: float) -> None:
        """Let go of what was heard before a second."""
        while self._heard and self._heard[0].starts_s[-1] + self._block_s <= before_s:
            self._heard.popleft()
        if self._heard and self._heard[0].starts_s[0] + self._block_s <= before_s:
            first = self._heard.popleft()
            kept = first.starts_s + self._block_s > before_s
            self._heard.appendleft(_Heard(first.starts_s[kept], first.odds[kept]))

    def _begin_anew(self) -> None:
        """End the stretch: its last blocks are told with what they have around them."""
        if len(self._starts_s) > self._told:
            self._heard.append(self._untold())
        self._sheets, self._frames, self._context = [], 0, None
        self._figures, self._levels = self._figures[:0], self._levels[:0]
        self._starts_s, self._told = self._starts_s[:0], 0

    def _work(self) -> None:
        """Make the figures of all whole blocks that are held; tell those that are settled."""
        whole = sum(len(part.log_spectrum) for part in self._sheets) // BLOCK_FRAMES
        if not whole:
            return
        first = self._sheets[0]
        spectrum = np.concatenate([part.log_spectrum for part in self._sheets])
        salience = np.concatenate([part.salience for part in self._sheets])
        cut = whole * BLOCK_FRAMES
        made, levels, self._context = figures(spectrum[:cut], salience[:cut], self._context)
        rest_s = first.start_s + cut * first.frame_s
        rest = Sheet(rest_s, first.frame_s, spectrum[cut:].copy(), salience[cut:].copy())
        self._sheets = [rest] if len(rest.log_spectrum) else []
        starts = first.start_s + np.arange(whole) * self._block_s
        self._figures = np.concatenate([self._figures.reshape(-1, made.shape[1]), made])
        self._levels = np.concatenate([self._levels, levels])
        self._starts_s = np.concatenate([self._starts_s, starts])
        settled = len(self._starts_s) - REACH
        if settled > self._told:
            told = self._untold()
            count = settled - self._told
            self._heard.append(_Heard(told.starts_s[:count], told.odds[:count]))
            drop = max(0, settled - 2 * REACH)
            self._figures, self._levels = self._figures[drop:], self._levels[drop:]
            self._starts_s = self._starts_s[drop:]
            self._told = settled - drop
        self.forget(self._until_s - _MOST_S)

    def _untold(self) -> _Heard:
        """Return the blocks that are not settled, judged by what is known by now."""
        odds = np.full((len(self._starts_s) - self._told, len(STATES)), _UNSILENT, np.float16)
        found = shipped().log_odds(pooled(self._figures)[self._told :])
        odds[:, : len(KINDS)] = np.maximum(found, _FLOOR)
        odds[self._levels[self._told :] < _SILENT_DBFS] = _SILENT_ODDS
        return _Heard(self._starts_s[self._told :], odds)

    def _around(
        self, start_s: float, end_s: float
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float16]]:
        parts = [
            part
            for part in self._heard
            if part.starts_s[-1] + self._block_s > start_s and part.starts_s[0] < end_s
        ]
        if len(self._starts_s) > self._told:
            parts.append(self._untold())
        if not parts:
            return np.empty(0), np.empty((0, len(STATES)), np.float16)
        starts = np.concatenate([part.starts_s for part in parts])
        odds = np.concatenate([part.odds for part in parts])
        inside = (starts + self._block_s > start_s) & (starts < end_s)
        return starts[inside], odds[inside]


def _path(odds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the likeliest states where each change costs `_SWITCH` (Viterbi)."""
    rows = odds.tolist()
    total, back = list(rows[0]), []
    for row in rows[1:]:
        best = max(range(len(STATES)), key=total.__getitem__)
        bar = total[best] - _SWITCH
        came = [state if total[state] >= bar else best for state in range(len(STATES))]
        total = [max(value, bar) + gain for value, gain in zip(total, row, strict=True)]
        back.append(came)
    state = max(range(len(STATES)), key=total.__getitem__)
    path = [state]
    for came in reversed(back):
        state = came[state]
        path.append(state)
    return np.array(path[::-1], np.int64)


def _without_scraps(pieces: list[tuple[GapKind, Span]]) -> list[tuple[GapKind, Span]]:
    """Give pieces under `LEAST_S`, the shortest first, to the longer neighbour; join what is alike.

    >>> _without_scraps([("music", Span(0.0, 5.0)), ("other", Span(5.0, 6.0))])
    [('music', Span(start_s=0.0, end_s=6.0))]
    """
    left = list(pieces)
    while len(left) > 1:
        at = min(range(len(left)), key=lambda i: left[i][1].duration_s)
        if left[at][1].duration_s >= LEAST_S:
            break
        sides = [side for side in (at - 1, at + 1) if 0 <= side < len(left)]
        left[at] = (left[max(sides, key=lambda i: left[i][1].duration_s)][0], left[at][1])
        left = _joined(left)
    return _joined(left)


def _joined(pieces: list[tuple[GapKind, Span]]) -> list[tuple[GapKind, Span]]:
    found: list[tuple[GapKind, Span]] = []
    for kind, span in pieces:
        if found and found[-1][0] == kind:
            found[-1] = (kind, Span(found[-1][1].start_s, span.end_s))
        else:
            found.append((kind, span))
    return found
