"""``earmark add``: files, folders, globs, playlists and URLs into the library, scores to tracks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import BAD_INPUT, DONE, INTERRUPTED, complain
from earmark.cli.options import JsonOption, LibraryOption, WorkersOption, opened
from earmark.cli.output import json_line, text_line
from earmark.cli.progress import bar, stoppable
from earmark.errors import InputError, StoppedError, UsageError

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.reports import AddReport


def add(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs, playlists, URLs.")
    ],
    library: LibraryOption = None,
    workers: WorkersOption = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A word to mark the new tracks with; repeat.")
    ] = None,
    for_track: Annotated[
        str | None,
        typer.Option("--for", metavar="ID", help="Attach one score to this track instead."),
    ] = None,
    track_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Put one file under this id of yours, or replace."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option("--part", metavar="NAME", help="With --for: which voice of it is the tune."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="ENGINE", help="Make the library without this engine; repeat."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Make the library with this sound model (see `earmark models list`).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add audio and scores; makes the library where there is none. Known files are left alone.

    Exit code 3 when any input failed (the others are in), 130 after Ctrl-C.
    """
    if track_id is not None and (len(paths) != 1 or for_track is not None):
        message = f"--id takes one file and no --for, got {len(paths)}; ids are one a file"
        raise UsageError(message)
    _check(paths, for_track, part, [*(tag or ()), *(without or ()), *([model] if model else ())])
    if for_track is not None:
        with opened(context, library) as shelf:
            report = _attached(shelf, paths[0], for_track, part)
    else:
        with (
            opened(context, library, workers=workers, model=model, create=True) as shelf,
            stoppable() as stop,
            bar("adding") as progress,
        ):
            _leave_out(shelf, without or ())
            _agree(shelf, model)
            if track_id is None:
                report = shelf.add(paths, tags=tag or (), progress=progress, stop=stop)
            else:
                report = _put(shelf, paths[0], track_id, tag, stop)
    for warning in report.warnings:
        complain(f"warning: {warning}")
    if as_json:
        json_line(report.as_dict())
    else:
        text_line(_summary(report))
        for failure in report.failed:
            complain(f"{failure.message} [{failure.code}]")
    if report.interrupted:
        complain("interrupted; run the same command again to go on from here")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(BAD_INPUT if report.failed else DONE)


def _check(
    paths: list[str],
    for_track: str | None,
    part: str | None,
    of_new: list[str],
) -> None:
    """Refuse options that do not go together."""
    if for_track is None and part is not None:
        message = "--part goes with --for: it names the voice of a score to attach"
    elif for_track is not None and len(paths) != 1:
        message = f"--for takes one score, not {len(paths)}"
    elif for_track is not None and of_new:
        message = (
            "--for attaches a score to a track that is there; --tag, --without and --model add none"
        )
    else:
        return
    raise UsageError(message)


def _attached(shelf: Library, score: str, track_id: str, part: str | None) -> AddReport:
    from earmark.reports import AddReport, Failure

    started = time.monotonic()
    try:
        track = shelf.attach(score, track_id, part=part)
    except InputError as error:
        return AddReport(failed=(Failure.of(score, error),), wall_s=time.monotonic() - started)
    wall_s = time.monotonic() - started
    return AddReport(added=1, replaced=1, track_ids=(track.id,), wall_s=wall_s)


def _put(
    shelf: Library, path: str, track_id: str, tags: list[str] | None, stop: threading.Event
) -> AddReport:
    from earmark.reports import AddReport, Failure

    started = time.monotonic()
    try:
        done = shelf.put(path, track_id=track_id, tags=tags, stop=stop)
    except StoppedError:
        return AddReport(interrupted=True, wall_s=time.monotonic() - started)
    except InputError as error:
        return AddReport(failed=(Failure.of(path, error),), wall_s=time.monotonic() - started)
    return AddReport(
        added=int(done.changed),
        unchanged=int(not done.changed),
        audio_s=done.track.duration_s if done.changed else 0.0,
        wall_s=time.monotonic() - started,
        replaced=int(done.changed and not done.created),
        track_ids=(done.track.id,),
        warnings=done.warnings,
    )


def _leave_out(shelf: Library, engines: Sequence[str]) -> None:
    """Switch engines off in a library that holds nothing yet."""
    on = shelf.engines()
    for name in engines:
        if on.get(name, True):
            if len(shelf):
                message = (
                    "--without is for a new library and this one holds tracks; "
                    f"run `earmark engines --off {name}`"
                )
                raise UsageError(message)
            shelf.switch(name, False)


def _agree(shelf: Library, model: str | None) -> None:
    """Refuse a model that is not the one this library was made with."""
    own = shelf.choices().get("sound", {}).get("model", model)
    if model not in (None, "auto", own):
        message = (
            f"this library's sounds were heard by the model {own!r}; to go over to {model!r}, "
            f"run `earmark rebuild --model {model}`"
        )
        raise UsageError(message)


def _summary(report: AddReport) -> str:
    details = {
        "replaced": report.replaced,
        "sharing audio with another track": report.linked,
    }
    parts = [_counted("added", report.added, details)]
    parts.append(_counted("unchanged", report.unchanged, {"moved": report.moved}))
    if report.failed:
        parts.append(f"failed {len(report.failed)}")
    rate = f" ({report.x_real_time:.0f} x real time)" if report.audio_s else ""
    minutes = report.audio_s / 60.0
    return f"{', '.join(parts)}; {minutes:.1f} min of audio in {report.wall_s:.1f} s{rate}"


def _counted(word: str, count: int, details: dict[str, int]) -> str:
    told = ", ".join(f"{number} {what}" for what, number in details.items() if number)
    return f"{word} {count}{f' ({told})' if told else ''}"
