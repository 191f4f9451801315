"""Timelines out of JSON again: what a checkpoint and a finished scan hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from earmark.monitor.timeline import Gap, Play, Repeat, Timeline
from earmark.ports import Detection, Piece
from earmark.types import Span, Track


def detection_shape(detection: Detection) -> dict[str, Any]:
    """Return a detection as JSON with nothing rounded or left out."""
    return asdict(detection)


def detection_of(shape: Mapping[str, Any]) -> Detection:
    """Return the detection of `detection_shape`, or of `Detection.as_dict` as far as that goes."""
    track = shape["track"]
    return Detection(
        id=shape["id"],
        kind=shape["kind"],
        track=Track(
            id=track["id"],
            source=track["source"],
            content_id=track.get("content_id", ""),
            duration_s=track["duration_s"],
            number=track.get("number", 0),
            title=track["title"],
            artist=track["artist"],
            album=track.get("album", ""),
            tags=tuple(track.get("tags", ())),
            extra=track.get("extra", {}),
            added_at=track.get("added_at", ""),
        ),
        confidence=shape["confidence"],
        score=shape["score"],
        pieces=tuple(_piece(piece, shape["score"]) for piece in shape["pieces"]),
        open=shape["open"],
        second=shape.get("second", shape.get("second_opinion", False)),
        duplicates=tuple(shape["duplicates"]),
    )


def gap_of(shape: Mapping[str, Any]) -> Gap:
    """Return the gap of `Gap.as_dict`."""
    return Gap(shape["kind"], span_of(shape), shape.get("group"))


def span_of(shape: Mapping[str, Any]) -> Span:
    """Return the span of ``start_s`` and ``end_s``."""
    return Span(shape["start_s"], shape["end_s"])


def timeline_of(shape: Mapping[str, Any]) -> Timeline:
    """Return the timeline of `Timeline.as_dict`; of tracks only what that tells."""
    return Timeline(
        input=shape["input"],
        duration_s=shape["duration_s"],
        detections=tuple(detection_of(one) for one in shape["detections"]),
        gaps=tuple(gap_of(one) for one in shape["gaps"]),
        repeats=tuple(_repeat(one) for one in shape["repeats"]),
        outages=tuple(span_of(one) for one in shape["outages"]),
        warnings=tuple(shape["warnings"]),
        timing_ms=dict(shape["timing_ms"]),
    )


def _piece(shape: Mapping[str, Any], score: float) -> Piece:
    return Piece(
        query=span_of(shape["query"]),
        reference=span_of(shape["reference"]),
        time_ratio=shape["time_ratio"],
        pitch_shift_semitones=shape["pitch_shift_semitones"],
        confidence=shape["confidence"],
        score=shape.get("score", score),
    )


def _repeat(shape: Mapping[str, Any]) -> Repeat:
    plays = tuple(Play(play["source"], span_of(play)) for play in shape["plays"])
    return Repeat(shape["id"], plays)
