"""Ties become groups: copies of one recording together, parts with the whole they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from earmark.twins.best import best_first, size_of
from earmark.twins.report import Group, Member
from earmark.twins.ties import Tie, TwinKind
from earmark.types import Segment, Span, Track

Held = Mapping[int, Sequence[Track]]


def exact_groups(held: Held) -> list[Group]:
    """Return the groups of tracks with the same bytes, or the same samples in other containers."""
    by_content: dict[str, list[int]] = {}
    for number, tracks in held.items():
        for content in {track.content_id for track in tracks}:
            by_content.setdefault(content, []).append(number)
    links = [(numbers[0], other) for numbers in by_content.values() for other in numbers[1:]]
    groups = []
    for numbers in components(held, links):
        tracks = [track for number in numbers for track in held[number]]
        if len(tracks) > 1:
            groups.append(_group("exact", tracks, {}))
    return groups


def grouped(held: Held, ties: Sequence[Tie]) -> list[Group]:
    """Return the groups of every other kind."""
    groups: list[Group] = []
    kinds: tuple[TwinKind, ...] = ("recording", "tune", "sound")
    for kind in kinds:
        groups += _alike(kind, held, [tie for tie in ties if tie.kind == kind])
    same = [(tie.one, tie.other) for tie in ties if tie.kind == "recording"]
    return groups + _parts(held, [tie for tie in ties if tie.kind == "excerpt"], same)


def components(numbers: Iterable[int], links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the numbers that links join, each set ascending, in the order of their first.

    >>> components([1, 2, 3, 4], [(3, 1)])
    [[1, 3], [2], [4]]
    """
    parent = {number: number for number in numbers}

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    found: dict[int, list[int]] = {}
    for number in sorted(parent):
        found.setdefault(root(number), []).append(number)
    return list(found.values())


def speakers(held: Held, same: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return for each number that is one of several copies the number of the best of them."""
    found: dict[int, int] = {}
    for numbers in components({number for pair in same for number in pair}, same):
        tracks = [track for number in numbers for track in held[number]]
        best = _ordered("recording", tracks, {track.id: size_of(track) for track in tracks})[0]
        found |= dict.fromkeys(numbers, best.number)
    return found


def untold(held: Held, ties: Sequence[Tie]) -> list[tuple[int, int]]:
    """Return pairs that must lie on one another, as ties with others say, and have no tie yet.

    They are copies of one recording and the best of them, and its parts that were found in
    another copy.
    """
    speaker = speakers(held, [(tie.one, tie.other) for tie in ties if tie.kind == "recording"])
    tied = {frozenset((tie.one, tie.other)) for tie in ties}
    wanted = {(number, best) for number, best in speaker.items() if number != best}
    for tie in ties:
        if tie.kind == "excerpt":
            one, other = speaker.get(tie.one, tie.one), speaker.get(tie.other, tie.other)
            if one != other:
                wanted.add((one, other))
    return sorted(pair for pair in wanted if frozenset(pair) not in tied)


def _alike(kind: TwinKind, held: Held, ties: Sequence[Tie]) -> list[Group]:
    """Return the groups of tracks that are all one another."""
    ends = {number for tie in ties for number in (tie.one, tie.other)}
    groups = []
    for numbers in components(ends, [(tie.one, tie.other) for tie in ties]):
        tracks = [track for number in numbers for track in held[number]]
        own = [tie for tie in ties if tie.one in numbers]
        groups.append(_group(kind, tracks, _seen(own)))
    return groups


def _parts(held: Held, ties: Sequence[Tie], same: Sequence[tuple[int, int]]) -> list[Group]:
    """Return a group for each whole (the one that most lies in, or the longest) with its parts.

    Of copies of one recording only the best speaks: its parts are not told again for each copy.
    """
    speaker = speakers(held, same)
    left = {
        frozenset((tie.one, tie.other)): tie
        for tie in ties
        if speaker.get(tie.one, tie.one) == tie.one
        and speaker.get(tie.other, tie.other) == tie.other
    }
    groups = []
    while left:
        whole = _hub(held, list(left.values()))
        own = {pair: tie for pair, tie in left.items() if whole in pair}
        parts = sorted(number for pair in own for number in pair if number != whole)
        tracks = [track for number in (whole, *parts) for track in held[number]]
        groups.append(_group("excerpt", tracks, _seen(list(own.values())), first=whole))
        for pair in own:
            del left[pair]
    return groups


def _hub(held: Held, ties: Sequence[Tie]) -> int:
    """Return the number with the most partners; of equals the longest, then the first."""
    count: dict[int, int] = {}
    for tie in ties:
        for number in (tie.one, tie.other):
            count[number] = count.get(number, 0) + 1
    return min(count, key=lambda number: (-count[number], -held[number][0].duration_s, number))


def _seen(ties: Sequence[Tie]) -> dict[tuple[int, int], Tie]:
    """Return ties by both of their ends, as seen from the first."""
    seen = {(tie.one, tie.other): tie for tie in ties}
    return seen | {(tie.other, tie.one): tie.turned() for tie in ties}


def _group(
    kind: TwinKind,
    tracks: Sequence[Track],
    ties: Mapping[tuple[int, int], Tie],
    first: int | None = None,
) -> Group:
    """Return a group with the best track first; ``first`` names a number that must be it."""
    sizes = {track.id: size_of(track) for track in tracks}
    ordered = _ordered(kind, tracks, sizes)
    if first is not None:
        ordered.sort(key=lambda track: track.number != first)
    kept, *others = ordered
    if first is not None:  # other tracks with its very samples are told as exact ones
        others = [track for track in others if track.number != first]
    members = [_member(track, kept, sizes[track.id], ties) for track in others]
    members.sort(key=lambda member: -member.confidence)
    return Group(kind, (Member(kept, sizes[kept.id]), *members))


def _ordered(
    kind: TwinKind, tracks: Sequence[Track], sizes: Mapping[str, int | None]
) -> list[Track]:
    """Return tracks, the one to keep first: of the same samples the one that `exact` keeps."""
    if kind == "exact":
        return best_first(kind, [(track, sizes[track.id]) for track in tracks])
    own: dict[int, list[Track]] = {}
    for track in tracks:
        own.setdefault(track.number, []).append(track)
    best = {number: _ordered("exact", held, sizes) for number, held in own.items()}
    # A file that is packed without loss is not worse than the larger one of the same samples.
    richest = [(held[0], _largest(sizes[track.id] for track in held)) for held in best.values()]
    ranked = best_first(kind, richest)
    return [track for one in ranked for track in best[one.number]]


def _largest(sizes: Iterable[int | None]) -> int | None:
    return max((size for size in sizes if size is not None), default=None)


def settled(groups: Sequence[Group]) -> list[Group]:
    """Return groups in which a track is needless only where one that stays stands for it.

    Groups overlap: what one keeps another one may give up, but not both for each other's sake.
    """
    given_up: dict[str, str] = {}

    def standing(track_id: str) -> str:
        while track_id in given_up:
            track_id = given_up[track_id]
        return track_id

    found = []
    for group in groups:
        members = []
        for member in group.members:
            keeper = standing(group.kept.track.id)
            own = member.track.id
            needless = group.could_spare(member) and own != keeper
            if needless and own not in given_up:
                given_up[own] = keeper
            members.append(replace(member, needless=needless))
        found.append(Group(group.kind, tuple(members)))
    return found


def _member(
    track: Track, kept: Track, size_bytes: int | None, ties: Mapping[tuple[int, int], Tie]
) -> Member:
    if track.number == kept.number or not ties:
        whole = Span(0.0, track.duration_s)
        return Member(track, size_bytes, segments=(Segment(whole, whole),))
    tie = ties.get((track.number, kept.number))
    if tie is None:  # one of a chain: it is told by how sure its own link is, without a place
        links = [tie for (one, _), tie in ties.items() if one == track.number]
        sure = max((link.confidence for link in links), default=0.0)
        return Member(track, size_bytes, sure)
    return Member(
        track,
        size_bytes,
        tie.confidence,
        tie.segments,
        tie.time_ratio,
        tie.pitch_shift_semitones,
        tie.covered,
    )
