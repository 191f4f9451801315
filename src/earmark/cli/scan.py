"""``earmark scan``: what long files and whole archives play, as a table, as JSON and as reports."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from earmark.cli.errors import DONE, INTERRUPTED, NO_MATCH, complain, exit_code
from earmark.cli.moments import moment
from earmark.cli.options import JsonOption, LibraryOption, WorkersOption, opened, settings
from earmark.cli.progress import scan_bar, stoppable
from earmark.cli.scanned import Reports, Teller, sources_of
from earmark.errors import InputError, StoreError, UsageError

if TYPE_CHECKING:
    import threading

    from earmark.config import Settings
    from earmark.library import Library
    from earmark.monitor.desk import Desk
    from earmark.monitor.options import MonitorOptions
    from earmark.monitor.scan import ScanCallback, Scanned
    from earmark.types import Kind


def scan(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Audio or video: files, folders, globs, playlists, URLs; - reads stdin.",
        ),
    ],
    library: LibraryOption = None,
    as_json: JsonOption = False,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Write a line a detection.")
    ] = None,
    xlsx: Annotated[
        str | None,
        typer.Option("--xlsx", metavar="FILE", help="Write a workbook, with gaps and totals."),
    ] = None,
    cue: Annotated[
        str | None,
        typer.Option("--cue", metavar="FILE", help="Write a cue sheet; a folder gets one a file."),
    ] = None,
    srt: Annotated[
        str | None,
        typer.Option("--srt", metavar="FILE", help="Write subtitles; a folder gets one a file."),
    ] = None,
    audacity: Annotated[
        str | None,
        typer.Option("--audacity", metavar="FILE", help="Write Audacity labels; as --srt."),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write a page to look at and to listen to."),
    ] = None,
    timeline: Annotated[
        str | None,
        typer.Option(
            "--timeline", metavar="FILE", help="Write all of it as JSON: with gaps and repeats."
        ),
    ] = None,
    embed_audio: Annotated[
        bool, typer.Option("--embed-audio", help="Put the audio into the page, up to 20 MB.")
    ] = False,
    also: Annotated[
        str | None,
        typer.Option(
            "--also",
            metavar="KINDS",
            help="Ask for second opinions on what no recording explains: melody, sound or both "
            "(melody,sound).",
        ),
    ] = None,
    no_log: Annotated[
        bool,
        typer.Option("--no-log", help="Keep no log of it at the library, nor where it can go on."),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Listen once more to what was scanned already.")
    ] = False,
    workers: WorkersOption = None,
    least_s: Annotated[
        float | None,
        typer.Option("--least-s", min=0.0, help="Leave out what sounds for less.  [default: 2]"),
    ] = None,
    least_confidence: Annotated[
        float,
        typer.Option("--least-confidence", min=0.0, max=1.0, help="Leave out what is less sure."),
    ] = 0.0,
    station: Annotated[
        str | None, typer.Option("--station", help="What the log calls it; else the file's name.")
    ] = None,
    began_at: Annotated[
        str | None,
        typer.Option(
            "--began-at",
            metavar="TIME",
            help="When it was on air: 2026-11-23T20:00 (UTC where no zone is said).",
        ),
    ] = None,
    no_repeats: Annotated[
        bool, typer.Option("--no-repeats", help="Do not look for unknown music that repeats.")
    ] = False,
) -> None:
    """Say what long files play, from when to when, and what nobody knows in them.

    Exit codes: 0 something was detected, 1 nothing, 3 some input was bad, 130 after Ctrl-C.
    """
    from earmark.monitor.options import MonitorOptions

    paths = {"csv": csv, "xlsx": xlsx, "cue": cue, "srt": srt, "audacity": audacity, "html": html}
    paths["json"] = timeline
    reports = Reports({form: path for form, path in paths.items() if path}, embed_audio)
    asked = Asked(
        MonitorOptions(
            also=_kinds(also),
            least_s=MonitorOptions().least_s if least_s is None else least_s,
            least_confidence=least_confidence,
            repeats=not no_repeats,
        ),
        log=not no_log,
        again=again,
        station=station,
        began_at=None if began_at is None else moment(began_at, time.time()),
    )
    in_force = settings(context, library, workers)
    sources, bad = sources_of(inputs)
    if asked.began_at is not None and len(sources) > 1:
        message = f"--began-at is the time of one input, and there are {len(sources)}"
        raise UsageError(message)
    reports.require(len(sources))
    teller = Teller(as_json=as_json, many=len(inputs) > 1 or len(sources) > 1)
    for scanned in bad:
        teller.tell(scanned)
    try:
        with stoppable() as stop, scan_bar() as progress:
            found = _found(context, library, sources, asked, in_force, teller, progress, stop)
    except (StoreError, UsageError) as error:
        teller.give_up([name for name, _ in sources], error)
        raise typer.Exit(exit_code(error)) from error
    teller.finish(found)
    reports.write([one.timeline for one in found if one.timeline is not None], dict(sources))
    if stop.is_set():
        remedy = "" if no_log else "; run the same command again to go on from here"
        complain(f"interrupted{remedy}")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(_code([*bad, *found]))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every input."""

    options: MonitorOptions
    log: bool
    again: bool
    station: str | None
    began_at: float | None


def _found(
    context: typer.Context,
    library: str | None,
    sources: list[tuple[str, str]],
    asked: Asked,
    in_force: Settings,
    teller: Teller,
    progress: ScanCallback | None,
    stop: threading.Event,
) -> list[Scanned]:
    """Scan one input here, several in worker processes; webhooks are told at the end."""
    from earmark.monitor.desk import Desk
    from earmark.monitor.scan import scan_many
    from earmark.monitor.webhooks import Courier

    with ExitStack() as stack:
        shelf = stack.enter_context(opened(context, library))
        desk = stack.enter_context(Desk.open(shelf, in_force)) if asked.log else None
        if len(sources) == 1:
            found = [_one(shelf, *sources[0], asked, in_force, desk, progress, stop)]
            teller.tell(found[0])
        else:
            found = scan_many(
                in_force.library,
                [source for _, source in sources],
                asked.options,
                names=[name for name, _ in sources],
                settings=in_force,
                log=asked.log,
                station=asked.station,
                began_at=asked.began_at,
                tell=teller.tell,
                progress=progress,
                stop=stop,
                again=asked.again,
            )
        if desk is not None and desk.webhooks() and not stop.is_set():
            Courier(desk).run_due()
    return found


def _one(
    shelf: Library,
    name: str,
    source: str,
    asked: Asked,
    in_force: Settings,
    desk: Desk | None,
    progress: ScanCallback | None,
    stop: threading.Event,
) -> Scanned:
    from earmark.audio.fetch import FetchLimits
    from earmark.monitor.scan import Scanned
    from earmark.monitor.scan import scan as listen
    from earmark.reports import Failure

    limits = FetchLimits(
        in_force.fetch_limit_bytes,
        in_force.fetch_timeout_s,
        public_only=in_force.fetch_public_only,
    )
    try:
        timeline = listen(
            shelf,
            sys.stdin.buffer if source == "-" else source,
            asked.options,
            name=name,
            station=asked.station,
            began_at=asked.began_at,
            progress=progress,
            stop=stop,
            desk=desk,
            again=asked.again,
            limits=limits,
        )
    except InputError as error:
        return Scanned(name, source, failure=Failure.of(name, error))
    return Scanned(name, source, timeline)


def _kinds(also: str | None) -> tuple[Kind, ...]:
    """Return the engines that ``melody,sound`` names; `MonitorOptions` judges them."""
    words = [word.strip() for word in (also or "").split(",") if word.strip()]
    return cast("tuple[Kind, ...]", tuple(dict.fromkeys(words)))


def _code(found: list[Scanned]) -> int:
    failed = [exit_code(one.failure.error()) for one in found if one.failure is not None]
    if failed:
        return max(failed)
    return DONE if any(one.timeline and one.timeline.detections for one in found) else NO_MATCH
