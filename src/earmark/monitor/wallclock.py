"""When second 0 of a stream was, while sender's clock, network and wall clock disagree."""

from __future__ import annotations

WINDOW_S = 300.0


class Zero:
    """Where second 0 of a stream lies on the wall clock, in seconds since 1970.

    A block cannot be heard before it was sent: of all arrivals the one with the least delay places
    it best. So a burst at the start (Icecast sends what it has in hand) moves zero back at once;
    the least of the last five to ten minutes counts, so that a sender whose clock runs slow moves
    it forward too.

    Parameters
    ----------
    at
        The first guess: the arrival of the first block less its length.
    follows
        Whether the source is live; the zero of a file stays where it is.

    >>> zero = Zero(1000.0, follows=True)
    >>> zero.arrived(1001.0, 1.0), zero.arrived(1001.0, 5.0), zero.arrived(1009.0, 6.0)
    (1000.0, 996.0, 996.0)
    """

    def __init__(self, at: float, *, follows: bool) -> None:
        self.at = at
        self._follows = follows
        self._before = at
        self._least = at
        self._until = at + WINDOW_S

    def arrived(self, now: float, heard_s: float) -> float:
        """Take it that second ``heard_s`` of the stream arrived now; return zero."""
        if not self._follows:
            return self.at
        if now >= self._until:
            self._before, self._least = self._least, now - heard_s
            self._until = now + WINDOW_S
        self._least = min(self._least, now - heard_s)
        self.at = min(self._before, self._least)
        return self.at
