"""``earmark stats | rebuild | doctor``: how a library is, and making it well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from earmark.cli.errors import BAD_INPUT, DONE, STORE, complain
from earmark.cli.options import JsonOption, LibraryOption, WorkersOption, opened
from earmark.cli.output import fields, json_line, size, text_line
from earmark.cli.progress import bar
from earmark.reports import RepairReport


def stats(
    context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """Count tracks, audio and bytes."""
    with opened(context, library) as shelf:
        found = shelf.stats()
    if as_json:
        json_line(found.as_dict())
        return
    hours = found.audio_s / 3600.0
    fields(
        [
            ("tracks", str(found.tracks)),
            ("audio", f"{hours:.2f} h in {found.audios} different recordings"),
            ("on disk", f"{size(found.bytes)} ({size(found.bytes_per_hour)} an hour of audio)"),
            ("vectors", found.vectors),
            *(
                (name, ", ".join((*counted(counts), *told(found.choices.get(name, {})))))
                for name, counts in found.engines.items()
            ),
        ]
    )


def counted(counts: Mapping[str, int]) -> list[str]:
    """Return each count with its name."""
    return [f"{key} {value}" for key, value in counts.items()]


def told(choices: Mapping[str, str]) -> list[str]:
    """Return each choice with its name."""
    return [f"{key} {value}" for key, value in choices.items()]


def rebuild(
    context: typer.Context,
    library: LibraryOption = None,
    workers: WorkersOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Go over to this sound model (see `earmark models list`).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build every derived index again; analyse anew what was made with other parameters.

    Exit code 3 when a source that had to be analysed anew is missing.
    """
    with (
        opened(context, library, workers=workers, repair=True) as shelf,
        bar("rebuilding") as progress,
    ):
        report = shelf.rebuild(model=model, progress=progress)
    if as_json:
        json_line(report.as_dict())
    else:
        again = f", {report.analysed} analysed again" if report.analysed else ""
        text_line(f"indexed {report.indexed}{again} in {report.wall_s:.1f} s")
        for failure in report.missing:
            complain(failure.message)
    raise typer.Exit(BAD_INPUT if report.missing else DONE)


def doctor(
    context: typer.Context,
    library: LibraryOption = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend what can be mended without the audio files: what killed writers have left, "
            "indexes that lack something or hold too much, damaged indexes.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read everything and tell what is wrong; exit code 4 when something is, and stays so."""
    with opened(context, library, repair=True) as shelf:
        if repair:
            with bar("repairing") as progress:
                report = shelf.repair(progress=progress)
        else:
            report = RepairReport(left=tuple(shelf.check()))
    if as_json:
        shape = report.as_dict()
        json_line(shape if repair else {name: shape[name] for name in ("sound", "faults")})
    else:
        for sentence in report.done:
            text_line(sentence)
        for fault in report.left:
            complain(fault)
        if report.sound:
            text_line("sound")
    raise typer.Exit(DONE if report.sound else STORE)
