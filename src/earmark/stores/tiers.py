"""Which immutable runs to merge, and which of their tracks still live; the same for every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from earmark.ports import Numbers, Payload

Flags = npt.NDArray[np.bool_]


class Payloads(Protocol):
    """The bytes given with each track of a run."""

    def __getitem__(self, index: int, /) -> Payload:
        """Return the bytes of the run's ``index``-th track, checked."""


class Numbered(Protocol):
    """A run: immutable, of some tracks."""

    @property
    def numbers(self) -> Numbers:
        """The number of each track."""


class Live(Protocol):
    """A run and which of its tracks can still be found; ``name`` is its segment file, if any."""

    @property
    def name(self) -> str | None:
        """The file it is mapped from."""

    @property
    def alive(self) -> Flags:
        """A flag for each track."""

    @property
    def size(self) -> int:
        """How many items (postings, vectors) can be found."""

    @property
    def whole(self) -> int:
        """How many items lie in it, dead ones too."""

    def renamed(self, name: str | None) -> Self:
        """Return it as if it lay in another file, or in none."""


R = TypeVar("R", bound=Numbered)
L = TypeVar("L", bound=Live)


def tiers(
    runs: Sequence[L], small: int, share: int, fits: Callable[[Sequence[L]], bool]
) -> list[list[L]]:
    """Return neighbours to merge, so that few runs remain and each item is moved rarely.

    Neighbours join while the newer holds at least one ``share``-th of the older, or the older has
    fewer than ``small`` items: sizes then rise by that factor, which keeps their number
    logarithmic and moves each item a logarithmic number of times. Each run of postings costs every
    query a look-up of its own, while moving a posting takes 15 ns. Only what ``fits`` joins.
    """
    groups: list[list[L]] = []
    for run in runs:
        groups.append([run])
        while len(groups) > 1 and _joins(groups[-2], groups[-1], small, share):
            if not fits([*groups[-2], *groups[-1]]):
                break
            newer = groups.pop()
            groups[-1].extend(newer)
    return groups


def _joins(older: Sequence[Live], newer: Sequence[Live], small: int, share: int) -> bool:
    old, new = (sum(live.size for live in group) for group in (older, newer))
    return old < small or share * new >= old


def rewritten_if_dead(group: list[L]) -> list[L]:
    """Return the group; a segment alone in it that is over a third dead loses its file's name."""
    if len(group) > 1 or 3 * group[0].size >= 2 * group[0].whole > 0:
        return group
    return group if group[0].alive.all() else [group[0].renamed(None)]


def settled(
    runs: Sequence[tuple[str, R]],
    removed: Iterable[int],
    live_of: Callable[[R, Flags, str], L],
) -> list[L]:
    """Return segments with a number alive only in the newest that holds it, and not if removed."""
    hidden = np.array(list(removed), np.int64)
    lives: list[L] = []
    for name, run in reversed(runs):
        alive = ~np.isin(run.numbers, hidden)
        hidden = np.concatenate([hidden, run.numbers])
        lives.append(live_of(run, alive, name))
    return lives[::-1]
