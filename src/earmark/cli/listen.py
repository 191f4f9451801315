"""``earmark listen``: the microphone, a pipe or a file, answered as soon as it is certain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import DONE, NO_MATCH, complain
from earmark.cli.identify import show_answer
from earmark.cli.options import JsonOption, LibraryOption, opened
from earmark.cli.output import json_line, text_line
from earmark.cli.progress import stoppable
from earmark.errors import UsageError
from earmark.types import Mode

if TYPE_CHECKING:
    import threading

    from earmark.cli.meter import Meter
    from earmark.library import Library
    from earmark.listen import Event
    from earmark.types import Samples

RATE_HZ = 48_000
BLOCK_S = 0.25


def listen(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="A file, a URL, or - for a live pipe; the microphone where nothing is said.",
            show_default=False,
        ),
    ] = None,
    library: LibraryOption = None,
    mode: Annotated[Mode, typer.Option("--mode", help="Which engine to ask.")] = "auto",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most matches to show.")] = 5,
    limit_s: Annotated[
        float, typer.Option("--limit-s", min=1.0, help="How many seconds to listen at the most.")
    ] = 20.0,
    device: Annotated[
        str | None,
        typer.Option("--device", help="Which microphone: its number or a part of its name."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Listen, and say what it is as soon as that is certain.

    The first Ctrl-C stops listening and asks about what was heard. The exit code is 0 for a match
    and 1 for none; with --json each event is a line.
    """
    if source is not None and device is not None:
        message = f"--device is for the microphone, and {source!r} was named; leave one of them out"
        raise UsageError(message)
    from earmark.cli.meter import meter

    with ExitStack() as stack:
        shelf = stack.enter_context(opened(context, library))
        stop = stack.enter_context(stoppable())
        rate_hz, blocks = _sound(source, device, stop, stack)
        if source is None:
            complain("listening; Ctrl-C stops")
        drawn = stack.enter_context(meter(limit_s))
        asked = (mode, limit, limit_s, source or "microphone")
        matched = False
        for event in _events(shelf, rate_hz, blocks, asked, stop):
            matched = matched or event.kind == "match"
            _show(event, drawn, as_json)
    raise typer.Exit(DONE if matched else NO_MATCH)


def _events(
    shelf: Library,
    rate_hz: int,
    blocks: Iterator[Samples],
    asked: tuple[Mode, int, float, str],
    stop: threading.Event,
) -> Iterator[Event]:
    """Play blocks of sound through one listening; a stop asks about what was heard so far."""
    from earmark.listen import Listening

    mode, limit, limit_s, name = asked
    session = Listening(shelf, rate_hz=rate_hz, mode=mode, limit=limit, limit_s=limit_s, name=name)
    for block in blocks:
        yield from session.hear(block)
        if session.due:
            yield from session.look()
        if session.ended or stop.is_set():
            break
    yield from session.finish()


def _sound(
    source: str | None, device: str | None, stop: threading.Event, stack: ExitStack
) -> tuple[int, Iterator[Samples]]:
    """Open the sound; blocks are float32 of shape (n, 1)."""
    if source is None:
        from earmark.cli.microphone import open_microphone

        return stack.enter_context(open_microphone(device, BLOCK_S, stop))
    from earmark.audio.stream import open_blocks

    stream = stack.enter_context(
        open_blocks(
            _Pipe() if source == "-" else source,  # type: ignore[arg-type]  # it need only read()
            RATE_HZ,
            BLOCK_S,
            live=True,
            name=source,
        )
    )
    return RATE_HZ, (clip.samples[:, None] for clip in stream)


def _show(event: Event, drawn: Meter, as_json: bool) -> None:
    if as_json:
        json_line(event.as_dict())
        return
    drawn.show(event)
    if event.answer is None or event.kind == "partial":
        return
    drawn.clear()
    show_answer(event.answer, many=False)
    if event.kind == "match":
        text_line(f"heard {event.at_s:.1f} s")


class _Pipe:
    """Standard input as it comes: a buffered read would wait until a whole block is there."""

    def read(self, size: int, /) -> bytes:
        return sys.stdin.buffer.read1(size)  # type: ignore[union-attr, no-any-return]
