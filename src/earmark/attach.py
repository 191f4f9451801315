"""A score attached to a recording, or taken off: new features, a new number, the same track."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.errors import StoreError, UsageError
from earmark.ingest.analyse import score_bytes
from earmark.ingest.records import again, stored_features
from earmark.ingest.scores import SCORE, attached, detached, file_of, piece_of, reader_of, suffixes
from earmark.ports import Analysis, NewTrack, ScoreReader, StoredFeatures, TrackStore
from earmark.types import Track


@dataclass(frozen=True, slots=True)
class Scored:
    """What attaching needs of a library.

    ``engines`` are all whose features a number may have, those that are switched off too; ``put``
    writes tracks durably and brings the indexes up to date.
    """

    tracks: TrackStore
    analyses: Sequence[Analysis[Any]]
    engines: Sequence[str]
    put: Callable[[Sequence[NewTrack]], None]


def attach(library: Scored, score: str, track_id: str, part: str | None) -> Track:
    """Attach a score to a track and to all that share its audio; see `Library.attach`."""
    track = library.tracks.get(track_id)
    if reader_of(library.analyses, track.source) is not None:
        message = f"{track.label!r} is a score itself; nothing is attached to it"
        raise UsageError(message)
    reader = reader_of(library.analyses, score)
    if reader is None:
        known = " ".join(sorted(suffixes(library.analyses))) or "none"
        message = f"no engine that is on reads {score!r} as a score; known endings: {known}"
        raise UsageError(message)
    if part is not None and piece_of(score) is not None:
        message = f"{score!r} names its tune already; leave the part out"
        raise UsageError(message)
    file = file_of(score)
    data, wanted = score_bytes(file, file), part or piece_of(score)
    pieces = reader.pieces(data, file) if wanted is None else ()
    if len(pieces) > 1:
        few = ", ".join(pieces[:10]) + (", ..." if pieces[10:] else "")
        message = f"{score!r} holds {len(pieces)} tunes ({few}); name one with --part"
        raise UsageError(message)
    read = reader.read(data, file, wanted)
    with library.tracks.writing():
        track = library.tracks.get(track_id)
        features = stored_features(library.tracks, library.engines, track.number)
        stored = _current(features, reader, track)
        features[reader.name] = attached(reader, stored, read)
        name = str(Path(score).expanduser().absolute())
        _put(library, track, features, lambda extra: {**extra, SCORE: name})
    return library.tracks.get(track_id)


def detach(library: Scored, track_id: str) -> Track:
    """Take what was attached off a track and all that share its audio; see `Library.detach`."""
    with library.tracks.writing():
        track = library.tracks.get(track_id)
        before = stored_features(library.tracks, library.engines, track.number)
        features = dict(before)
        if reader_of(library.analyses, track.source) is None:
            for analysis in library.analyses:
                if isinstance(analysis, ScoreReader):
                    stored = _current(features, analysis, track)
                    features[analysis.name] = detached(analysis, stored)
        if features == before and SCORE not in track.extra:
            message = f"no score is attached to {track.label!r}"
            raise UsageError(message)
        _put(library, track, features, lambda extra: {k: v for k, v in extra.items() if k != SCORE})
    return library.tracks.get(track_id)


def _current(
    features: Mapping[str, StoredFeatures], analysis: Analysis[Any], track: Track
) -> StoredFeatures:
    stored = features.get(analysis.name)
    if stored is None or stored.digest != analysis.digest:
        message = (
            f"{track.label!r} has not been analysed for {analysis.name!r} yet; "
            "run `earmark rebuild` first"
        )
        raise StoreError(message)
    return stored


def _put(
    library: Scored,
    track: Track,
    features: Mapping[str, StoredFeatures],
    changed: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> None:
    holders = library.tracks.by_number([track.number])[track.number]
    library.put([again(library.tracks, one, features, changed(one.extra)) for one in holders])
