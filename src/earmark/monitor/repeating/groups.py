"""Links become groups: plays of the same thing, each told once, as long as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from earmark.monitor.repeating.links import Link

Stretches = list[tuple[int, int]]
"""The plays of one group: frames [start, end) of the axis."""
_COVER = 0.6
"""Share of a play that another stretch must cover to be the same play."""


@dataclass(slots=True)
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

    plays: list[_Play] = field(default_factory=list)
    _count: int = 0

    @classmethod
    def of(cls, links: Sequence[Link]) -> Groups:
        """Put links together."""
        groups = cls()
        for link in sorted(links, key=lambda link: (-link.frames, link.start, link.distance)):
            groups._add(link)
        return groups

    def told(self) -> list[Stretches]:
        """Return each group's plays, the group with most sound first.

        Plays of one group that overlap are one; a play that mostly lies in one of a group before
        is not told again.
        """
        groups: dict[int, Stretches] = {}
        for play in sorted(self.plays, key=lambda play: (play.start, play.end)):
            own = groups.setdefault(play.group, [])
            if own and play.start < own[-1][1]:
                own[-1] = (own[-1][0], max(own[-1][1], play.end))
            else:
                own.append((play.start, play.end))
        taken, told = Stretches(), list[Stretches]()
        for plays in sorted(groups.values(), key=_sound, reverse=True):
            left = [play for play in plays if not any(_mostly(play, other) for other in taken)]
            if len(left) > 1:
                taken += left
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
                self.plays.append(_Play(*other, first.group))
        elif second is not None:
            if self._within(second.group, *one) is None:
                self.plays.append(_Play(*one, second.group))
        elif not self._inside(one, other):
            self.plays += [_Play(*one, self._count), _Play(*other, self._count)]
            self._count += 1

    def _same(self, start: int, end: int) -> _Play | None:
        best = max(self.plays, key=lambda play: play.covered(start, end), default=None)
        return best if best is not None and best.covered(start, end) >= _COVER else None

    def _within(self, group: int, start: int, end: int) -> _Play | None:
        mine = (play for play in self.plays if play.group == group)
        return next((play for play in mine if play.holds(start, end)), None)

    def _inside(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Return whether a group already says that these two places are alike."""
        groups = {play.group for play in self.plays if play.holds(*one)}
        return any(play.group in groups for play in self.plays if play.holds(*other))

    def _unite(self, one: int, other: int) -> None:
        for play in self.plays:
            if play.group == other:
                play.group = one


def _sound(plays: Stretches) -> int:
    return sum(end - start for start, end in plays)


def _mostly(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return min(one[1], other[1]) - max(one[0], other[0]) > 0.5 * (one[1] - one[0])
