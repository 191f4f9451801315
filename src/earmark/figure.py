"""Figures that engines draw on: made without pyplot, so nothing is opened and nothing is shared."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import StoreError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Figure

MISSING = "a picture needs matplotlib: run `pip install 'earmark[plot]'`"


def new_figure(width: float, height: float, kind: str | None = None) -> Figure:
    """Return an empty figure of that size in inches, which shows itself in a notebook.

    Raises
    ------
    UsageError
        matplotlib is missing, or it cannot write pictures of ``kind`` (a file ending).
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as NewFigure
    except ImportError as error:
        raise UsageError(MISSING) from error
    known = FigureCanvasAgg.get_supported_filetypes()
    if kind is not None and kind not in known:
        message = f"{kind!r} names no picture format; use one of: {', '.join(sorted(known))}"
        raise UsageError(message)
    figure = NewFigure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)

    def png() -> bytes:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()

    # Without pyplot a notebook would show nothing but the figure's name.
    figure._repr_png_ = png  # type: ignore[attr-defined]
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture in the format that its ending names; raises `StoreError`."""
    kind = kind_of(path)
    # No date and no version inside: equal answers give equal PNG bytes.
    stamp = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}.get(kind)
    try:
        figure.savefig(path, format=kind, metadata={stamp: None} if stamp else None)
    except OSError as error:
        message = f"the picture {str(path)!r} cannot be written: {error.strerror or error}"
        raise StoreError(message) from error


def kind_of(path: Path) -> str:
    """Return the format that a path's ending names; PNG without one."""
    return path.suffix.lower().lstrip(".") or "png"


def plain(text: str) -> str:
    """Return a label without mathtext, and short enough for one line."""
    text = text.replace("$", r"\$")
    return text if len(text) <= 70 else f"{text[:69]}…"
