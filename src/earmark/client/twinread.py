"""JSON of comparisons and duplicates becomes the classes that it was made from."""

from __future__ import annotations

from typing import Any, cast

from earmark.client.decode import NO_NUMBER
from earmark.client.shapes import number, seq, table, text, text_or_none, texts, whole
from earmark.twins.comparison import Comparison
from earmark.twins.facts import Moment, Relation, Side
from earmark.twins.report import DedupeReport, Group, Member
from earmark.twins.ties import TwinKind
from earmark.types import Segment, Span, Track


def read_comparison(json: Any) -> Comparison:  # noqa: ANN401 - whatever JSON holds, here and below
    """Return a comparison; it has no outlines, so that a picture shows no waveforms."""
    shape = table(json)
    return Comparison(
        a=_side(shape["a"]),
        b=_side(shape["b"]),
        relation=cast(Relation, text(shape["relation"])),
        confidence=number(shape["confidence"]),
        verdict=text(shape["verdict"]),
        segments=_segments(shape["segments"]),
        time_ratio=number(shape["time_ratio"]),
        pitch_shift_semitones=number(shape["pitch_shift_semitones"]),
        drift_ms=_maybe(shape.get("drift_ms")),
        gain_db=_maybe(shape.get("gain_db")),
        moments=tuple(_moment(one) for one in seq(shape["moments"])),
        only_a=tuple(_span(one) for one in seq(shape["only_a"])),
        only_b=tuple(_span(one) for one in seq(shape["only_b"])),
        tune=_maybe(shape.get("tune")),
        sound=_maybe(shape.get("sound")),
        figures={name: number(value) for name, value in table(shape["figures"]).items()},
        warnings=texts(shape.get("warnings", [])),
    )


def read_duplicates(json: Any) -> DedupeReport:  # noqa: ANN401
    """Return what a search for duplicates came to."""
    shape = table(json)
    return DedupeReport(
        groups=tuple(_group(one) for one in seq(shape["groups"])),
        tracks=whole(shape["tracks"]),
        audios=whole(shape["audios"]),
        wall_s=number(shape["wall_s"]),
        skipped={kind: text(why) for kind, why in table(shape.get("skipped", {})).items()},
    )


def _group(json: Any) -> Group:  # noqa: ANN401
    shape = table(json)
    needless = set(texts(shape["remove"]))
    members = tuple(_member(one, needless) for one in seq(shape["members"]))
    return Group(cast(TwinKind, text(shape["kind"])), members)


def _member(json: Any, needless: set[str]) -> Member:  # noqa: ANN401
    shape = table(json)
    track, size = table(shape["track"]), shape.get("size_bytes")
    return Member(
        track=Track(
            id=text(track["id"]),
            source=text(track["source"]),
            content_id="",
            duration_s=number(track["duration_s"]),
            number=NO_NUMBER,
            title=text(track.get("title", "")),
            artist=text(track.get("artist", "")),
        ),
        size_bytes=None if size is None else whole(size),
        confidence=number(shape["confidence"]),
        segments=_segments(shape["segments"]),
        time_ratio=number(shape["time_ratio"]),
        pitch_shift_semitones=number(shape["pitch_shift_semitones"]),
        covered=number(shape["covered"]),
        needless=text(track["id"]) in needless,
    )


def _side(json: Any) -> Side:  # noqa: ANN401
    shape = table(json)
    rate, channels = shape.get("rate_hz"), shape.get("channels")
    return Side(
        name=text(shape["name"]),
        duration_s=number(shape["duration_s"]),
        track_id=text_or_none(shape.get("track_id")),
        codec=text_or_none(shape.get("codec")),
        rate_hz=None if rate is None else whole(rate),
        channels=None if channels is None else whole(channels),
        bytes_per_s=_maybe(shape.get("bytes_per_s")),
        level_dbfs=_maybe(shape.get("level_dbfs")),
        peak_dbfs=_maybe(shape.get("peak_dbfs")),
        highest_hz=_maybe(shape.get("highest_hz")),
    )


def _moment(json: Any) -> Moment:  # noqa: ANN401
    shape = table(json)
    return Moment(
        at_s=number(shape["at_s"]),
        b_s=number(shape["b_s"]),
        time_ratio=number(shape["time_ratio"]),
        off_ms=number(shape["off_ms"]),
        gain_db=_maybe(shape.get("gain_db")),
    )


def _segments(json: Any) -> tuple[Segment, ...]:  # noqa: ANN401
    pairs = map(table, seq(json))
    return tuple(Segment(_span(pair["query"]), _span(pair["reference"])) for pair in pairs)


def _span(json: Any) -> Span:  # noqa: ANN401
    shape = table(json)
    return Span(number(shape["start_s"]), number(shape["end_s"]))


def _maybe(json: Any) -> float | None:  # noqa: ANN401
    return None if json is None else number(json)
