"""Links become groups: plays of the same thing, each told once, as long as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from earmark.monitor.repeating.links import Link
from earmark.monitor.repeating.places import Places

Stretches = list[tuple[int, int]]
"""The plays of one group: frames [start, end) of the axis."""
_COVER = 0.6
"""Share of a play that another stretch must cover to be the same play."""


@dataclass(slots=True, eq=False)
class _Play:
    """One play: frames of the axis, and the group that it belongs to."""

    start: int
    end: int
    group: int

    def covered(self, start: int, end: int) -> float:
        """Return the share of the longer of the two that both cover."""
        shared = min(self.end, end) - max(self.start, start)
        return shared / max(self.end - self.start, end - start)

    def holds(self, start: int, end: int) -> bool:
        """Return whether a stretch lies in it, all but a little."""
        return min(self.end, end) - max(self.start, start) >= 0.8 * (end - start)


@dataclass(slots=True)
class Groups:
    """Plays as they are put together, the longest links first."""

    _places: Places[_Play] = field(default_factory=Places)
    _members: dict[int, list[_Play]] = field(default_factory=dict)
    _count: int = 0

    @classmethod
    def of(cls, links: Sequence[Link]) -> Groups:
        """Put links together."""
        groups = cls()
        for link in sorted(links, key=lambda link: (-link.frames, link.start, link.distance)):
            groups._add(link)
        return groups

    @property
    def compared(self) -> int:
        """How many plays were held against others to put them together."""
        return self._places.looked_at

    def told(self) -> list[Stretches]:
        """Return each group's plays, the group with most sound first.

        Plays of one group that overlap are one; a play that mostly lies in one of a group before
        is not told again.
        """
        groups = [_joined(plays) for plays in self._members.values()]
        taken, told = Places[_Play](), list[Stretches]()
        for plays in sorted(sorted(groups), key=_sound, reverse=True):
            left = [play for play in plays if not any(_mostly(play, o) for o in taken.near(*play))]
            if len(left) > 1:
                for start, end in left:
                    taken.put(_Play(start, end, 0))
                told.append(left)
        return told

    def _add(self, link: Link) -> None:
        one = (link.start, link.end)
        other = (link.start + link.distance, link.end + link.distance)
        first, second = self._same(*one), self._same(*other)
        if first is not None and second is not None:
            self._unite(first.group, second.group)
        elif first is not None:
            if self._within(first.group, *other) is None:
                self._put(*other, first.group)
        elif second is not None:
            if self._within(second.group, *one) is None:
                self._put(*one, second.group)
        elif not self._inside(one, other):
            self._put(*one, self._count)
            self._put(*other, self._count)
            self._count += 1

    def _put(self, start: int, end: int, group: int) -> None:
        play = _Play(start, end, group)
        self._places.put(play)
        self._members.setdefault(group, []).append(play)

    def _same(self, start: int, end: int) -> _Play | None:
        near = self._places.near(start, end)
        best = max(near, key=lambda play: play.covered(start, end), default=None)
        return best if best is not None and best.covered(start, end) >= _COVER else None

    def _within(self, group: int, start: int, end: int) -> _Play | None:
        mine = (play for play in self._places.near(start, end) if play.group == group)
        return next((play for play in mine if play.holds(start, end)), None)

    def _inside(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Return whether a group already says that these two places are alike."""
        groups = {play.group for play in self._places.near(*one) if play.holds(*one)}
        there = (play for play in self._places.near(*other) if play.holds(*other))
        return any(play.group in groups for play in there)

    def _unite(self, one: int, other: int) -> None:
        if one == other:
            return
        if len(self._members[one]) < len(self._members[other]):
            one, other = other, one
        moved = self._members.pop(other)
        for play in moved:
            play.group = one
        self._members[one] += moved


def _joined(plays: Sequence[_Play]) -> Stretches:
    """Return plays in the order of time, those that overlap as one."""
    own = Stretches()
    for play in sorted(plays, key=lambda play: (play.start, play.end)):
        if own and play.start < own[-1][1]:
            own[-1] = (own[-1][0], max(own[-1][1], play.end))
        else:
            own.append((play.start, play.end))
    return own


def _sound(plays: Stretches) -> int:
    return sum(end - start for start, end in plays)


def _mostly(one: tuple[int, int], other: _Play) -> bool:
    return min(one[1], other.end) - max(one[0], other.start) > 0.5 * (one[1] - one[0])
