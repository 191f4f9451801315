"""Unknown music that repeats within an archive or a stream: jingles that nobody registered."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from earmark.monitor.repeating.archive import Archive
from earmark.monitor.repeating.groups import Groups, Stretches
from earmark.monitor.repeating.links import Link, Verifier
from earmark.monitor.repeating.matches import seeds
from earmark.monitor.repeating.peaks import PeakPicker, RepeatPeaks, SourcePeaks, Stretch
from earmark.monitor.repeating.surroundings import Surroundings
from earmark.monitor.timeline import Play, Repeat, united
from earmark.ports.following import Sheet
from earmark.recording.params import RecordingParams
from earmark.types import Span

_EXPLAINED_KEPT = 256
"""Spans of known recordings are united when so many have come together."""


@dataclass(slots=True)
class _Source:
    """What is kept of one source while it is heard."""

    picker: PeakPicker
    stretches: deque[Stretch] = field(default_factory=deque)
    explained: list[Span] = field(default_factory=list)
    frame_s: float = 0.0

    @property
    def settled(self) -> int:
        """The frame up to which peaks are kept."""
        return self.stretches[-1].end if self.stretches else 0

    def all(self) -> tuple[Stretch, ...]:
        """Return what is kept, and what is heard but not settled."""
        return (*self.stretches, *self.picker.tail())


class Repeats:
    """Keeps the peaks of what was heard, 150 bytes a second, and finds what was played again.

    Parameters
    ----------
    hours
        How much is kept, over all sources; beyond, the oldest is forgotten.

    Notes
    -----
    A *play* is found where at least four seconds are the same twice: in two sources, eight
    minutes or more apart in one, or nearer with a known recording between. What a song repeats
    of itself is not told: where the music of most plays goes on around them, the group is
    dropped.
    """

    def __init__(self, hours: float = 48.0) -> None:
        self._hours = hours
        self._sources: dict[str, _Source] = {}
        self._kept_s = 0.0
        self._order = deque[str]()  # whose stretches came when
        self._newest = ""

    def take(self, source: str, sheet: Sheet) -> None:
        """Take the next sheet of a source; sheets of one source come in order."""
        kept = self._source(source)
        kept.frame_s = sheet.frame_s
        self._keep(source, kept.picker.take(sheet))

    def explained(self, source: str, span: Span) -> None:
        """Take it that a known recording plays there: it is no unknown music."""
        kept = self._source(source)
        kept.explained.append(span)
        if len(kept.explained) % _EXPLAINED_KEPT == 0:
            kept.explained = united(kept.explained)

    def extract(self) -> RepeatPeaks:
        """Return all that is kept, to be pickled and absorbed by another process."""
        return RepeatPeaks(tuple(self._extracted()))

    def absorb(self, peaks: RepeatPeaks) -> None:
        """Take what another process has heard; of a source known here, what is later."""
        for told in peaks.sources:
            kept = self._source(told.source)
            kept.frame_s = told.frame_s
            kept.explained = united([*kept.explained, *told.explained])
            settled = kept.settled
            self._keep(told.source, (s for s in told.stretches if s.first >= settled))

    def find(self) -> tuple[Repeat, ...]:
        """Return everything that was played several times, in the order of first plays."""
        archive = Archive.of(list(self._extracted()))
        verifier = Verifier(archive)
        groups = Groups.of(links(archive, verifier)).told()
        kept = Surroundings(archive, verifier).without_songs(groups)
        return tuple(_repeat(archive, plays) for plays in sorted(kept))

    def _source(self, name: str) -> _Source:
        if name not in self._sources:
            self._sources[name] = _Source(PeakPicker(RecordingParams().reference))
        return self._sources[name]

    def _extracted(self) -> Iterator[SourcePeaks]:
        for name, kept in self._sources.items():
            if kept.frame_s > 0.0:
                yield SourcePeaks(name, kept.frame_s, kept.all(), tuple(united(kept.explained)))

    def _keep(self, name: str, stretches: Iterable[Stretch]) -> None:
        kept, self._newest = self._sources[name], name
        for stretch in stretches:
            kept.stretches.append(stretch)
            self._order.append(name)
            self._kept_s += (stretch.end - stretch.first) * kept.frame_s
        while self._kept_s > self._hours * 3600.0:
            self._forget_one()

    def _forget_one(self) -> None:
        name = self._order.popleft()
        oldest = self._sources[name]
        gone = oldest.stretches.popleft()
        self._kept_s -= (gone.end - gone.first) * oldest.frame_s
        before_s = gone.end * oldest.frame_s
        oldest.explained = [span for span in oldest.explained if span.end_s > before_s]
        if not oldest.stretches and name != self._newest:
            del self._sources[name]


def links(archive: Archive, verifier: Verifier) -> list[Link]:
    """Return what is the same twice, each pair of stretches once."""
    kept: dict[int, list[Link]] = {}
    found = seeds(archive)
    rows = zip(found.frames.tolist(), found.distances.tolist(), strict=True)
    for frame, distance in rows:
        near = (link for cell in range(-1, 2) for link in kept.get((distance >> 2) + cell, ()))
        if any(link.start <= frame <= link.end for link in near):
            continue
        link = verifier.link(frame, distance)
        if link is not None:
            kept.setdefault(distance >> 2, []).append(link)
    return [link for cell in kept.values() for link in cell]


def _repeat(archive: Archive, stretches: Stretches) -> Repeat:
    plays = []
    for start, end in sorted(stretches):
        number = int(archive.source(start))
        zero, frame_s = int(archive.zeros[number]), archive.frame_s
        span = Span((start - zero) * frame_s, (end - zero) * frame_s)
        plays.append(Play(archive.names[number], span))
    first = plays[0]
    mark = f"{first.source}\0{first.span.start_s:.0f}".encode()
    return Repeat(hashlib.sha256(mark).hexdigest()[:12], tuple(plays))
