"""``earmark serve``: the library over HTTP, with the page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import complain
from earmark.cli.options import LibraryOption, settings
from earmark.errors import ExtraMissingError

if TYPE_CHECKING:
    from earmark.service.server import Started

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "websockets")


def serve(
    context: typer.Context,
    library: LibraryOption = None,
    host: Annotated[
        str | None, typer.Option("--host", help="The address to listen at (127.0.0.1).")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="The port (8645); 0 takes a free one."),
    ] = None,
    anyone: Annotated[
        bool, typer.Option("--open", help="Let everyone in without a key, from anywhere.")
    ] = False,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root", metavar="DIR", help="A folder of this machine that jobs may add from; repeat."
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", metavar="URL", help="The address of another page that may ask; repeat."
        ),
    ] = None,
    compat: Annotated[
        bool, typer.Option("--compat", help="Serve audio_similarity_search's routes as well.")
    ] = False,
    log: Annotated[
        str | None, typer.Option("--log", metavar="json|text", help="How the log is written.")
    ] = None,
    upload_limit_bytes: Annotated[
        int | None, typer.Option("--upload-limit-bytes", min=1, help="The largest upload.")
    ] = None,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout-s", help="The longest one request's work may take.")
    ] = None,
    rate_per_minute: Annotated[
        int | None,
        typer.Option("--rate-per-minute", min=0, help="Requests of one key or address; 0: any."),
    ] = None,
    media: Annotated[
        str | None,
        typer.Option(
            "--media", metavar="DIR", help="Where uploads are kept, if not in the library's folder."
        ),
    ] = None,
    streams: Annotated[
        int | None,
        typer.Option("--streams", min=0, help="How many streams it watches at once (64)."),
    ] = None,
    no_jobs: Annotated[
        bool,
        typer.Option(
            "--no-jobs", help="Leave jobs to `earmark worker`; with a library in Redis only."
        ),
    ] = False,
) -> None:
    """Serve the library and the page over HTTP until Ctrl-C; makes the library where there is none.

    More is set by EARMARK_SERVE_* or the table [serve] of earmark.toml. Without keys (`earmark keys
    add`) only this machine may ask.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        message = (
            f"the service needs {', '.join(missing)}; install with: pip install 'earmark[server]'"
        )
        raise ExtraMissingError(message)
    from earmark.config import load_serve_settings
    from earmark.service.server import serve as run

    options = load_serve_settings(
        host=host,
        port=port,
        open=anyone or None,
        roots=",".join(root) if root else None,
        origins=",".join(origin) if origin else None,
        compat=compat or None,
        log=log,
        upload_limit_bytes=upload_limit_bytes,
        timeout_s=timeout_s,
        rate_per_minute=rate_per_minute,
        media=media,
        streams=streams,
        jobs=False if no_jobs else None,
    )
    given = settings(context, library)
    run(options, given, given.library, told=_tell)


def _tell(started: Started) -> None:
    who = "with a key" if started.needs_key else "without a key"
    complain(
        f"serving {started.tracks} tracks at {started.address} ({who}); open it in a browser, "
        f"or see {started.address}/docs; Ctrl-C ends it"
    )
