"""What an engine may be besides: it compares features that are stored, without any audio."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, TypeVar, runtime_checkable

from earmark.types import Finding

F_contra = TypeVar("F_contra", contravariant=True)
NO_NUMBER = -1
"""The number in a finding about features that no index knows."""


@runtime_checkable
class Twinned(Protocol[F_contra]):
    """What an `Engine` may be besides.

    In its findings the query is what the first features were made of.
    """

    def twins(
        self, number: int, features: F_contra, limit: int, without: Collection[int] = ()
    ) -> list[Finding]:
        """Return the numbers that hold the same as a known one, or a part of it, surest first.

        The work must not grow with the number of tracks faster than a search does: no number is
        compared with every other one.

        Parameters
        ----------
        features
            Those of ``number``, as the truth keeps them.
        without
            Numbers to leave out, besides ``number`` itself.
        """

    def laid(self, features: F_contra, other: F_contra) -> Finding | None:
        """Return how two lie on one another, with `NO_NUMBER`; None where nothing is the same.

        Neither has to be known.
        """
