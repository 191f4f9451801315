"""What a timeline is worth against the truth of its programme; no audio here.

Time is counted in tenths of a second. A tenth that a timeline gives to a track is *right* where the
track is there (fades included) at that position within half a second, *right track* where it is
there at any position, *false* otherwise. Recall asks only for what must be heard
(`programme_truth`). Second opinions are not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from earmark.evaluation.monitor_groups import Groups, judge_groups
from earmark.evaluation.programme_truth import Played, Truth
from earmark.monitor.timeline import Timeline, overlap_s
from earmark.ports import Detection, Piece
from earmark.types import Span

TICK_S = 0.1
POSITION_TOLERANCE_S = 0.5
_TOUCHING_S = 0.01
_LEAST_SHARED_S = 0.5
_MUCH_S = 1.0
_Key = TypeVar("_Key", bound=Hashable)
_Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Score:
    """Counts of one programme, or of several (`pooled`).

    Attributes
    ----------
    duration_s
        Of the programmes.
    detected_s, right_s, right_track_s
        Seconds that the timeline gives to tracks; those that are right, and of the right track.
    wanted_s, found_s, found_track_s
        By condition: seconds that must be heard; those found in place, and found at all.
    start_errors_s, end_errors_s
        Of each play that was found: seconds beyond where the track is there (+), or short of where
        it must be heard (-).
    plays, found_plays, fragments
        How many plays must be heard; how many are; by how many detections.
    detections, false_detections
        All, and those less than half of whose seconds are of the right track.
    gap_s, gap_told_s, gap_right_s
        Seconds of one sort of sound alone; those that the timeline tells; those of the right kind.
    kinds
        (true kind, told kind) -> seconds.
    groups
        How planted jingles were grouped.
    missed, wrong, beyond
        A sentence for each play that was not found, for each false detection, and for each other
        one that goes on for more than a second where its track is not there, or not at that
        position.
    """

    duration_s: float = 0.0
    detected_s: float = 0.0
    right_s: float = 0.0
    right_track_s: float = 0.0
    wanted_s: dict[str, float] = field(default_factory=dict)
    found_s: dict[str, float] = field(default_factory=dict)
    found_track_s: dict[str, float] = field(default_factory=dict)
    start_errors_s: list[float] = field(default_factory=list)
    end_errors_s: list[float] = field(default_factory=list)
    plays: int = 0
    found_plays: int = 0
    fragments: int = 0
    detections: int = 0
    false_detections: int = 0
    gap_s: float = 0.0
    gap_told_s: float = 0.0
    gap_right_s: float = 0.0
    kinds: dict[tuple[str, str], float] = field(default_factory=dict)
    groups: Groups = field(default_factory=Groups)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)


def score(truth: Truth, timeline: Timeline) -> Score:
    """Judge a timeline of the programme that the truth is of."""
    judged = Score(duration_s=truth.duration_s)
    first = [one for one in timeline.detections if not one.second]
    by_source: dict[str, list[Detection]] = defaultdict(list)
    for detection in first:
        by_source[detection.track.source].append(detection)
    plays: dict[str, list[Played]] = defaultdict(list)
    for play in truth.played:
        if play.known:
            plays[play.source].append(play)
    ticks = int(np.ceil(max(truth.duration_s, timeline.duration_s) / TICK_S)) + 1
    for source in by_source.keys() | plays.keys():
        _seconds(judged, plays[source], by_source[source], ticks)
    for source, own in plays.items():
        for item in _items(own):
            _edges(judged, item, by_source[source])
    for detection in first:
        _truthful(judged, detection, plays[detection.track.source])
    _gaps(judged, truth, timeline)
    judged.groups = judge_groups(truth, timeline)
    return judged


def pooled(scores: Iterable[Score]) -> Score:
    """Add up several programmes."""
    total = Score()
    for one in scores:
        for name in Score.__slots__:
            value = getattr(total, name)
            other = getattr(one, name)
            if isinstance(value, dict):
                for key, seconds in other.items():
                    _count(value, key, seconds)
            elif isinstance(value, list):
                value.extend(other)
            else:
                setattr(total, name, value + other)
    return total


def _seconds(
    judged: Score, plays: Sequence[Played], detections: Sequence[Detection], ticks: int
) -> None:
    """Count the seconds of one track."""
    there = np.zeros(ticks, bool)
    detected, placed = np.zeros(ticks, bool), np.zeros(ticks, bool)
    for play in plays:
        there[_ticks(play.span)] = True
    for piece in (piece for detection in detections for piece in detection.pieces):
        span = _ticks(piece.query)
        detected[span] = True
        for play in plays:
            both = _ticks(_shared(piece.query, play.span))
            at_s = (np.arange(both.start, both.stop) + 0.5) * TICK_S
            placed[both] |= _in_place(piece, play, at_s)
    judged.detected_s += TICK_S * int(detected.sum())
    judged.right_s += TICK_S * int((detected & placed).sum())
    judged.right_track_s += TICK_S * int((detected & there).sum())
    for play in plays:
        for stretch in play.heard:
            span = _ticks(stretch.span)
            name = stretch.condition
            _count(judged.wanted_s, name, TICK_S * (span.stop - span.start))
            _count(judged.found_s, name, TICK_S * int(placed[span].sum()))
            _count(judged.found_track_s, name, TICK_S * int(detected[span].sum()))


def _in_place(piece: Piece, play: Played, at_s: npt.NDArray[np.float64]) -> _Mask:
    told_s = piece.reference.start_s + (at_s - piece.query.start_s) * piece.time_ratio
    knots_s, track_s = np.array(play.line).T
    return np.asarray(np.abs(told_s - np.interp(at_s, knots_s, track_s)) <= POSITION_TOLERANCE_S)


def _items(plays: Sequence[Played]) -> list[list[Played]]:
    """Join plays of one track that follow one another without a break (a loop)."""
    items: list[list[Played]] = []
    for play in sorted(plays, key=lambda play: play.span.start_s):
        if items and play.span.start_s - items[-1][-1].span.end_s < _TOUCHING_S:
            items[-1].append(play)
        else:
            items.append([play])
    return items


def _edges(judged: Score, item: Sequence[Played], detections: Sequence[Detection]) -> None:
    heard = [stretch.span for play in item for stretch in play.heard]
    if not heard:
        return
    judged.plays += 1
    there = Span(item[0].span.start_s, item[-1].span.end_s)
    found = [
        [piece.query for piece in detection.pieces if _overlaps(piece.query, there)]
        for detection in detections
    ]
    pieces = [query for queries in found for query in queries]
    if not pieces:
        name = item[0].source.rsplit("/", 1)[-1]
        names = sorted({stretch.condition for play in item for stretch in play.heard})
        judged.missed.append(f"{there.start_s:.1f}-{there.end_s:.1f} {name} ({', '.join(names)})")
        return
    judged.found_plays += 1
    judged.fragments += sum(bool(queries) for queries in found)
    start_s, end_s = min(q.start_s for q in pieces), max(q.end_s for q in pieces)
    judged.start_errors_s.append(_beyond(-start_s, -there.start_s, -heard[0].start_s))
    judged.end_errors_s.append(_beyond(end_s, there.end_s, heard[-1].end_s))


def _beyond(told: float, outer: float, inner: float) -> float:
    """Return how far past ``outer`` (+) or short of ``inner`` (-) it is told; 0 between them."""
    return told - outer if told > outer else min(0.0, told - inner)


def _truthful(judged: Score, detection: Detection, plays: Sequence[Played]) -> None:
    judged.detections += 1
    pairs = [(piece, play) for piece in detection.pieces for play in plays]
    right_s = sum(overlap_s(piece.query, play.span) for piece, play in pairs)
    name = detection.track.source.rsplit("/", 1)[-1]
    told = f"{detection.start_s:.1f}-{detection.end_s:.1f} {name}"
    if right_s < 0.5 * detection.played_s:
        judged.false_detections += 1
        judged.wrong.append(f"{told} (confidence {detection.confidence:.2f})")
        return
    placed_s = 0.0
    for piece, play in pairs:
        both = _ticks(_shared(piece.query, play.span))
        at_s = (np.arange(both.start, both.stop) + 0.5) * TICK_S
        placed_s += TICK_S * int(_in_place(piece, play, at_s).sum())
    total_s = sum(piece.query.duration_s for piece in detection.pieces)
    if total_s - placed_s > _MUCH_S:
        judged.beyond.append(
            f"{told}: {total_s - right_s:.1f} s not there, {right_s - placed_s:.1f} s out of place"
        )


def _gaps(judged: Score, truth: Truth, timeline: Timeline) -> None:
    for alone in truth.alone:
        judged.gap_s += alone.span.duration_s
        for gap in timeline.gaps:
            shared_s = overlap_s(gap.span, alone.span)
            if shared_s > 0.0:
                judged.gap_told_s += shared_s
                judged.gap_right_s += shared_s if gap.kind == alone.kind else 0.0
                _count(judged.kinds, (alone.kind, gap.kind), shared_s)


def _count(counts: dict[_Key, float], key: _Key, seconds: float) -> None:
    counts[key] = counts.get(key, 0.0) + seconds


def _shared(one: Span, other: Span) -> Span:
    start_s = max(one.start_s, other.start_s)
    return Span(start_s, max(start_s, min(one.end_s, other.end_s)))


def _overlaps(one: Span, other: Span) -> bool:
    return overlap_s(one, other) >= min(_LEAST_SHARED_S, 0.5 * one.duration_s)


def _ticks(span: Span) -> slice:
    """Return the tenths whose middle lies in a span."""
    low, high = (max(0, int(np.ceil(at / TICK_S - 0.5))) for at in (span.start_s, span.end_s))
    return slice(low, max(low, high))
