"""How unknown music that repeats was grouped, against what was planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from earmark.evaluation.programme_truth import Jingle, Played, Truth
from earmark.monitor.timeline import Repeat, Timeline, overlap_s
from earmark.types import Span

LEAST_PLAYS = 3
"""Jingles played less often are not asked for (nor is finding them false)."""
_LEAST_SHARED = 0.5  # of a play, to be found; of a group's play, to be that jingle's
_LEAST_FOUND = 2 / 3  # of a jingle's plays, in one group


@dataclass(slots=True)
class Groups:
    """Counts: jingles planted at least three times, those grouped, their plays, false groups.

    A jingle is grouped where one group holds two thirds of its plays at least, each by half or
    more. A group is false where fewer than two of its plays are of one jingle, unless two of them
    are the same seconds of the same unknown track (a song that repeats itself, or came twice) or
    of the same recording of speech or noise: a spoken notice that is played twice is a repeat too.
    ``beside`` counts the groups that only the latter makes true; they are no music.
    """

    jingles: int = 0
    grouped: int = 0
    plays: int = 0
    plays_found: int = 0
    groups: int = 0
    false_groups: int = 0
    beside: int = 0
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Groups) -> Groups:
        """Add up two programmes."""
        return Groups(
            self.jingles + other.jingles,
            self.grouped + other.grouped,
            self.plays + other.plays,
            self.plays_found + other.plays_found,
            self.groups + other.groups,
            self.false_groups + other.false_groups,
            self.beside + other.beside,
            [*self.wrong, *other.wrong],
        )


def judge_groups(truth: Truth, timeline: Timeline) -> Groups:
    """Judge the repeats of one programme."""
    judged = Groups(groups=len(timeline.repeats))
    unknown = [play for play in truth.played if not play.known]
    for jingle in truth.jingles:
        if len(jingle.plays) < LEAST_PLAYS:
            continue
        judged.jingles += 1
        judged.plays += len(jingle.plays)
        found = max((_found(jingle, repeat) for repeat in timeline.repeats), default=0)
        judged.plays_found += found
        judged.grouped += found >= _LEAST_FOUND * len(jingle.plays)
    for repeat in timeline.repeats:
        if _planted(repeat, truth.jingles) or _comes_again(repeat, unknown):
            continue
        if _comes_again(repeat, truth.beside):
            judged.beside += 1
        else:
            judged.false_groups += 1
            spans = ", ".join(f"{p.span.start_s:.1f}-{p.span.end_s:.1f}" for p in repeat.plays)
            judged.wrong.append(spans)
    return judged


def _found(jingle: Jingle, repeat: Repeat) -> int:
    """Return how many plays of a jingle a group holds."""
    return sum(
        any(overlap_s(play, told.span) >= _LEAST_SHARED * play.duration_s for told in repeat.plays)
        for play in jingle.plays
    )


def _planted(repeat: Repeat, jingles: Sequence[Jingle]) -> bool:
    """Tell whether two plays of a group are mostly one jingle."""
    return any(
        sum(
            sum(overlap_s(told.span, play) for play in jingle.plays)
            >= _LEAST_SHARED * told.span.duration_s
            for told in repeat.plays
        )
        >= 2
        for jingle in jingles
    )


def _comes_again(repeat: Repeat, played: Sequence[Played]) -> bool:
    """Tell whether two plays of a group are the same seconds of one recording."""
    places = [(one, span) for told in repeat.plays for one, span in _within(told.span, played)]
    return any(
        one.source == other.source and first is not second and overlap_s(first, second) > 0.0
        for index, (one, first) in enumerate(places)
        for other, second in places[:index]
    )


def _within(span: Span, played: Sequence[Played]) -> list[tuple[Played, Span]]:
    found = []
    for play in played:
        if overlap_s(span, play.span) >= _LEAST_SHARED * span.duration_s:
            start_s, end_s = (
                play.reference_s(min(max(at, play.span.start_s), play.span.end_s))
                for at in (span.start_s, span.end_s)
            )
            found.append((play, Span(start_s, end_s)))
    return found
