"""Which of a stretch's best tracks are accepted, one after another, each explaining its part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from earmark.recording.confidence import ACCEPT, SECOND
from earmark.recording.judge import Judge, Standing, widened
from earmark.recording.tune import polished, ranked, tuned
from earmark.recording.verify import Scored, Trace, Verifier

_REFINED = 8  # tracks whose speed and pitch are tuned before they are compared
_KEPT = 200  # alignments carried from one try to the next
_SAME_SHARE = 0.4  # of the weaker track's peaks: above it two tracks hold the same recording


@dataclass(frozen=True, slots=True)
class Found:
    """One accepted track of a stretch: its alignment, peak by peak, and how sure we are."""

    number: int
    offset_frames: float
    time_ratio: float
    pitch_ratio: float
    score: float
    rival: float
    confidence: float
    votes: float
    tried: str
    trace: Trace


@dataclass(frozen=True, slots=True)
class _Head:
    """A track that may be accepted: its best alignment (one row) and what speaks against it."""

    number: int
    best: Scored
    rival: float
    confidence: float
    tried: str


class Decider:
    """Decides about the alignments of one stretch; what it accepts, it explains away.

    Parameters
    ----------
    accept
        Least confidence of an answer.
    """

    def __init__(self, verifier: Verifier, judge: Judge, accept: float = ACCEPT) -> None:
        self._verifier = verifier
        self._judge = judge
        self._accept = accept

    def groups(self, pool: Scored, tried: str, limit: int) -> list[list[Found]]:
        """Return accepted tracks, most certain first; those of one group hold the very same."""
        found: list[Found] = []
        groups: list[list[Found]] = []
        while len(found) < limit and len(pool.at):
            standing = self._judge.standing(pool)
            if standing.numbers[0] < 0:  # a decoy: chance does as well
                break
            kin = self.kin(standing, 0)
            heads = self._heads(standing, kin, tried)
            if heads[0].confidence < (max(self._accept, SECOND) if found else self._accept):
                heads = [] if found else self._pair(standing, kin, tried)
            if not heads:
                break
            group: list[Found] = []
            beside: list[Found] = []
            for head in heads:  # strongest first: no later one may claim to be surer
                if head.confidence >= self._accept:
                    ceiling = found[-1].confidence if found else 1.0
                    one = self._settled(replace(head, confidence=min(head.confidence, ceiling)))
                    found.append(one)
                    (group if head.number in kin else beside).append(one)
            groups += [held for held in (group, beside) if held]
            for trace in [self._verifier.trace(head.best.at, 0) for head in heads]:
                self._verifier.explain_away(trace)
            taken = {head.number for head in heads}
            rest = pool.rows(~np.isin(np.abs(pool.at.numbers), list(taken)))
            pool = ranked(self._verifier.score(rest.at)) if len(rest.at) else rest
        return groups

    def _heads(self, standing: Standing, kin: set[int], tried: str) -> list[_Head]:
        """Return the standing's alignments of some tracks; they are no rivals of each other."""
        heads = []
        for row, number in enumerate(standing.numbers):
            if number in kin:
                confidence, rival = self._judge.confidence(standing, row, kin, tried == "warps")
                best = standing.best.rows(np.array([row]))
                heads.append(_Head(number, best, rival, confidence, tried))
        return heads

    def _pair(self, standing: Standing, kin: set[int], tried: str) -> list[_Head]:
        """Return two tracks that only each other kept from being accepted, or nothing.

        In a mashup or a transition both are right, and both stand far above the third.
        """
        others = [row for row, number in enumerate(standing.numbers) if number not in kin]
        if not others or standing.numbers[others[0]] < 0:
            return []
        heads = self._heads(standing, kin | self.kin(standing, others[0]), tried)
        return heads if min(head.confidence for head in heads) >= SECOND else []

    def kin(self, standing: Standing, head: int) -> set[int]:
        """Return a row's track and weaker ones that hold the very same recording there."""
        own = self._verifier.trace(standing.best.at, head)
        marks = widened(own.query_frames, own.query_bins, self._verifier.shape)
        kin = {standing.numbers[head]}
        for row in range(head + 1, len(standing)):
            if standing.strength[row] < 0.5 * standing.strength[head]:
                break
            if standing.numbers[row] < 0:
                continue
            other = self._verifier.trace(standing.best.at, row)
            shared = marks[other.query_frames, other.query_bins]
            if len(shared) and shared.mean() >= _SAME_SHARE:
                kin.add(standing.numbers[row])
        return kin

    def _settled(self, head: _Head) -> Found:
        best = polished(self._verifier, head.best)
        return Found(
            number=head.number,
            offset_frames=float(best.at.offsets[0]),
            time_ratio=float(best.at.time[0]),
            pitch_ratio=float(best.at.pitch[0]),
            score=float(best.score[0]),
            rival=head.rival,
            confidence=head.confidence,
            votes=float(best.at.votes[0]),
            tried=head.tried,
            trace=self._verifier.trace(best.at, 0),
        )


def refined(verifier: Verifier, pool: Scored) -> Scored:
    """Tune time and pitch of the best alignment of each of the best tracks."""
    pool = ranked(pool).rows(np.arange(min(_KEPT, len(pool.at))))
    _, first = np.unique(pool.at.numbers, return_index=True)
    best = pool.rows(np.sort(first)[:_REFINED])
    return ranked(Scored.joined([tuned(verifier, best), pool]))
