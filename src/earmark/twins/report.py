"""What a search for duplicates came to: groups of tracks, what to keep, what that would save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from earmark.twins.ties import WHOLE, TwinKind
from earmark.types import Segment, Track


@dataclass(frozen=True, slots=True)
class Member:
    """A track of a group.

    ``segments`` pair its stretches (query) with those of the track to keep (reference), longest
    first; ``covered`` is the share of its own length that they hold. ``size_bytes`` is that of its
    file, None where that is not there. ``needless``: one that stays holds all of its sound.
    """

    track: Track
    size_bytes: int | None
    confidence: float = 1.0
    segments: tuple[Segment, ...] = ()
    time_ratio: float = 1.0
    pitch_shift_semitones: float = 0.0
    covered: float = 1.0
    needless: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return its JSON shape."""
        track = self.track
        return {
            "track": {
                "id": track.id,
                "title": track.title,
                "artist": track.artist,
                "source": track.source,
                "duration_s": round(track.duration_s, 4),
            },
            "size_bytes": self.size_bytes,
            "confidence": round(self.confidence, 4),
            "segments": segments_shape(self.segments),
            "time_ratio": round(self.time_ratio, 6),
            "pitch_shift_semitones": round(self.pitch_shift_semitones, 3),
            "covered": round(self.covered, 4),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Tracks that are one another: the one to keep first, then the others, surest first."""

    kind: TwinKind
    members: tuple[Member, ...]

    @property
    def kept(self) -> Member:
        """The one to keep: see `earmark.twins.best`."""
        return self.members[0]

    @property
    def removable(self) -> tuple[Member, ...]:
        """Those that are needless."""
        return tuple(member for member in self.members if member.needless)

    def could_spare(self, member: Member) -> bool:
        """Whether the kept one holds all of a member's sound.

        Of tunes none does: a cover is a recording of its own. Of excerpts it does that of those
        that lie in it as a whole.
        """
        if member is self.kept or self.kind == "tune":
            return False
        return self.kind != "excerpt" or member.covered >= WHOLE

    @property
    def confidence(self) -> float:
        """That of the least sure member."""
        return min(member.confidence for member in self.members)

    @property
    def saved_bytes(self) -> int | None:
        """What removing them and their files would save; None where no size is known."""
        sizes = [m.size_bytes for m in self.removable if m.size_bytes is not None]
        return sum(sizes) if sizes or not self.removable else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of one line of ``dedupe --json``."""
        return {
            "kind": self.kind,
            "confidence": round(self.confidence, 4),
            "keep": self.kept.track.id,
            "remove": [member.track.id for member in self.removable],
            "saved_bytes": self.saved_bytes,
            "members": [member.as_dict() for member in self.members],
        }


@dataclass(frozen=True, slots=True)
class DedupeReport:
    """Every group of a library.

    ``audios`` are the different ones that were looked at; ``skipped`` are sentences about what
    could not be asked, by kind.
    """

    groups: tuple[Group, ...]
    tracks: int
    audios: int
    wall_s: float
    skipped: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def saved_bytes(self) -> int:
        """What is saved by removing every track that another one makes needless, each once."""
        sizes = {m.track.id: m.size_bytes or 0 for group in self.groups for m in group.removable}
        return sum(sizes.values())

    @property
    def unknown_sizes(self) -> int:
        """How many of those tracks have no file whose size could be told."""
        ids = {m.track.id for group in self.groups for m in group.removable if m.size_bytes is None}
        return len(ids)

    def counts(self) -> dict[str, int]:
        """Return how many groups there are of each kind that was found."""
        found: dict[str, int] = {}
        for group in self.groups:
            found[group.kind] = found.get(group.kind, 0) + 1
        return found

    def totals(self) -> dict[str, Any]:
        """Return the JSON shape of the last line of ``dedupe --json``."""
        return {
            "groups": len(self.groups),
            "kinds": self.counts(),
            "tracks": self.tracks,
            "audios": self.audios,
            "saved_bytes": self.saved_bytes,
            "unknown_sizes": self.unknown_sizes,
            "skipped": dict(self.skipped),
            "wall_s": round(self.wall_s, 3),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON: the totals, and ``groups`` as a list."""
        return {**self.totals(), "groups": [group.as_dict() for group in self.groups]}


def segments_shape(segments: tuple[Segment, ...]) -> list[dict[str, Any]]:
    """Return aligned pairs as JSON, in seconds."""
    return [
        {
            name: {key: round(value, 4) for key, value in asdict(span).items()}
            for name, span in (("query", segment.query), ("reference", segment.reference))
        }
        for segment in segments
    ]
