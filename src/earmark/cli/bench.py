"""``earmark bench``: measure an engine on your own audio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import JsonOption, WorkersOption
from earmark.cli.output import json_line, text_line
from earmark.cli.progress import bar
from earmark.errors import UsageError

if TYPE_CHECKING:
    from earmark.evaluation.melody_report import MelodyReport
    from earmark.evaluation.report import RecordingReport

SUITES = ("recording", "melody")
_NEEDED = {"recording": ("--music",), "melody": ("--queries", "--references")}


def bench(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help=f"One of: {', '.join(SUITES)}.")],
    music: Annotated[
        Path | None, typer.Option("--music", help="recording: a folder of music.")
    ] = None,
    noise: Annotated[
        Path | None, typer.Option("--noise", help="recording: a folder of noises.")
    ] = None,
    impulse: Annotated[
        Path | None,
        typer.Option("--impulse", help="recording: a folder of room impulse responses."),
    ] = None,
    babble: Annotated[
        Path | None, typer.Option("--babble", help="recording: a folder of speech.")
    ] = None,
    distractors: Annotated[
        Path | None,
        typer.Option("--distractors", help="recording: more music to index, never asked for."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="recording: seeds every choice [default: 0].")
    ] = None,
    per_cell: Annotated[
        int | None,
        typer.Option(
            "--per-cell", min=1, help="recording: clips per condition and length [default: 20]."
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option("--queries", help='melody: JSON lines {"query": PATH, "song": NAME}.'),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            "--references", help="melody: a folder of scores or recordings; may be repeated."
        ),
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="melody: queries begin where songs begin.")
    ] = False,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what an engine recognises, on audio of your own.

    recording: clips of your music are degraded. melody: your hums are asked. The last line of
    --json is a flat object of figures.
    """
    given: dict[str, dict[str, object]] = {
        "recording": {
            "--music": music,
            "--noise": noise,
            "--impulse": impulse,
            "--babble": babble,
            "--distractors": distractors,
            "--seed": seed,
            "--per-cell": per_cell,
        },
        "melody": {
            "--queries": queries,
            "--references": references or None,
            "--from-start": from_start or None,
        },
    }
    _check(suite, given)
    report: MelodyReport | RecordingReport
    with bar("measuring") as progress:
        if music is None:
            from earmark.evaluation import bench_melody

            report = bench_melody.run(
                queries or Path(),
                references or (),
                from_start=from_start,
                workers=workers,
                progress=progress,
            )
        else:
            from earmark.evaluation import bench_recording

            report = bench_recording.run(
                music,
                noise,
                impulse,
                babble=babble,
                distractors=distractors,
                seed=seed or 0,
                per_cell=per_cell or 20,
                workers=workers,
                progress=progress,
            )
    if as_json:
        json_line(report.as_dict())
    else:
        text_line(report.table())


def _check(suite: str, given: dict[str, dict[str, object]]) -> None:
    """Refuse an unknown suite, what it lacks, and options of another."""
    if suite not in SUITES:
        message = f"unknown suite {suite!r}; known: {', '.join(SUITES)}"
        raise UsageError(message)
    for name in _NEEDED[suite]:
        if given[suite][name] is None:
            message = f"bench {suite} needs {' and '.join(_NEEDED[suite])}"
            raise UsageError(message)
    for other in SUITES:
        for name, value in given[other].items():
            if other != suite and value is not None:
                message = f"{name} belongs to bench {other}, not to bench {suite}"
                raise UsageError(message)
