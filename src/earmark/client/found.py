"""JSON of what monitoring finds becomes the classes it was made from: detections, timelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from earmark.client.decode import NO_NUMBER
from earmark.client.shapes import number, readable, seq, table, text, text_or_none, texts, truth
from earmark.monitor.timeline import Gap, Play, Repeat, Timeline
from earmark.ports import (
    Action,
    Decision,
    Detection,
    Entry,
    EvidenceFile,
    GapKind,
    Piece,
    Ruling,
)
from earmark.types import Kind, Span, Track


def timeline_from(json: Any) -> Timeline:  # noqa: ANN401 - whatever JSON holds, here and below
    """Return a timeline from its JSON: of the service, or of a report of ``earmark scan``.

    Raises
    ------
    ServiceError
        It is not the JSON of a timeline.
    """
    with readable("this timeline"):
        return read_timeline(json)


def entry_from(json: Any) -> Entry:  # noqa: ANN401
    """Return a detection as it is kept from its JSON: of the service, or of ``detections --json``.

    Raises
    ------
    ServiceError
        It is not the JSON of a detection.
    """
    with readable("this detection"):
        return read_entry(json)


def read_timeline(json: Any) -> Timeline:  # noqa: ANN401
    """Return a timeline; raises what reading anything else raises (see `shapes.readable`)."""
    shape = table(json)
    return Timeline(
        input=text(shape["input"]),
        duration_s=number(shape["duration_s"]),
        detections=tuple(read_detection(one) for one in seq(shape["detections"])),
        gaps=tuple(_gap(table(one)) for one in seq(shape["gaps"])),
        repeats=tuple(_repeat(table(one)) for one in seq(shape["repeats"])),
        outages=tuple(_span(table(one)) for one in seq(shape["outages"])),
        warnings=texts(shape["warnings"]),
        timing_ms={name: number(ms) for name, ms in table(shape["timing_ms"]).items()},
    )


def read_detection(json: Any) -> Detection:  # noqa: ANN401
    """Return a detection; raises as `read_timeline`."""
    shape = table(json)
    score = number(shape["score"])
    return Detection(
        id=text(shape["id"]),
        kind=cast(Kind, text(shape["kind"])),
        track=_track(table(shape["track"])),
        confidence=number(shape["confidence"]),
        score=score,
        pieces=tuple(_piece(table(one), score) for one in seq(shape["pieces"])),
        open=truth(shape["open"]),
        second=truth(shape["second_opinion"]),
        duplicates=texts(shape["duplicates"]),
    )


def read_entry(json: Any) -> Entry:  # noqa: ANN401
    """Return a detection as it is kept; raises as `read_timeline`."""
    shape = table(json)
    evidence = shape.get("evidence")
    return Entry(
        detection=read_detection(json),
        source=text(shape["source"]),
        station=text(shape["station"]),
        origin=text(shape["origin"]),
        began_at=number(shape["began_at"]),
        action=cast(Action, text(shape["action"])),
        rule_id=text_or_none(shape.get("rule_id")),
        evidence=None if evidence is None else _evidence(table(evidence)),
        decisions=tuple(_decision(table(one)) for one in seq(shape["decisions"])),
    )


def _track(shape: Mapping[str, Any]) -> Track:
    """Return a track as far as a detection tells of it."""
    return Track(
        id=text(shape["id"]),
        source=text(shape["source"]),
        content_id="",
        duration_s=number(shape["duration_s"]),
        number=NO_NUMBER,
        title=text(shape.get("title", "")),
        artist=text(shape.get("artist", "")),
        tags=texts(shape.get("tags", [])),
    )


def _piece(shape: Mapping[str, Any], score: float) -> Piece:
    return Piece(
        query=_span(table(shape["query"])),
        reference=_span(table(shape["reference"])),
        time_ratio=number(shape["time_ratio"]),
        pitch_shift_semitones=number(shape["pitch_shift_semitones"]),
        confidence=number(shape["confidence"]),
        score=score,
    )


def _gap(shape: Mapping[str, Any]) -> Gap:
    return Gap(cast(GapKind, text(shape["kind"])), _span(shape), text_or_none(shape.get("group")))


def _repeat(shape: Mapping[str, Any]) -> Repeat:
    plays = tuple(Play(text(one["source"]), _span(one)) for one in map(table, seq(shape["plays"])))
    return Repeat(text(shape["id"]), plays)


def _evidence(shape: Mapping[str, Any]) -> EvidenceFile:
    return EvidenceFile(
        path=text(shape["path"]),
        sha256=text(shape["sha256"]),
        bytes=round(number(shape["bytes"])),
        start_s=number(shape["start_s"]),
        duration_s=number(shape["duration_s"]),
        rate_hz=round(number(shape["rate_hz"])),
        reference=_span(table(shape["reference"])),
        engine=text(shape["engine"]),
        version=text(shape["version"]),
        library=text(shape["library"]),
        figures={name: number(value) for name, value in table(shape["figures"]).items()},
        pruned_at=None if shape.get("pruned_at") is None else number(shape["pruned_at"]),
    )


def _decision(shape: Mapping[str, Any]) -> Decision:
    return Decision(
        ruling=cast(Ruling, text(shape["ruling"])),
        by=text(shape["by"]),
        at=number(shape["at"]),
        note=text(shape["note"]),
    )


def _span(shape: Mapping[str, Any]) -> Span:
    return Span(number(shape["start_s"]), number(shape["end_s"]))
