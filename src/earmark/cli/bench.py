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
    from earmark.evaluation.monitor_report import MonitorReport
    from earmark.evaluation.report import RecordingReport
    from earmark.evaluation.sound_report import SoundReport
    from earmark.reports import ProgressCallback

SUITES = ("recording", "melody", "sound", "monitor")
_NEEDED = {
    "recording": (("--music",),),
    "melody": (("--queries",), ("--references",)),
    "sound": (("--labelled", "--music"),),
    "monitor": (("--music",),),
}
"""Of each group of options a suite needs one at least."""


def bench(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help=f"One of: {', '.join(SUITES)}.")],
    music: Annotated[
        Path | None, typer.Option("--music", help="recording, sound, monitor: a folder of music.")
    ] = None,
    noise: Annotated[
        Path | None, typer.Option("--noise", help="recording, monitor: a folder of noises.")
    ] = None,
    impulse: Annotated[
        Path | None,
        typer.Option("--impulse", help="recording: a folder of room impulse responses."),
    ] = None,
    babble: Annotated[
        Path | None, typer.Option("--babble", help="recording, monitor: a folder of speech.")
    ] = None,
    distractors: Annotated[
        Path | None,
        typer.Option(
            "--distractors", help="recording, monitor: more music to index, never asked for."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="recording, monitor: seeds every choice [default: 0]."),
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
    labelled: Annotated[
        Path | None,
        typer.Option("--labelled", help="sound: a folder of folders of clips, each a class."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="sound: the model (see `earmark models`)."),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option("--hours", help="monitor: the length of a programme [default: 2]."),
    ] = None,
    programmes: Annotated[
        int | None,
        typer.Option("--programmes", min=1, help="monitor: programmes of each style [default: 1]."),
    ] = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what an engine recognises, on audio of your own.

    recording: clips of your music are degraded. melody: your hums are asked. sound: your clips of
    known classes, or pieces of your music, look for others of their kind. monitor: programmes of
    your music, cut, faded, talked over and bent, are scanned. The last line of --json is a flat
    object of figures.
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
        "sound": {"--labelled": labelled, "--music": music, "--model": model},
        "monitor": {
            "--music": music,
            "--noise": noise,
            "--babble": babble,
            "--distractors": distractors,
            "--seed": seed,
            "--hours": hours,
            "--programmes": programmes,
        },
    }
    _check(suite, given)
    report: MelodyReport | MonitorReport | RecordingReport | SoundReport
    with bar("measuring") as progress:
        if suite == "sound":
            report = _sound(labelled, music, model, workers, progress)
        elif suite == "melody":
            from earmark.evaluation import bench_melody

            report = bench_melody.run(
                queries or Path(),
                references or (),
                from_start=from_start,
                workers=workers,
                progress=progress,
            )
        elif suite == "monitor":
            from earmark.evaluation import bench_monitor

            report = bench_monitor.run(
                music or Path(),
                babble,
                noise,
                distractors=distractors,
                seed=seed or 0,
                hours=2.0 if hours is None else hours,
                programmes=programmes or 1,
                workers=workers,
                progress=progress,
            )
        else:
            from earmark.evaluation import bench_recording

            report = bench_recording.run(
                music or Path(),
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


def _sound(
    labelled: Path | None,
    music: Path | None,
    model: str | None,
    workers: int | None,
    progress: ProgressCallback | None,
) -> SoundReport:
    from earmark.config import load_settings
    from earmark.evaluation import bench_sound

    name = load_settings(model=model).model
    return bench_sound.run(labelled, music, model=name, workers=workers, progress=progress)


def _check(suite: str, given: dict[str, dict[str, object]]) -> None:
    """Refuse an unknown suite, what it lacks, and options of others."""
    if suite not in SUITES:
        message = f"unknown suite {suite!r}; known: {', '.join(SUITES)}"
        raise UsageError(message)
    if any(all(given[suite][name] is None for name in names) for names in _NEEDED[suite]):
        needed = " and ".join(" or ".join(names) for names in _NEEDED[suite])
        message = f"bench {suite} needs {needed}"
        raise UsageError(message)
    values = {name: value for options in given.values() for name, value in options.items()}
    for name, value in values.items():
        if value is not None and name not in given[suite]:
            *others, last = (f"bench {other}" for other in SUITES if name in given[other])
            owners = f"{', '.join(others)} and {last}" if others else last
            message = f"{name} belongs to {owners}, not to bench {suite}"
            raise UsageError(message)
