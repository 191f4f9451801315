"""``earmark identify``: which recording or tune is this, where in it, and what sounds alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import BAD_INPUT, DONE, NO_MATCH, complain, exit_code
from earmark.cli.narrow import (
    CompareOption,
    FolderOption,
    LabelOption,
    LongestOption,
    ShortestOption,
    TagOption,
    within,
)
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import json_line, table, text_line
from earmark.errors import InputError, StoreError, UsageError
from earmark.types import Answer, Clip, Match, Mode, Within

if TYPE_CHECKING:
    from earmark.audio.stream import Source
    from earmark.config import Settings
    from earmark.library import Library


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every file."""

    mode: Mode
    limit: int
    within: Within

    def of(self, shelf: Library, source: Source, name: str) -> Answer:
        """Ask it of one."""
        return shelf.identify(source, self.mode, self.limit, name=name, within=self.within)


def identify(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Audio files or URLs; - reads stdin.")
    ],
    library: LibraryOption = None,
    mode: Annotated[Mode, typer.Option("--mode", help="Which engine to ask.")] = "auto",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most matches to show.")] = 5,
    kind: CompareOption = None,
    tag: TagOption = None,
    folder: FolderOption = None,
    shortest: ShortestOption = None,
    longest: LongestOption = None,
    label: LabelOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="PICTURE",
            help="Draw the best match over what was heard; several files get numbers.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which recording or tune each file is, and where in it, or what sounds like it.

    With several files the exit code is 3 if any was bad, else 1 if any had no match, else 0.
    """
    code = DONE
    asked = Asked(mode, limit, within(tag, folder, shortest, longest, label, kind))
    if plot is not None:
        from earmark.recording.plot import plot_answer, require_format

        require_format(plot)
    drawing = plot is not None
    for index, (answer, clip) in enumerate(
        _answers(context, library, files, asked, as_json, drawing)
    ):
        if as_json:
            json_line(answer.as_dict())
        else:
            show_answer(answer, many=len(files) > 1)
        for warning in answer.warnings:
            complain(f"warning: {warning}")
        if answer.outcome == "error":
            code = BAD_INPUT
        elif answer.outcome == "no_match":
            code = max(code, NO_MATCH)
        if plot is not None and answer.best is not None:
            picture = _numbered(plot, index, len(files))
            if clip is not None:
                plot_answer(answer, clip, picture)
            elif answer.best.evidence.contours is not None:
                answer.best.plot(picture)
    raise typer.Exit(code)


def _answers(
    context: typer.Context,
    library: str | None,
    files: list[str],
    asked: Asked,
    as_json: bool,
    drawing: bool,
) -> Iterator[tuple[Answer, Clip | None]]:
    """Yield, for each file, its answer and the audio to draw; trouble is told for all left."""
    from earmark.query import error_answer

    left = list(files)
    try:
        with opened(context, library) as shelf:
            for file in files:
                source = sys.stdin.buffer if file == "-" else file
                clip = None
                try:
                    if drawing:
                        in_force = settings(context, library)
                        answer, clip = _heard(shelf, source, file, asked, in_force)
                    else:
                        answer = asked.of(shelf, source, file)
                except InputError as error:
                    complain(error.message)
                    answer = error_answer(file, error)
                left.pop(0)
                yield answer, clip
    except (StoreError, UsageError) as error:
        if as_json:
            for file in left:
                json_line(error_answer(file, error).as_dict())
        complain(error.message)
        raise typer.Exit(exit_code(error)) from error


def _heard(
    shelf: Library, source: Source, name: str, asked: Asked, in_force: Settings
) -> tuple[Answer, Clip | None]:
    """Return the answer and the audio that its best match was found in, where there is one."""
    from earmark.audio._source import opened as held
    from earmark.audio.decode import decode
    from earmark.audio.fetch import FetchLimits, is_url
    from earmark.recording.params import RecordingParams
    from earmark.recording.plot import stretch_to_draw

    with ExitStack() as stack:
        if is_url(source) or source is sys.stdin.buffer:
            # Taken in once, read twice: by the engines and for the picture.
            limits = FetchLimits(in_force.fetch_limit_bytes, in_force.fetch_timeout_s)
            source = stack.enter_context(held(source, name, limits)).file
        answer = asked.of(shelf, source, name)
        best, query = answer.best, answer.query
        if best is None or query is None:
            return answer, None
        if best.evidence.contours is not None:
            return answer, None  # the picture needs no audio
        if not best.evidence.landmarks:
            complain(f"no picture of {name}: a match of kind {best.kind!r} has nothing to draw")
            return answer, None
        span = stretch_to_draw(best, query.duration_s)
        rate_hz = RecordingParams().spectrum.rate_hz
        heard = decode(source, rate_hz, start_s=span.start_s, duration_s=span.duration_s, name=name)
        return answer, heard.clip


def show_answer(answer: Answer, *, many: bool) -> None:
    """Print an answer as a table, ``many``: under the name of its input."""
    if answer.outcome == "error":
        return
    if many:
        text_line(answer.input)
    if not answer.matches:
        text_line(f"no match: {answer.reason}")
        return
    if all(match.kind == "sound" for match in answer.matches):
        columns: tuple[str, ...] = (
            "title",
            "artist",
            "alike",
            "confidence",
            "where",
            "sounds like",
        )
        table(columns, [_sound_row(match) for match in answer.matches], right=columns[2:4])
        return
    columns = ("title", "artist", "confidence", "where", "speed", "pitch")
    rows = [_row(match) for match in answer.matches]
    if any(match.kind != "recording" for match in answer.matches):
        columns = (*columns, "found as")
        rows = [(*row, _found_as(m)) for row, m in zip(rows, answer.matches, strict=True)]
    table(columns, rows, right=("confidence",))


def _found_as(match: Match) -> str:
    """Say what the query was compared with: a hum may be found in a score or in a recording."""
    if match.kind != "melody":
        return match.kind
    return "tune, from its score" if match.evidence.figures.get("written") else "tune, as heard"


def _sound_row(match: Match) -> tuple[str, ...]:
    """Say how much alike, for likeness ranks everything and few are certainly the same."""
    title, artist, confidence, where, _, _ = _row(match)
    labels = ", ".join(f"{name} {likely:.2f}" for name, likely in match.evidence.labels.items())
    return (title, artist, f"{match.score:.2f}", confidence, where, labels)


def _row(match: Match) -> tuple[str, ...]:
    from earmark.units import clock

    speed = "" if abs(match.time_ratio - 1.0) < 0.003 else f"x {match.time_ratio:.3f}"
    shift = match.pitch_shift_semitones
    pitch = "" if abs(shift) < 0.05 else f"{shift:+.2f} st"
    where = f"at {clock(match.segments[0].reference.start_s)}" if match.segments else ""
    if len(match.segments) > 1:
        where += f" (+{len(match.segments) - 1})"
    title = match.track.title or Path(match.track.source).stem
    return (title, match.track.artist, f"{match.confidence:.2f}", where, speed, pitch)


def _numbered(plot: Path, index: int, count: int) -> Path:
    return plot if count == 1 else plot.with_name(f"{plot.stem}-{index + 1}{plot.suffix}")
