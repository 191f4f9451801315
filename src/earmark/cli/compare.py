"""``earmark compare``: how two sounds lie on one another, and what differs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.errors import DONE, NO_MATCH, complain
from earmark.cli.options import JsonOption, LibraryOption, opened, settings
from earmark.cli.output import fields, json_line, table, text_line
from earmark.errors import LibraryNotFoundError
from earmark.units import clock

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.twins.comparison import Comparison
from earmark.twins.facts import Side

_MOST_MOMENTS = 8


def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A track's id, a file or a URL.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    library: LibraryOption = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="PICTURE", help="Draw both waveforms and the path between."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether two sounds are the same recording, how they lie on one another, what differs.

    Exit code 1 when they have nothing in common. Files need not be in a library, and where there
    is none two files are compared all the same.
    """
    if plot is not None:
        from earmark.figure import kind_of, new_figure

        new_figure(1.0, 1.0, kind_of(plot))  # a format that cannot be drawn is told now
    with _shelf(context, library, a, b) as shelf:
        found = shelf.compare(a, b)
    if as_json:
        json_line(found.as_dict())
    else:
        _show(found)
    for warning in found.warnings:
        complain(f"warning: {warning}")
    if plot is not None:
        found.plot(plot)
    raise typer.Exit(DONE if found.related else NO_MATCH)


@contextmanager
def _shelf(context: typer.Context, library: str | None, a: str, b: str) -> Iterator[Library]:
    """Open the library that is meant, or an empty one for two files where there is none."""
    from earmark.ingest.playlists import is_url
    from earmark.library import Library

    try:
        shelf = opened(context, library)
    except LibraryNotFoundError:
        if not all(is_url(one) or Path(one).exists() for one in (a, b)):
            raise
        with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
            own = settings(context, library)
            with Library.open(folder, create=True, settings=own) as empty:
                yield empty
        return
    with shelf:
        yield shelf


def _show(found: Comparison) -> None:
    text_line(found.verdict)
    text_line()
    table(("", "A", "B"), list(_sides(found.a, found.b)))
    for segment in found.segments:
        spans = (segment.query, segment.reference)
        own, held = (f"{clock(span.start_s)}-{clock(span.end_s)}" for span in spans)
        text_line(f"{own} of A is {held} of B")
    only = [
        (name, ", ".join(f"{clock(span.start_s)}-{clock(span.end_s)}" for span in spans))
        for name, spans in (("only A", found.only_a), ("only B", found.only_b))
    ]
    fields([*only, *_figures(found)])
    step = -(-len(found.moments) // _MOST_MOMENTS) or 1
    rows = [
        (
            clock(moment.at_s),
            clock(moment.b_s),
            f"{moment.time_ratio:.5f}",
            f"{moment.off_ms:+.1f}",
            "" if moment.gain_db is None else f"{moment.gain_db:+.1f}",
        )
        for moment in found.moments[::step]
    ]
    if rows:
        text_line()
        columns = ("A", "B", "B seconds per A second", "off the line (ms)", "gain (dB)")
        table(columns, rows, right=columns)


def _sides(a: Side, b: Side) -> Iterator[tuple[str, str, str]]:
    for (name, one), (_, other) in zip(_facts(a), _facts(b), strict=True):
        if one or other:
            yield name, one, other


def _facts(side: Side) -> list[tuple[str, str]]:
    rate = "" if side.bytes_per_s is None else f"{side.bytes_per_s / 125.0:.0f} kbit/s"
    level = "" if side.level_dbfs is None else f"{side.level_dbfs:.1f} dBFS"
    return [
        ("name", side.name),
        ("length", clock(side.duration_s)),
        ("codec", side.codec or ""),
        ("rate", f"{side.rate_hz} Hz" if side.rate_hz else ""),
        ("channels", str(side.channels) if side.channels else ""),
        ("bit rate", rate),
        ("level", level),
        ("highest", f"{side.highest_hz / 1000.0:.1f} kHz" if side.highest_hz else ""),
    ]


def _figures(found: Comparison) -> Iterator[tuple[str, str]]:
    yield "confidence", f"{found.confidence:.2f}"
    if found.segments:
        yield "speed", f"{found.speed_ppm:+.0f} ppm"
        yield "pitch", f"{found.pitch_shift_semitones:+.2f} semitones"
    if found.drift_ms is not None:
        yield "drift", f"up to {found.drift_ms:.0f} ms off a straight line"
    if found.gain_db is not None:
        yield "gain", f"{found.gain_db:+.1f} dB"
    for name, value in (("tune", found.tune), ("sound", found.sound)):
        if value is not None:
            yield name, f"similarity {value:.2f}"
