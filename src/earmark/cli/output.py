"""What is printed on stdout: JSON lines for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

PIPE_WIDTH = 160
"""Columns of a table that does not go to a terminal: nothing is cut, lines stay readable."""


def json_line(shape: Mapping[str, object]) -> None:
    """Print one JSON object on one line, at once."""
    plain = sys.stdout.encoding.lower().replace("-", "") != "utf8"
    line = json.dumps(shape, ensure_ascii=plain)
    # A file name that is no UTF-8 arrives as lone surrogates, which JSON can only hold escaped.
    sys.stdout.write(line.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    sys.stdout.flush()


def text_line(text: str = "") -> None:
    """Print one line for a person."""
    encoding = sys.stdout.encoding
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()
) -> None:
    """Print a table; the columns named in ``right`` are numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    numbers = set(right)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        grid.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False
    ).print(grid)


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    kept = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in kept), default=0)
    for name, value in kept:
        text_line(f"{name:<{width}}  {value}")


def size(count: float) -> str:
    """Return a number of bytes for a person.

    >>> size(1_234_567)
    '1.2 MB'
    """
    units = ("bytes", "kB", "MB", "GB", "TB")
    step = 0
    while count >= 1000.0 and step < len(units) - 1:
        count /= 1000.0
        step += 1
    return f"{count:.0f} {units[step]}" if step == 0 else f"{count:.1f} {units[step]}"
