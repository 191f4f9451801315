"""What `earmark scan` takes and tells: inputs and their names, tables, JSON lines, reports."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from earmark.cli.errors import complain
from earmark.cli.output import json_line, table, text_line
from earmark.errors import EarmarkError, UsageError
from earmark.units import clock

if TYPE_CHECKING:
    from earmark.monitor.reports import Form
    from earmark.monitor.scan import Scanned
    from earmark.monitor.timeline import Repeat, Timeline
    from earmark.ports import Detection

_COLUMNS = ("time", "end", "track", "played", "confidence", "speed")
_MOST_PLAYS = 6


def sources_of(inputs: Sequence[str]) -> tuple[list[tuple[str, str]], list[Scanned]]:
    """Return names and sources of all inputs, each source once, and what is not there.

    A file is called as it was named: below the folder that was named, or absolutely if a
    playlist names it.
    """
    from earmark.ingest.inputs import collect
    from earmark.monitor.scan import Scanned

    if "-" in inputs:
        if len(inputs) > 1:
            message = f"- (stdin) is scanned alone, not with {len(inputs) - 1} other inputs"
            raise UsageError(message)
        return [("-", "-")], []
    found, bad, seen = list[tuple[str, str]](), list[Scanned](), set[str]()
    for given in inputs:
        collected = collect([given])
        for source in collected.sources:
            if source not in seen:
                seen.add(source)
                found.append((_called(given, source), source))
        bad += [Scanned(one.input, one.input, failure=one) for one in collected.failed]
    return found, bad


class Reports:
    """The report files that were asked for, by form."""

    def __init__(self, paths: Mapping[str, str], embed_audio: bool) -> None:
        self._paths = cast("Mapping[Form, str]", paths)
        self._embed_audio = embed_audio
        if embed_audio and "html" not in paths:
            message = "--embed-audio goes with --html: it puts the audio into that page"
            raise UsageError(message)

    @property
    def asked(self) -> bool:
        """Whether there are any."""
        return bool(self._paths)

    def require(self, count: int) -> None:
        """Raise what would keep them from being written, before any work is done."""
        if not self._paths:
            return
        from earmark.monitor.reports import require

        for form, path in self._paths.items():
            require(form, Path(path), count)

    def write(self, timelines: Sequence[Timeline], audio: Mapping[str, str]) -> None:
        """Write them all; one that cannot be written keeps no other from it, and is told then."""
        if not self._paths:
            return
        from earmark.monitor.reports import write

        trouble: EarmarkError | None = None
        for form, path in self._paths.items():
            try:
                write(timelines, path, form, audio=audio, embed_audio=self._embed_audio)
            except EarmarkError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble


class Teller:
    """Tells what was found: as it comes to another program, at the end to a person."""

    def __init__(self, *, as_json: bool, many: bool) -> None:
        self._as_json = as_json
        self._many = many
        # Lines on a terminal would run into the bar.
        self._at_once = as_json and not sys.stdout.isatty()
        self._told: set[str] = set()

    def tell(self, scanned: Scanned) -> None:
        """Take note of an input that is done."""
        if scanned.failure is not None:
            self._told.add(scanned.input)
            complain(scanned.failure.message)
            self._error(scanned.input, scanned.failure.error())
        elif self._at_once and scanned.timeline is not None:
            self._told.add(scanned.input)
            _lines(scanned.timeline)
        for warning in scanned.timeline.warnings if scanned.timeline else ():
            complain(f"warning: {warning}")

    def finish(self, found: Sequence[Scanned]) -> None:
        """Tell what is not told yet, and what repeats."""
        timelines = [one.timeline for one in found if one.timeline is not None]
        for timeline in timelines:
            if self._as_json:
                if timeline.input not in self._told:
                    _lines(timeline)
            else:
                _show(timeline, many=self._many)
        if not self._as_json:
            repeats = {repeat.id: repeat for one in timelines for repeat in one.repeats}
            for number, repeat in enumerate(repeats.values(), 1):
                text_line(_repeat(number, repeat, many=self._many))

    def give_up(self, names: Sequence[str], error: EarmarkError) -> None:
        """Tell an error that concerns every input that is left."""
        for name in names:
            if name not in self._told:
                self._error(name, error)
        complain(error.message)

    def _error(self, name: str, error: EarmarkError) -> None:
        from earmark.query import error_answer

        if self._as_json:
            json_line(error_answer(name, error).as_dict())


def _lines(timeline: Timeline) -> None:
    for detection in timeline.detections:
        json_line({"input": timeline.input, **detection.as_dict()})


def _show(timeline: Timeline, *, many: bool) -> None:
    """Print one input: its detections, then what nobody knows in it."""
    if many:
        text_line(timeline.input)
    found = timeline.detections
    if found:
        rows = [_row(detection) for detection in found]
        columns = _COLUMNS if any(row[5] for row in rows) else _COLUMNS[:5]
        rows = [row[: len(columns)] for row in rows]
        if any(detection.kind != "recording" for detection in found):
            columns = (*columns, "found as")
            rows = [(*row, one.kind) for row, one in zip(rows, found, strict=True)]
        table(columns, rows, right=("time", "end", "played", "confidence"))
    text_line(_summary(timeline))


def _row(detection: Detection) -> tuple[str, ...]:
    ratio = detection.longest.time_ratio
    return (
        clock(detection.start_s),
        clock(detection.end_s),
        detection.track.label,
        clock(detection.played_s),
        f"{detection.confidence:.2f}",
        "" if abs(ratio - 1.0) < 0.003 else f"x {ratio:.3f}",
    )


def _summary(timeline: Timeline) -> str:
    count = len(timeline.detections)
    share = timeline.played_s / timeline.duration_s if timeline.duration_s > 0.0 else 0.0
    text = f"{_counted(count, 'detection')}, {clock(timeline.played_s)} ({share:.0%}) of "
    text += f"{clock(timeline.duration_s)}"
    gaps: dict[str, float] = {}
    for gap in timeline.gaps:
        gaps[gap.kind] = gaps.get(gap.kind, 0.0) + gap.span.duration_s
    unknown = ", ".join(f"{kind} {clock(seconds)}" for kind, seconds in sorted(gaps.items()))
    return f"{text}; unknown: {unknown}" if unknown else text


def _repeat(number: int, repeat: Repeat, *, many: bool) -> str:
    plays = [
        f"{play.source} {clock(play.span.start_s)}" if many else clock(play.span.start_s)
        for play in repeat.plays[:_MOST_PLAYS]
    ]
    more = len(repeat.plays) - len(plays)
    listed = ", ".join(plays) + (f" and {more} more" if more > 0 else "")
    heading = f"repeat {number}: {repeat.duration_s:.1f} s, {len(repeat.plays)} times"
    return f"{heading}, at {listed}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _called(given: str, source: str) -> str:
    whole = os.path.abspath(os.path.expanduser(given))  # noqa: PTH100, PTH111 - as collect does
    if source == whole:
        return given
    if source.startswith(whole + os.sep):
        return str(Path(given) / source[len(whole) + 1 :])
    return source
