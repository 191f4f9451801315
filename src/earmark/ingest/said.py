"""What a caller says of a track, laid over what its file says and what was there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from earmark.ingest.records import text
from earmark.ingest.scores import SCORE
from earmark.ports import NewTrack, TrackChanges
from earmark.types import Track

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said:
    """Metadata; None leaves a field to the file, or as it is."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    tags: Sequence[str] | None = None
    extra: Mapping[str, str] | None = None

    def cleaned(self) -> Said:
        """Return the same as text that every store can hold."""
        tags, extra = self.tags, self.extra
        return Said(
            _text(self.title),
            _text(self.artist),
            _text(self.album),
            None if tags is None else tuple(filter(None, dict.fromkeys(map(text, tags)))),
            None if extra is None else {text(name): text(value) for name, value in extra.items()},
        )

    def changes(self, held: Track) -> TrackChanges:
        """Return what differs from a track; a score that is attached to it stays named."""
        extra = self.extra
        if extra is not None and SCORE in held.extra:
            extra = {**extra, SCORE: held.extra[SCORE]}
        return TrackChanges(
            other(self.title, held.title),
            other(self.artist, held.artist),
            other(self.album, held.album),
            other(None if self.tags is None else tuple(self.tags), held.tags),
            other(extra, dict(held.extra)),
        )

    def over(self, new: NewTrack, before: Track | None) -> NewTrack:
        """Return a file's track as it is to stand: these words, else the file's, else the old."""
        old = {} if before is None else {k: v for k, v in before.extra.items() if k != SCORE}
        score = {SCORE: new.extra[SCORE]} if SCORE in new.extra else {}
        old_tags = before.tags if before is not None else new.tags
        return replace(
            new,
            title=_first(self.title, new.title, before.title if before else ""),
            artist=_first(self.artist, new.artist, before.artist if before else ""),
            album=_first(self.album, new.album, before.album if before else ""),
            tags=old_tags if self.tags is None else tuple(self.tags),
            extra={**old, **new.extra} if self.extra is None else {**self.extra, **score},
        )


def other(said: T | None, held: T) -> T | None:
    """Return what is said where it differs from what is held, else None."""
    return None if said is None or said == held else said


def _text(value: str | None) -> str | None:
    return None if value is None else text(value)


def _first(said: str | None, *others: str) -> str:
    return said if said is not None else next(filter(None, others), "")
