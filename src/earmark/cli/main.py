"""The ``earmark`` command: its commands by name, known errors as one sentence, bugs as a crash."""

from __future__ import annotations

import signal
import sys
import warnings
from copy import copy as copy_of
from types import FrameType
from typing import Annotated

import typer

from earmark.cli.add import add
from earmark.cli.bench import bench
from earmark.cli.carry import copy, export, import_archive
from earmark.cli.compare import compare
from earmark.cli.dedupe import dedupe
from earmark.cli.detections import detections
from earmark.cli.duplicates import duplicates
from earmark.cli.engines import engines
from earmark.cli.errors import INTERRUPTED, complain, exit_code
from earmark.cli.identify import identify
from earmark.cli.keys import keys
from earmark.cli.listen import listen
from earmark.cli.models import models
from earmark.cli.options import LibraryOption, ProfileOption, Program, VectorsOption
from earmark.cli.rules import rules
from earmark.cli.scan import scan
from earmark.cli.scans import scans
from earmark.cli.serve import serve
from earmark.cli.similar import similar
from earmark.cli.streams import streams
from earmark.cli.tracks import list_tracks, remove, show, update
from earmark.cli.upkeep import doctor, rebuild, stats
from earmark.cli.watch import watch
from earmark.cli.webhooks import webhooks
from earmark.cli.worker import worker
from earmark.errors import EarmarkError

app = typer.Typer(
    name="earmark",
    help="Hears a sound and finds it in your own library.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from earmark import __version__

        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def program(
    context: typer.Context,
    library: LibraryOption = None,
    vectors: VectorsOption = None,
    profile: ProfileOption = None,
    version: Annotated[  # noqa: ARG001 - eager, handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hears a sound and finds it in your own library.

    Exit codes: 0 match or done, 1 no match, 2 usage, 3 bad input, 4 library or service trouble.
    """
    context.obj = Program(library, vectors, profile)


app.command("add")(add)
app.command("identify")(identify)
app.command("listen")(listen)
app.command("scan")(scan)
app.command("scans")(scans)
app.command("watch")(watch)
app.command("streams")(streams)
app.command("similar")(similar)
app.command("duplicates")(duplicates)
app.command("dedupe")(dedupe)
app.command("compare")(compare)
app.command("list")(list_tracks)
app.command("show")(show)
app.command("update")(update)
app.command("remove")(remove)
app.command("stats")(stats)
app.command("rebuild")(rebuild)
app.command("doctor")(doctor)
app.command("engines")(engines)
app.command("models")(models)
app.command("keys")(keys)
app.command("detections")(detections)
app.command("rules")(rules)
app.command("webhooks")(webhooks)
app.command("export")(export)
app.command("import")(import_archive)
app.command("copy")(copy)
app.command("serve")(serve)
app.command("worker")(worker)
app.command("bench")(bench)


def run() -> None:
    """Run the command line and exit; the console script's entry."""
    signal.signal(signal.SIGINT, _interrupted)
    warnings.showwarning = _show_warning
    try:
        _asked_of(sys.argv[1:])(prog_name="earmark")
    except EarmarkError as error:
        complain(error.message)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        # The reader of our output has gone, e.g. `earmark list | head`.
        sys.stderr.close()
        sys.exit(0)


def _asked_of(arguments: list[str]) -> typer.Typer:
    """Return the program with the one command that is asked for; with all where none is found.

    Typer works out every option of every command it has before it runs one: a tenth of a second.
    """
    words = iter(arguments)
    for word in words:
        if word in ("--library", "--vectors", "--profile"):
            next(words, None)
        elif not word.startswith(("--library=", "--vectors=", "--profile=")):
            narrowed = copy_of(app)
            narrowed.registered_commands = [
                one for one in app.registered_commands if one.name == word
            ]
            return narrowed if narrowed.registered_commands else app
    return app


def _interrupted(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's shape
    complain("interrupted")
    sys.exit(INTERRUPTED)


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001 - the shape of warnings.showwarning
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: object = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    complain(f"warning: {message}")
