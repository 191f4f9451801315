"""What is held twice, and how two sounds differ."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.library.opened import Opened
from earmark.reports import ProgressCallback

if TYPE_CHECKING:
    from earmark.audio.stream import Source
    from earmark.twins.comparison import Comparison
    from earmark.twins.report import DedupeReport


class Twins(Opened):
    """Questions about tracks that are one another, or nearly."""

    def dedupe(
        self,
        kinds: Sequence[str] | None = None,
        *,
        least_confidence: float = 0.9,
        progress: ProgressCallback | None = None,
        stop: threading.Event | None = None,
    ) -> DedupeReport:
        """Find every group of duplicates; nothing is changed, and no file is decoded.

        Parameters
        ----------
        kinds
            Of ``exact`` (the same samples), ``recording`` (in another codec, gain, trim or speed),
            ``excerpt`` (one is a part of the other), ``tune`` and ``sound``; None: all.
        least_confidence
            Ties that are less sure are left out.
        progress
            Called with how far it is; every engine goes through all audios once.
        stop
            Once set, what was found so far is reported, as ``interrupted``.

        Raises
        ------
        UsageError
            There is no such kind, or no such confidence.
        StoreError
            The library is the trouble.
        """
        from earmark.twins.dedupe import Dedupe
        from earmark.twins.ties import KINDS

        asked = KINDS if kinds is None else tuple(dict.fromkeys(kinds))
        search = Dedupe(self._indexes, self._tracks, asked, least_confidence, progress, stop)
        return search.run()

    def compare(
        self,
        a: Source,
        b: Source,
        *,
        names: tuple[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Comparison:
        """Say how two sounds lie on one another, and what differs.

        Parameters
        ----------
        a, b
            The id of a track of this library, or a path, an http(s) URL, bytes, or a binary file
            object that need not be in it.
        names
            What the comparison calls them.
        stop
            Once set, it is given up.

        Raises
        ------
        InputError
            One of them is the trouble; a track whose file is gone is compared by what is stored.
        UsageError
            No engine that compares recordings is on.
        StoppedError
            ``stop`` was set.
        StoreError
            The library is the trouble.
        """
        from earmark.twins.compare import compare

        return compare(self._indexes, self._tracks, a, b, self._limits(), names, stop)
