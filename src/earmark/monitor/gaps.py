"""What no track explains, told when it is over, by what sounds there."""

from __future__ import annotations

from collections.abc import Iterator

from earmark.monitor.hearing import Hearing
from earmark.monitor.timeline import Gap, holes
from earmark.ports import GapKind, Sheet
from earmark.types import Span


class Gaps:
    """Follows the settled time and names what detections leave of it.

    Parameters
    ----------
    least_s
        Gaps shorter than this are not told.
    start_s
        Where the source begins.
    growing
        What is known of a gap that goes on there.
    """

    def __init__(self, least_s: float, start_s: float, growing: Gap | None = None) -> None:
        self._least_s = least_s
        self._hearing = Hearing()
        self._at_s = start_s
        self._explained: list[Span] = []
        self._growing: tuple[GapKind, Span] | None = None
        if growing is not None:
            self._growing = growing.kind, growing.span

    def take(self, sheet: Sheet) -> None:
        """Hear the next stretch."""
        self._hearing.take(sheet)

    def explained(self, span: Span) -> None:
        """Take note that a track plays there."""
        self._explained.append(span)

    def skip(self, until_s: float) -> None:
        """Go on after an outage."""
        self._at_s = until_s
        self._explained = [span for span in self._explained if span.end_s > until_s]
        self._hearing.forget(until_s)

    def until(self, settled_s: float, *, ended: bool) -> Iterator[Gap]:
        """Yield the gaps that are over now that everything before ``settled_s`` is known."""
        if settled_s > self._at_s:
            for hole in holes(self._explained, Span(self._at_s, settled_s)):
                for kind, span in self._hearing.labelled(hole.start_s, hole.end_s):
                    yield from self._grown(kind, span)
            self._at_s = settled_s
            self._explained = [span for span in self._explained if span.end_s > settled_s]
            self._hearing.forget(settled_s)
        if ended or (self._growing is not None and self._growing[1].end_s < settled_s - 0.05):
            yield from self._over()

    @property
    def growing(self) -> Gap | None:
        """What is known of a gap that goes on where all before is told."""
        return None if self._growing is None else Gap(*self._growing)

    def _grown(self, kind: GapKind, span: Span) -> Iterator[Gap]:
        if self._growing is not None:
            before, old = self._growing
            if before == kind and span.start_s - old.end_s < 0.05:
                self._growing = (kind, Span(old.start_s, span.end_s))
                return
        yield from self._over()
        self._growing = (kind, span)

    def _over(self) -> Iterator[Gap]:
        if self._growing is not None and self._growing[1].duration_s >= self._least_s:
            kind, span = self._growing
            yield Gap(kind, span)
        self._growing = None
