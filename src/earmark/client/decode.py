"""JSON becomes the classes it was made from: answers and tracks as the library gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from earmark.client.shapes import (
    number,
    numbers,
    readable,
    seq,
    table,
    text,
    text_or_none,
    texts,
    truth,
)
from earmark.client.values import HeldTrack
from earmark.types import (
    Answer,
    Considered,
    Contours,
    Evidence,
    Kind,
    Landmark,
    Match,
    Outcome,
    QueryFacts,
    Segment,
    Span,
    Track,
)

NO_NUMBER = -1
"""The number of a track from elsewhere: numbers are a library's own."""


def answer_from(json: Any) -> Answer:  # noqa: ANN401 - whatever JSON holds
    """Return an answer from its JSON: of the service, or of ``identify --json``.

    What ``drawing`` asked for becomes landmarks and contours, so that ``match.plot()`` works.

    Raises
    ------
    ServiceError
        It is not the JSON of an answer.
    """
    with readable("this answer"):
        return read_answer(json)


def track_from(json: Any) -> HeldTrack:  # noqa: ANN401
    """Return a track from its JSON: of the service, or of ``list --json``.

    Raises
    ------
    ServiceError
        It is not the JSON of a track.
    """
    with readable("this track"):
        return read_track(json)


def read_answer(json: Any) -> Answer:  # noqa: ANN401
    """Return an answer; raises what reading anything else raises (see `shapes.readable`)."""
    shape = table(json)
    query = shape.get("query")
    return Answer(
        input=text(shape["input"]),
        outcome=cast(Outcome, text(shape["outcome"])),
        matches=tuple(_match(one) for one in seq(shape["matches"])),
        query=None if query is None else _query(table(query)),
        reason=text_or_none(shape.get("reason")),
        code=text_or_none(shape.get("code")),
        considered=tuple(_considered(table(one)) for one in seq(shape.get("considered", []))),
        timing_ms={name: number(ms) for name, ms in table(shape.get("timing_ms", {})).items()},
        warnings=texts(shape.get("warnings", [])),
    )


def read_track(json: Any, etag: str = "") -> HeldTrack:  # noqa: ANN401
    """Return a track as a service holds it; raises as `read_answer`."""
    shape = table(json)
    return HeldTrack(
        id=text(shape["id"]),
        source=text(shape["source"]),
        content_id=text(shape["content_id"]),
        duration_s=number(shape["duration_s"]),
        number=NO_NUMBER,
        title=text(shape.get("title", "")),
        artist=text(shape.get("artist", "")),
        album=text(shape.get("album", "")),
        tags=texts(shape.get("tags", [])),
        extra={name: text(value) for name, value in table(shape.get("extra", {})).items()},
        added_at=text(shape.get("added_at", "")),
        uploaded=truth(shape.get("uploaded", False)),
        etag=etag,
    )


def _match(json: Any) -> Match:  # noqa: ANN401
    shape = table(json)
    track = table(shape["track"])
    return Match(
        kind=cast(Kind, text(shape["kind"])),
        # An answer tells of a track only what a person needs to know it by.
        track=Track(
            id=text(track["id"]),
            source=text(track["source"]),
            content_id="",
            duration_s=number(track["duration_s"]),
            number=NO_NUMBER,
            title=text(track.get("title", "")),
            artist=text(track.get("artist", "")),
        ),
        confidence=number(shape["confidence"]),
        score=number(shape["score"]),
        segments=tuple(
            Segment(_span(table(one["query"])), _span(table(one["reference"])))
            for one in map(table, seq(shape["segments"]))
        ),
        time_ratio=number(shape["time_ratio"]),
        pitch_shift_semitones=number(shape["pitch_shift_semitones"]),
        evidence=_evidence(table(shape.get("evidence", {})), shape.get("drawing")),
        duplicates=texts(shape.get("duplicates", [])),
    )


def _span(shape: Mapping[str, Any]) -> Span:
    return Span(number(shape["start_s"]), number(shape["end_s"]))


def _evidence(shape: Mapping[str, Any], drawing: Any) -> Evidence:  # noqa: ANN401
    drawn = {} if drawing is None else table(drawing)
    contours = drawn.get("contours")
    return Evidence(
        figures={name: value for name, value in shape.items() if name != "labels"},
        landmarks=tuple(
            Landmark(number(m["query_s"]), number(m["reference_s"]), number(m["frequency_hz"]))
            for m in map(table, seq(drawn.get("landmarks") or []))
        ),
        contours=None if contours is None else _contours(table(contours)),
        labels={name: number(value) for name, value in table(shape.get("labels", {})).items()},
    )


def _contours(shape: Mapping[str, Any]) -> Contours:
    lines = [_line(shape[name]) for name in ("times_s", "sung_semitones", "tune_semitones")]
    if len({len(line) for line in lines}) != 1:
        message = "lines of different lengths"
        raise ValueError(message)
    return Contours(*lines)


def _line(json: Any) -> npt.NDArray[np.float32]:  # noqa: ANN401
    return np.asarray(numbers(json, missing=float("nan")), np.float32)


def _query(shape: Mapping[str, Any]) -> QueryFacts:
    voiced_s = shape.get("voiced_s")
    return QueryFacts(
        duration_s=number(shape["duration_s"]),
        level_dbfs=number(shape["level_dbfs"]),
        clipped=truth(shape["clipped"]),
        voiced_s=None if voiced_s is None else number(voiced_s),
    )


def _considered(shape: Mapping[str, Any]) -> Considered:
    return Considered(
        mode=cast(Kind, text(shape["mode"])),
        skipped=text_or_none(shape.get("skipped")),
        note=text_or_none(shape.get("note")),
    )
