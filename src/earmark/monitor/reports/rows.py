"""Timelines as flat rows, for tables of any kind: detections, gaps, repeats, totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TypeAlias

from earmark.monitor.timeline import Timeline
from earmark.ports import Detection
from earmark.units import clock

Cell: TypeAlias = str | float | int
Row: TypeAlias = dict[str, Cell]

DETECTION = (
    "input",
    "start",
    "end",
    "artist",
    "title",
    "played_s",
    "confidence",
    "time_ratio",
    "pitch_shift_semitones",
    "kind",
    "second_opinion",
    "start_s",
    "end_s",
    "reference_start_s",
    "reference_end_s",
    "pieces",
    "tags",
    "track_id",
    "source",
    "duplicates",
    "id",
)
GAP = ("input", "start", "end", "kind", "duration_s", "start_s", "end_s", "repeat")
REPEAT = ("repeat", "plays", "duration_s", "input", "start", "end", "start_s", "end_s")
TOTAL = ("artist", "title", "plays", "played_s", "inputs", "track_id", "source")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def detection_row(name: str, detection: Detection) -> Row:
    """Return one detection of the source called ``name``; see `DETECTION`."""
    track, longest = detection.track, detection.longest
    return {
        "input": name,
        "start": clock(detection.start_s),
        "end": clock(detection.end_s),
        "artist": track.artist,
        "title": title_of(detection),
        "played_s": round(detection.played_s, 3),
        "confidence": round(detection.confidence, 4),
        "time_ratio": round(longest.time_ratio, 5),
        "pitch_shift_semitones": round(longest.pitch_shift_semitones, 3),
        "kind": detection.kind,
        "second_opinion": "yes" if detection.second else "no",
        "start_s": round(detection.start_s, 3),
        "end_s": round(detection.end_s, 3),
        "reference_start_s": round(longest.reference.start_s, 3),
        "reference_end_s": round(longest.reference.end_s, 3),
        "pieces": len(detection.pieces),
        "tags": ", ".join(track.tags),
        "track_id": track.id,
        "source": track.source,
        "duplicates": ", ".join(detection.duplicates),
        "id": detection.id,
    }


def title_of(detection: Detection) -> str:
    """Return the track's title, or the name of its file where it has none."""
    track = detection.track
    return track.title or PurePath(track.source).stem


def detections(timelines: Iterable[Timeline]) -> Iterator[Row]:
    """Yield every detection, input by input, in the order of time."""
    for timeline in timelines:
        for detection in timeline.detections:
            yield detection_row(timeline.input, detection)


def gaps(timelines: Iterable[Timeline]) -> Iterator[Row]:
    """Yield every gap; ``repeat`` is the id of the repeat that it belongs to."""
    for timeline in timelines:
        for gap in timeline.gaps:
            yield {
                "input": timeline.input,
                "start": clock(gap.span.start_s),
                "end": clock(gap.span.end_s),
                "kind": gap.kind,
                "duration_s": round(gap.span.duration_s, 3),
                "start_s": round(gap.span.start_s, 3),
                "end_s": round(gap.span.end_s, 3),
                "repeat": gap.group or "",
            }


def repeats(timelines: Iterable[Timeline]) -> Iterator[Row]:
    """Yield every play of every repeat, each repeat once however many inputs play it."""
    told = set()
    for timeline in timelines:
        for repeat in timeline.repeats:
            if repeat.id in told:
                continue
            told.add(repeat.id)
            for play in repeat.plays:
                yield {
                    "repeat": repeat.id,
                    "plays": len(repeat.plays),
                    "duration_s": round(repeat.duration_s, 3),
                    "input": play.source,
                    "start": clock(play.span.start_s),
                    "end": clock(play.span.end_s),
                    "start_s": round(play.span.start_s, 3),
                    "end_s": round(play.span.end_s, 3),
                }


def totals(timelines: Sequence[Timeline]) -> list[Row]:
    """Return how often and how long each track was played, the longest first."""
    found: dict[str, Row] = {}
    heard_in: dict[str, set[str]] = {}
    for timeline in timelines:
        for detection in timeline.detections:
            track = detection.track
            row = found.setdefault(
                track.id,
                {
                    "artist": track.artist,
                    "title": title_of(detection),
                    "plays": 0,
                    "played_s": 0.0,
                    "inputs": 0,
                    "track_id": track.id,
                    "source": track.source,
                },
            )
            row["plays"] = int(row["plays"]) + 1
            row["played_s"] = round(float(row["played_s"]) + detection.played_s, 3)
            heard_in.setdefault(track.id, set()).add(timeline.input)
    for track_id, inputs in heard_in.items():
        found[track_id]["inputs"] = len(inputs)
    return sorted(found.values(), key=lambda row: -float(row["played_s"]))


def one_line(text: str) -> str:
    r"""Return a text without what would end its line or its column.

    >>> one_line("a\tb\r\nc")
    'a b c'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def harmless(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("Abba"), harmless(-1.5)
    ("'=1+1", 'Abba', -1.5)
    """
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
