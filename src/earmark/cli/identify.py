"""``earmark identify``: which recording is this, and where in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import BAD_INPUT, DONE, NO_MATCH, complain, exit_code
from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line, table, text_line
from earmark.errors import InputError, StoreError, UsageError
from earmark.types import Answer, Match, Mode

if TYPE_CHECKING:
    from earmark.library import Library


def identify(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Audio files or URLs; - reads stdin.")
    ],
    library: LibraryOption = None,
    mode: Annotated[Mode, typer.Option("--mode", help="Which engine to ask.")] = "auto",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most matches to show.")] = 5,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="PICTURE",
            help="Draw the best match; a number is added to the name when there are several files.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which recording each file is, and where in it.

    With several files the exit code is 3 if any was bad, else 1 if any had no match, else 0.
    """
    code = DONE
    if plot is not None:
        _require_matplotlib()
    for index, answer in enumerate(_answers(context, library, files, mode, limit, as_json)):
        if as_json:
            json_line(answer.as_dict())
        else:
            _show(answer, many=len(files) > 1)
        for warning in answer.warnings:
            complain(f"warning: {warning}")
        if answer.outcome == "error":
            code = BAD_INPUT
        elif answer.outcome == "no_match":
            code = max(code, NO_MATCH)
        if plot is not None and answer.best is not None:
            answer.best.plot(_numbered(plot, index, len(files)))
    raise typer.Exit(code)


def _answers(
    context: typer.Context,
    library: str | None,
    files: list[str],
    mode: Mode,
    limit: int,
    as_json: bool,
) -> Iterator[Answer]:
    """Yield one answer per file; a library in trouble is told for every file that is left."""
    from earmark.query import error_answer

    left = list(files)
    try:
        with opened(context, library) as shelf:
            for file in files:
                try:
                    answer = _asked(shelf, file, mode, limit)
                except InputError as error:
                    complain(error.message)
                    answer = error_answer(file, error)
                left.pop(0)
                yield answer
    except (StoreError, UsageError) as error:
        if as_json:
            for file in left:
                json_line(error_answer(file, error).as_dict())
        complain(error.message)
        raise typer.Exit(exit_code(error)) from error


def _asked(shelf: Library, file: str, mode: Mode, limit: int) -> Answer:
    source = sys.stdin.buffer if file == "-" else file
    return shelf.identify(source, mode, limit, name=file)


def _show(answer: Answer, *, many: bool) -> None:
    if answer.outcome == "error":
        return
    if many:
        text_line(answer.input)
    if not answer.matches:
        text_line(f"no match: {answer.reason}")
        return
    columns = ("title", "artist", "confidence", "where", "speed", "pitch")
    table(columns, [_row(match) for match in answer.matches], right=("confidence",))


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


def _require_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError as error:
        message = "--plot needs matplotlib: run `pip install 'earmark[plot]'`"
        raise UsageError(message) from error
