"""``earmark bench``: measure an engine on your own audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import JsonOption, WorkersOption
from earmark.cli.output import json_line, text_line
from earmark.cli.progress import bar
from earmark.errors import UsageError

SUITES = ("recording",)


def bench(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help=f"One of: {', '.join(SUITES)}.")],
    music: Annotated[Path, typer.Option("--music", help="A folder of music.")],
    noise: Annotated[Path | None, typer.Option("--noise", help="A folder of noises.")] = None,
    impulse: Annotated[
        Path | None, typer.Option("--impulse", help="A folder of room impulse responses.")
    ] = None,
    babble: Annotated[Path | None, typer.Option("--babble", help="A folder of speech.")] = None,
    distractors: Annotated[
        Path | None, typer.Option("--distractors", help="More music to index, never asked for.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seeds every choice.")] = 0,
    per_cell: Annotated[
        int, typer.Option("--per-cell", min=1, help="Clips per condition and length.")
    ] = 20,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Degrade clips of your own music and measure what is recognised.

    The last line of --json is a flat object of figures.
    """
    if suite not in SUITES:
        message = f"unknown suite {suite!r}; known: {', '.join(SUITES)}"
        raise UsageError(message)
    from earmark.evaluation.bench_recording import run

    with bar("measuring") as progress:
        report = run(
            music,
            noise,
            impulse,
            babble=babble,
            distractors=distractors,
            seed=seed,
            per_cell=per_cell,
            workers=workers,
            progress=progress,
        )
    if as_json:
        json_line(report.as_dict())
    else:
        text_line(report.table())
