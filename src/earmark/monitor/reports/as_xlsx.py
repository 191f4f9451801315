"""A workbook: detections, gaps, repeats and totals by track, each on its own sheet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from earmark.errors import ExtraMissingError
from earmark.monitor.reports import rows
from earmark.monitor.timeline import Timeline

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook

MISSING = "an .xlsx file needs XlsxWriter; run: pip install 'earmark[xlsx]'"
_MOST_CHARACTERS = 32_767
_WIDE = {"input": 36, "title": 32, "artist": 24, "source": 48, "id": 34}


def require() -> None:
    """Raise `ExtraMissingError` where no workbook can be written."""
    try:
        import xlsxwriter  # noqa: F401
    except ImportError as error:
        raise ExtraMissingError(MISSING) from error


def render(timelines: Sequence[Timeline]) -> bytes:
    """Return the file; every text is written as text, so nothing in it can run."""
    require()
    from xlsxwriter.workbook import Workbook

    data = io.BytesIO()
    book = Workbook(data, {"in_memory": True, "nan_inf_to_errors": True})
    bold = book.add_format({"bold": True, "bottom": 1})
    _sheet(book, "detections", rows.DETECTION, rows.detections(timelines), bold)
    _sheet(book, "gaps", rows.GAP, rows.gaps(timelines), bold)
    _sheet(book, "repeats", rows.REPEAT, rows.repeats(timelines), bold)
    _sheet(book, "totals", rows.TOTAL, rows.totals(timelines), bold)
    book.close()
    return data.getvalue()


def _sheet(
    book: Workbook, name: str, columns: Sequence[str], lines: Iterable[rows.Row], bold: Format
) -> None:
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for at, column in enumerate(columns):
        sheet.write_string(0, at, column, bold)
        sheet.set_column(at, at, _WIDE.get(column, max(10, len(column) + 2)))
    last = 0
    for last, line in enumerate(lines, 1):
        for at, column in enumerate(columns):
            cell = line[column]
            if cell == "":
                continue
            if isinstance(cell, str):
                # A lone surrogate (a file name that is no UTF-8) cannot be in the XML.
                text = cell.encode("utf-8", "backslashreplace").decode("utf-8")
                sheet.write_string(last, at, text[:_MOST_CHARACTERS])
            else:
                sheet.write_number(last, at, cell)
    if last:
        sheet.autofilter(0, 0, last, len(columns) - 1)
