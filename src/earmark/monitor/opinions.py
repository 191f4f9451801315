"""Second opinions on what no recording explains: a cover, somebody humming, a like sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.wav import wav_bytes
from earmark.errors import InputError, StoreError, UsageError
from earmark.monitor.tape import Tape
from earmark.monitor.timeline import holes
from earmark.ports import Detection, Piece
from earmark.types import Clip, Kind, Match, Span

if TYPE_CHECKING:
    from earmark.library import Library

WINDOW_S = 20.0
"""A stretch is asked about in pieces of this length."""
LEAST_S = 6.0
"""Shorter holes are not asked about: nobody names a tune in less."""
LIKELY = {"melody": 0.6, "sound": 0.9}
"""Least confidence of a second opinion, by engine: what only sounds alike is never certain."""
_TOUCHING_S = 0.05


@dataclass(frozen=True, slots=True)
class Opinion:
    """A second opinion and a clip of what it was made from: asked from one second to another."""

    detection: Detection
    clip: Clip | None
    asked_s: float
    until_s: float


class Opinions:
    """Asks other engines about the holes between detections, as soon as those are settled.

    Parameters
    ----------
    kinds
        The engines to ask.
    start_s
        Where the source begins.
    evidence_s
        The most seconds of the source that an opinion keeps.
    """

    def __init__(
        self,
        library: Library,
        kinds: tuple[Kind, ...],
        start_s: float,
        new_id: Callable[[], str],
        evidence_s: float = 15.0,
    ) -> None:
        self._library = library
        self._kinds = kinds
        self._at_s = start_s
        self._new_id = new_id
        self._evidence_s = evidence_s
        self._explained: list[Span] = []
        self._growing: dict[Kind, Opinion] = {}

    def explained(self, span: Span) -> None:
        """Take note that a track plays there."""
        self._explained.append(span)

    def skip(self, until_s: float) -> None:
        """Go on after an outage."""
        self._at_s = until_s

    @property
    def settled_s(self) -> float:
        """Everything before this was asked about and told."""
        return min([self._at_s, *(held.asked_s for held in self._growing.values())])

    def until(
        self, settled_s: float, tape: Tape, *, closed: bool, ended: bool
    ) -> Iterator[Opinion]:
        """Ask about what is settled and unexplained; yield opinions that are complete.

        ``closed`` says that a track begins where the settled time ends, so that what is unexplained
        before it does not go on; ``ended`` that the source has ended there.
        """
        closed = closed or ended
        for hole in holes(self._explained, Span(self._at_s, max(self._at_s, settled_s))):
            open_end = hole.end_s >= settled_s and not closed
            at_s = hole.start_s
            while hole.end_s - at_s >= (WINDOW_S if open_end else LEAST_S):
                rest_s = hole.end_s - at_s
                # A rest that is too short by itself belongs to the piece before it.
                length_s = rest_s if rest_s < WINDOW_S + LEAST_S and not open_end else WINDOW_S
                clip = tape.cut(at_s, length_s)
                if clip is not None and clip.duration_s >= LEAST_S:
                    yield from self._asked(clip)
                at_s += length_s
            self._at_s = at_s if open_end else hole.end_s
        if closed or not self._waits(settled_s):
            self._at_s = max(self._at_s, settled_s)
        self._explained = [span for span in self._explained if span.end_s > self._at_s]
        # What the next question does not adjoin is complete.
        yield from self._over(
            kind
            for kind, held in self._growing.items()
            if closed or self._at_s > held.until_s + _TOUCHING_S
        )

    def _waits(self, settled_s: float) -> bool:
        """Return whether a hole goes on at the end of what is settled."""
        left = holes(self._explained, Span(self._at_s, max(self._at_s, settled_s)))
        return bool(left) and left[-1].end_s >= settled_s

    def _asked(self, clip: Clip) -> Iterator[Opinion]:
        until_s = clip.start_s + clip.duration_s
        for kind in self._kinds:
            match = self._best(kind, clip)
            held = self._growing.get(kind)
            if held is not None and not (
                match is not None
                and held.detection.track.id == match.track.id
                and clip.start_s - held.until_s <= _TOUCHING_S
            ):
                yield from self._over((kind,))
                held = None
            if match is None:
                continue
            if held is None:
                found = _detection(self._new_id(), match, _pieces(match, clip.start_s), None)
                kept = _part(clip, found, self._evidence_s)
                self._growing[kind] = Opinion(found, kept, clip.start_s, until_s)
            else:
                before = held.detection
                pieces = (*before.pieces, *_pieces(match, clip.start_s))
                found = _detection(before.id, match, pieces, before)
                kept = _longer(held.clip, clip, self._evidence_s)
                self._growing[kind] = Opinion(found, kept, held.asked_s, until_s)

    def _over(self, kinds: Iterable[Kind]) -> Iterator[Opinion]:
        for kind in list(kinds):
            held = self._growing.pop(kind, None)
            if held is not None:
                yield held

    def _best(self, kind: Kind, clip: Clip) -> Match | None:
        try:
            answer = self._library.identify(wav_bytes(clip), kind, 1, name="the source")
        except (InputError, StoreError, UsageError):
            # Too little voice, the library away, the engine switched off meanwhile: no opinion.
            return None
        best = answer.best
        sure = best is not None and best.segments and best.confidence >= LIKELY[kind]
        return best if sure else None


def _part(clip: Clip, found: Detection, length_s: float) -> Clip | None:
    """Return what is kept of a clip: from where the detection begins."""
    first = max(0, round((found.start_s - clip.start_s) * clip.rate_hz))
    samples = clip.samples[first : first + round(length_s * clip.rate_hz)].copy()
    return (
        Clip(samples, clip.rate_hz, clip.start_s + first / clip.rate_hz) if len(samples) else None
    )


def _longer(kept: Clip | None, clip: Clip, length_s: float) -> Clip | None:
    """Return what is kept, with the beginning of the clip that follows it where there is room."""
    room = 0 if kept is None else round(length_s * kept.rate_hz) - len(kept.samples)
    if kept is None or room <= 0:
        return kept
    samples = np.concatenate([kept.samples, clip.samples[:room]])
    return Clip(samples, kept.rate_hz, kept.start_s)


def _pieces(match: Match, start_s: float) -> tuple[Piece, ...]:
    pieces = (
        Piece(
            segment.query.shifted(start_s),
            segment.reference,
            match.time_ratio,
            match.pitch_shift_semitones,
            match.confidence,
            match.score,
        )
        for segment in match.segments
    )
    return tuple(sorted(pieces, key=lambda piece: piece.query.start_s))


def _detection(
    detection_id: str, match: Match, pieces: tuple[Piece, ...], before: Detection | None
) -> Detection:
    return Detection(
        id=detection_id,
        kind=match.kind,
        track=match.track,
        confidence=max(match.confidence, before.confidence if before else 0.0),
        score=max(match.score, before.score if before else 0.0),
        pieces=pieces,
        second=True,
        duplicates=match.duplicates,
    )
