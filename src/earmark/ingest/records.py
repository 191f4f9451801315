"""What is written down for a file: from its own contents, or from a track with the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from earmark.ingest.analyse import Analysed, audio_identity
from earmark.ingest.scores import SCORE, kept
from earmark.ports import Analysis, NewTrack, SourceState, StoredFeatures, TrackStore
from earmark.types import Tags, Track


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as the plan met it, before anybody read it; ``order`` is its place in the inputs."""

    order: int
    size_bytes: int = -1
    modified_ns: int = -1


def from_file(source: str, seen: Seen, result: Analysed, labels: tuple[str, ...]) -> NewTrack:
    """Return the track that a file's analysis and tags make."""
    tags = result.tags or Tags()
    features = dict(result.features or {})
    return NewTrack(
        source=source,
        content_id=result.content_id,
        audio_id=audio_identity(features),
        duration_s=result.duration_s,
        features=features,
        size_bytes=seen.size_bytes,
        modified_ns=seen.modified_ns,
        title=text(tags.title),
        artist=text(tags.artist),
        album=text(tags.album),
        tags=labels,
        extra=extra_of(tags),
        cover=result.cover,
    )


def from_copy(
    source: str,
    seen: Seen,
    tracks: TrackStore,
    holder: SourceState,
    analyses: Sequence[Analysis[Any]],
    labels: tuple[str, ...],
    idle: Sequence[str] = (),
) -> NewTrack | None:
    """Return a track that shares the holder's audio, made without reading the file.

    None where the holder lacks features of an engine, so that the file has to be analysed.
    Features of engines that are ``idle`` (switched off) come along where there are any.
    """
    track = tracks.get(holder.track_id)
    features: dict[str, StoredFeatures] = {}
    for analysis in analyses:
        for _, item in tracks.features(analysis.name, [track.number]):
            if item.digest == analysis.digest:
                features[analysis.name] = item
    if len(features) < len(analyses):
        return None
    features |= stored_features(tracks, idle, track.number)
    return NewTrack(
        source=source,
        content_id=holder.content_id,
        audio_id=audio_identity(features),
        duration_s=track.duration_s,
        features=features,
        size_bytes=seen.size_bytes,
        modified_ns=seen.modified_ns,
        title=track.title,
        artist=track.artist,
        album=track.album,
        tags=labels,
        extra=dict(track.extra),
        cover=tracks.cover(holder.track_id),
    )


def again(
    tracks: TrackStore,
    track: Track,
    features: Mapping[str, StoredFeatures],
    extra: Mapping[str, str] | None = None,
) -> NewTrack:
    """Return a track to put once more under its id, with other features and so another number."""
    state = tracks.source_state(track.source)
    mine = state if state is not None and state.track_id == track.id else None
    return NewTrack(
        source=track.source,
        content_id=track.content_id,
        audio_id=audio_identity(features),
        duration_s=track.duration_s,
        features=features,
        size_bytes=mine.size_bytes if mine else -1,
        modified_ns=mine.modified_ns if mine else -1,
        title=track.title,
        artist=track.artist,
        album=track.album,
        tags=track.tags,
        extra=track.extra if extra is None else extra,
        cover=tracks.cover(track.id),
        track_id=track.id,
    )


def with_score(
    tracks: TrackStore, analyses: Sequence[Analysis[Any]], old: Track, new: NewTrack
) -> tuple[NewTrack, str | None]:
    """Return the track of a file that has changed, with the score attached to the old one.

    Returns
    -------
    tuple
        The track, and the score's file where it could not be kept. A track that brings a score of
        its own is left as it is.
    """
    score = old.extra.get(SCORE)
    if score is None or SCORE in new.extra:
        return new, None
    before = stored_features(tracks, [analysis.name for analysis in analyses], old.number)
    features, lost = kept(analyses, new.source, before, new.features)
    extra = dict(new.extra) if lost else {**new.extra, SCORE: score}
    kept_track = replace(new, audio_id=audio_identity(features), features=features, extra=extra)
    return kept_track, score if lost else None


def score_lost(track_id: str, score: str) -> str:
    """Return the sentence that tells of it."""
    return f"the score of {track_id} could not be kept; `earmark add {score} --for {track_id}`"


def extra_of(tags: Tags) -> dict[str, str]:
    """Return what a file tells besides title, artist and album."""
    told = {"date": tags.date, "genre": tags.genre, "isrc": tags.isrc}
    return {key: text(value) for key, value in told.items() if value}


def stored_features(
    tracks: TrackStore, engines: Iterable[str], number: int
) -> dict[str, StoredFeatures]:
    """Return the features that one number has of those engines."""
    return {name: item for name in engines for _, item in tracks.features(name, [number])}


def text(value: str | None) -> str:
    """Return text that every store can hold: no lone surrogates, no NUL."""
    return (value or "").replace("\0", " ").encode("utf-8", "replace").decode("utf-8").strip()
