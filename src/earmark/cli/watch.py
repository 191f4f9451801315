"""``earmark watch``: a stream, a growing file, a pipe or the microphone, as long as it goes."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import DONE, NO_MATCH, complain
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.progress import stoppable
from earmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.config import Settings
    from earmark.monitor.feed import Opening
    from earmark.monitor.options import MonitorOptions
    from earmark.ports import Stream

MIC = "mic"
STALL_S = 15.0
_BLOCK_S = 1.0
_CLI = "cli-"
"""How the ids of streams begin that nobody has kept: an address was watched once."""


def watch(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL|FILE|-|mic|NAME...",
            help="A stream (http, Icecast, HLS, RTMP, RTSP), a file, - for a pipe, or mic; or the "
            "names or ids of kept streams (`earmark streams`).",
            show_default=False,
        ),
    ] = None,
    library: LibraryOption = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Watch every kept stream that is switched on, as they change."),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="What to call it in the log; its address where nothing is said."
        ),
    ] = None,
    also: Annotated[
        str | None,
        typer.Option(
            "--also",
            metavar="KINDS",
            help="Ask for second opinions on what no recording explains: melody, sound or both "
            "(melody,sound).",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Read a file on as it grows, until it rests for 30 s."),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option("--device", help="Which microphone: its number or a part of its name."),
    ] = None,
    for_s: Annotated[
        float | None,
        typer.Option("--for-s", min=0.1, help="Stop after so many seconds.", show_default=False),
    ] = None,
    stall_s: Annotated[
        float,
        typer.Option("--stall-s", min=0.5, help="A stream silent for so long is opened anew."),
    ] = STALL_S,
    no_log: Annotated[
        bool,
        typer.Option("--no-log", help="Keep nothing at the library, and tell no webhook."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch a stream, or several that are kept, and tell what they play, when, and for how long.

    A live stream that goes away is opened again, for ever; a file ends. The first Ctrl-C closes
    what is open and ends. The exit code is 0 where something was detected and 1 where nothing was;
    with --json each event is a line.
    """
    words = sources or []
    if every or len(words) != 1 or _is_name(words[0], context, library):
        own = {"--name": name, "--also": also, "--follow": follow, "--device": device}
        _refuse_options(own | {"--no-log": no_log, "--stall-s": stall_s != STALL_S}, words, every)
        from earmark.cli.watchmany import watch_kept

        in_force = settings(context, library)
        with opened(context, library) as shelf, _ending(for_s) as stop:
            raise typer.Exit(watch_kept(shelf, in_force, words, stop, as_json=as_json))
    source = words[0]
    _refuse(source, follow=follow, device=device)
    from earmark.cli.watching import board
    from earmark.monitor.watch import Watch

    in_force = settings(context, library)
    with ExitStack() as stack:
        shelf = stack.enter_context(opened(context, library))
        stop = stack.enter_context(_ending(for_s))
        stream = stream_of(source, name)
        opening = _opening(source, in_force, stop, stack, (follow, stall_s, device))
        desk = None
        if not no_log:
            from earmark.cli.watchmany import impatient
            from earmark.monitor.desk import Desk
            from earmark.monitor.housekeeping import Housekeeper
            from earmark.monitor.webhooks import Courier

            desk = stack.enter_context(Desk.open(shelf, impatient(in_force)))
            stack.enter_context(Courier(desk))
            stack.enter_context(Housekeeper(desk))
        watched = Watch(shelf, desk, stream, _options(also), opening=opening, insist=False)
        shown = stack.enter_context(board(as_json=as_json))
        for event in watched.events(stop):
            shown.show(event)
    raise typer.Exit(DONE if shown.detected else NO_MATCH)


def _is_name(word: str, context: typer.Context, library: str | None) -> bool:
    """Return whether a word is the name or the id of a kept stream, and not a source."""
    from earmark.audio.fetch import is_url
    from earmark.monitor.desk import Desk

    if word in ("-", MIC) or is_url(word) or Path(word).exists():
        return False
    if "/" not in word and not Path(word).suffix:
        return True
    # Such as radio.fm: a file that is not there, unless a stream is called so.
    with opened(context, library) as shelf, Desk.open(shelf, settings(context, library)) as desk:
        return any(one.name == word and not one.id.startswith(_CLI) for one in desk.streams())


def _refuse_options(said: Mapping[str, object], words: list[str], every: bool) -> None:
    """Refuse what a kept stream has of its own, and a call that names nothing."""
    if every and words:
        raise UsageError(f"--all watches every kept stream that is switched on; leave {words} out")
    if not every and not words:
        message = "watch what? an address, a file, - or mic; kept streams by name, or all by --all"
        raise UsageError(message)
    for option, value in said.items():
        if value:
            message = (
                f"{option} is for one source that is named here; what a kept stream is called and "
                "how it is listened to, `earmark streams edit` says"
            )
            raise UsageError(message)


def stream_of(source: str, name: str | None) -> Stream:
    """Return the stream that a source and a name stand for: the same one every time.

    A watch that was killed is so taken up by the next. What is kept of an address is without its
    user name and password.
    """
    from earmark.audio.fetch import is_url, shown
    from earmark.ports import Stream

    plain = {"-": "standard input", MIC: "microphone"}.get(source, shown(source))
    address = plain if is_url(source) or source in ("-", MIC) else str(Path(source).absolute())
    called = name or (plain if is_url(source) or source in ("-", MIC) else Path(source).name)
    digest = hashlib.sha256(f"{called}\n{address}".encode("utf-8", "surrogateescape")).hexdigest()
    return Stream(f"{_CLI}{digest[:16]}", called, address, wanted=False)


def _refuse(source: str, *, follow: bool, device: str | None) -> None:
    from earmark.audio.live import is_local

    if device is not None and source != MIC:
        message = f"--device is for the microphone (mic), and {source!r} was named; leave it out"
        raise UsageError(message)
    if follow and (source in ("-", MIC) or not is_local(source)):
        message = f"--follow is for a file that grows, not for {source!r}; leave it out"
        raise UsageError(message)


def _options(also: str | None) -> MonitorOptions:
    from earmark.monitor.options import MonitorOptions

    kinds = tuple(word.strip() for word in (also or "").split(",") if word.strip())
    return MonitorOptions(also=kinds)  # type: ignore[arg-type]  # it refuses what is no engine


def _opening(
    source: str,
    in_force: Settings,
    stop: threading.Event,
    stack: ExitStack,
    asked: tuple[bool, float, str | None],
) -> Callable[[int], Opening]:
    """Return what opens the source at a rate."""
    from earmark.audio.fetch import FetchLimits
    from earmark.audio.live import resampled
    from earmark.monitor.feed import at_hand, live_opening

    follow, stall_s, device = asked
    if source == MIC:
        from earmark.cli.microphone import open_microphone

        source_hz, blocks = stack.enter_context(open_microphone(device, _BLOCK_S, stop))
        complain("listening; Ctrl-C stops")
        return lambda rate_hz: at_hand(resampled(blocks, source_hz, rate_hz), clocked=True)
    limits = FetchLimits(public_only=in_force.fetch_public_only)
    return lambda rate_hz: live_opening(source, rate_hz, limits, stall_s=stall_s, follow=follow)


@contextmanager
def _ending(for_s: float | None) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or the end of the time sets."""
    with stoppable() as stop:
        before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
        timer = threading.Timer(for_s or 0.0, stop.set)
        timer.daemon = True
        if for_s is not None:
            timer.start()
        try:
            yield stop
        finally:
            timer.cancel()
            signal.signal(signal.SIGTERM, before)
