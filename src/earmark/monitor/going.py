"""A detection that goes on: the runs of one track that belong together."""

from __future__ import annotations

import math
from dataclasses import replace

from earmark.monitor.resuming import goes_on, waits_s
from earmark.monitor.timeline import holes
from earmark.ports import Detection, Piece, Run
from earmark.types import Clip, Span, Track

LEAST_PIECE_S = 1.0
MOST_RUNS = 500
"""A loop inside a track that goes on for hours is told anew after so many runs."""
STRAIGHT_S = 0.25
"""Runs that lie this close to one straight line are one piece."""
WHOLE_SHARE = 0.8
"""A play that has covered so much of its track may be followed by another without a pause."""
ANEW_S = 3.0
"""Such a play begins at most this far beyond where the one before it began in the track."""
_OVERLAP_S = 1.0
"""Ends of runs are that vague where one track cuts off another."""


class Going:
    """The runs of one number that are one play of a track.

    Attributes
    ----------
    told : bool
        Whether the detection was told as open.
    clip : Clip or None
        What is kept as evidence.
    """

    def __init__(self, detection_id: str, number: int, tracks: list[Track]) -> None:
        self._id = detection_id
        self._number = number
        self._tracks = tracks
        self._runs: dict[int, Run] = {}
        self._before: list[Run] = []  # of `_runs`, before the last outage
        self._away_s = 0.0
        self._cut_off: Run | None = None  # the last run, until the play goes on
        self.told = False
        self.clip: Clip | None = None

    @property
    def start_s(self) -> float:
        """Where it begins."""
        return min(run.query.start_s for run in self._runs.values())

    @property
    def end_s(self) -> float:
        """Where it ends, so far."""
        return max(run.query.end_s for run in self._runs.values())

    @property
    def closed(self) -> bool:
        """Whether no run goes on."""
        return all(run.closed for run in self._runs.values())

    @property
    def fresh_start_s(self) -> float:
        """Where it begins in what was heard since the last outage; infinite where it does not."""
        old = {run.key for run in self._before}
        starts = (run.query.start_s for run in self._runs.values() if run.key not in old)
        return min(starts, default=math.inf)

    @property
    def waits(self) -> bool:
        """Whether it was cut off by an outage, and was not heard since."""
        return self._cut_off is not None and math.isinf(self.fresh_start_s)

    def outlasts(self, away_s: float) -> bool:
        """Return whether it may go on after its source was away for so much longer."""
        before_s = self._away_s if self.waits else 0.0
        return before_s + away_s <= waits_s(self._last, self._tracks[0].duration_s)

    def wait(self, away_s: float) -> None:
        """Take it that the source was away for so much longer."""
        if not self.waits:
            self._away_s = 0.0
        self._runs = {key: replace(run, closed=True) for key, run in self._runs.items()}
        self._cut_off = self._last
        self._before = list(self._runs.values())
        self._away_s += away_s

    @property
    def _last(self) -> Run:
        return max(self._runs.values(), key=lambda run: run.query.end_s)

    def has(self, run: Run) -> bool:
        """Return whether a run is one of its own."""
        return run.key in self._runs

    def takes(self, run: Run, zero_s: float, join_s: float) -> bool:
        """Return whether a run belongs to it: it is its own, or its next after a short hole."""
        if self.has(run):
            return True
        query = run.query.shifted(zero_s)
        if self._cut_off is not None and self.waits:
            known = self._number == run.number or self._number in run.alike
            return known and goes_on(self._cut_off, replace(run, query=query))
        if run.number != self._number or len(self._runs) >= MOST_RUNS:
            return False
        if query.start_s >= self.end_s - _OVERLAP_S and self._anew(run):
            return False
        return query.start_s - self.end_s <= join_s and self.start_s - query.end_s <= join_s

    def _anew(self, run: Run) -> bool:
        """Return whether what follows is another play of the track.

        The track was heard nearly whole, and begins again where it began. A jump back inside of a
        track, or from its midst, is a loop.
        """
        runs = self._runs.values()
        began_s = min(runs, key=lambda one: one.query.start_s).reference.start_s
        covered_s = max(one.reference.end_s for one in runs) - began_s
        whole = covered_s >= WHOLE_SHARE * self._tracks[0].duration_s
        return whole and run.reference.start_s <= began_s + ANEW_S

    def put(self, run: Run, zero_s: float) -> None:
        """Take a run as it is known now; its seconds are ``zero_s`` short of the source's.

        One without length is withdrawn: it was a repetition of another.
        """
        if run.closed and run.query.duration_s <= 0.0 and len(self._runs) > 1:
            self._runs.pop(run.key, None)
            return
        self._runs[run.key] = Run(
            run.key,
            run.number,
            run.query.shifted(zero_s),
            run.reference,
            run.time_ratio,
            run.pitch_shift_semitones,
            run.confidence,
            run.score,
            run.alike,
            run.closed,
        )

    def detection(self, *, open_: bool) -> Detection:
        """Return the detection as it is known now."""
        runs = sorted(self._runs.values(), key=lambda run: run.query.start_s)
        pieces: list[Piece] = []
        for run in runs:
            new = Piece(
                run.query,
                run.reference,
                run.time_ratio,
                run.pitch_shift_semitones,
                run.confidence,
                run.score,
            )
            if pieces and (joined := _joined(pieces[-1], new)) is not None:
                pieces[-1] = joined
            else:
                pieces.append(new)
        pieces = _told(pieces)
        best = max(pieces, key=lambda piece: piece.confidence)
        return Detection(
            id=self._id,
            kind="recording",
            track=self._tracks[0],
            confidence=best.confidence,
            score=max(piece.score for piece in pieces),
            pieces=tuple(pieces),
            open=open_,
            duplicates=tuple(track.id for track in self._tracks[1:]),
        )


def _told(pieces: list[Piece]) -> list[Piece]:
    """Return pieces of which none is where a longer one is: music agrees with its repeats."""
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: -piece.query.duration_s):
        left = holes([other.query for other in found], piece.query)
        longest = max(left, key=lambda span: span.duration_s, default=Span(0.0, 0.0))
        whole = longest.duration_s > piece.query.duration_s - STRAIGHT_S
        if whole:
            found.append(piece)
        elif longest.duration_s >= LEAST_PIECE_S:
            found.append(_cut(piece, longest))
    return sorted(found, key=lambda piece: piece.query.start_s)


def _cut(piece: Piece, query: Span) -> Piece:
    """Return the part of a piece that lies in ``query``."""
    reference = Span(
        piece.reference.start_s + (query.start_s - piece.query.start_s) * piece.time_ratio,
        piece.reference.start_s + (query.end_s - piece.query.start_s) * piece.time_ratio,
    )
    return replace(piece, query=query, reference=reference)


def _joined(one: Piece, other: Piece) -> Piece | None:
    """Return two pieces as one, where one straight line goes through both."""
    ahead_s = other.query.start_s - one.query.start_s
    expected_s = one.reference.start_s + ahead_s * one.time_ratio
    touching = other.query.start_s - one.query.end_s <= STRAIGHT_S
    if not touching or abs(expected_s - other.reference.start_s) > STRAIGHT_S:
        return None
    better = one if one.confidence >= other.confidence else other
    return Piece(
        Span(one.query.start_s, max(one.query.end_s, other.query.end_s)),
        Span(one.reference.start_s, max(one.reference.end_s, other.reference.end_s)),
        one.time_ratio,
        one.pitch_shift_semitones,
        better.confidence,
        max(one.score, other.score),
    )
