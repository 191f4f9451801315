"""``earmark worker``: does the jobs of a library in Redis, beside its services or elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.errors import complain
from earmark.cli.options import LibraryOption, WorkersOption, settings


def worker(
    context: typer.Context,
    library: LibraryOption = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, max=64, help="How many jobs at once.")
    ] = 1,
    scans: Annotated[
        int | None,
        typer.Option("--scans", min=0, max=64, help="How many scans at once, beside the jobs (1)."),
    ] = None,
    media: Annotated[
        str | None,
        typer.Option(
            "--media",
            metavar="DIR",
            help="Where the services keep uploads, seen from here (EARMARK_SERVE_MEDIA).",
        ),
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root", metavar="DIR", help="A folder that jobs may add from, as the services have."
        ),
    ] = None,
    workers: WorkersOption = None,
    log: Annotated[
        str | None, typer.Option("--log", metavar="json|text", help="How the log is written.")
    ] = None,
) -> None:
    """Do the jobs that a service of a library in Redis was asked for; Ctrl-C ends it.

    Any number of workers may run, on any machines that see the same media folder. What is in hand
    at the end is put back, and goes on elsewhere; so does the job of a worker that was killed.
    More is set by EARMARK_SERVE_* or the table [serve] of earmark.toml.
    """
    from earmark.config import load_serve_settings
    from earmark.service.worker import work

    options = load_serve_settings(
        media=media, roots=",".join(root) if root else None, log=log, scans=scans
    )
    given = settings(context, library, workers)
    work(options, given, given.library, jobs=jobs, told=_tell)


def _tell(waiting: int) -> None:
    complain(f"waiting for jobs ({waiting} to be done now); Ctrl-C ends it")
