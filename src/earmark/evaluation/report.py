"""What a run of a suite came to: cells, flat figures, a table for people, and what was missed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from earmark.evaluation.score import (
    GRID_LENGTHS_S,
    TIMED_LENGTH_S,
    Cell,
    Outcome,
    calibration,
    cells,
    expected_calibration_error,
    median_offset_error_ms,
    share,
)

REACH: Mapping[str, float] = {
    "accepted": 0.95,
    "false_alarm_rate": 0.003,
    "accepted.clean": 1.0,
    "accepted.telephone": 1.0,
    "accepted.mp3_32k": 1.0,
    "accepted.tempo+5": 1.0,
    "accepted.tempo-5": 1.0,
    "accepted.reverb": 0.98,
    "accepted.speed+2": 0.97,
    "accepted.speed-2": 0.97,
    "accepted.speed+5": 0.97,
    "accepted.speed-5": 0.97,
    "accepted.pitch+1": 0.97,
    "accepted.pitch-1": 0.97,
    "accepted.pink0": 0.85,
    "accepted.pink-5": 0.65,
    "accepted.phone": 0.92,
    "accepted.ambient0": 0.85,
    "accepted_1s.clean": 0.95,
    "median_offset_error_ms": 10.0,
    "right_at_90": 0.95,
    "bytes_per_hour": 1.1e6,
    "x_real_time": 900.0,
    "cpu_ms_query_plain": 15.0,
    "cpu_ms_query_warped": 120.0,
}
"""What the engine is to reach on music it was not tuned on, with some 400 tracks indexed."""

_LESS_IS_BETTER = (
    "false_alarm",
    "wrong_track",
    "extra_tracks",
    "median_offset",
    "calibration_error",
    "bytes_per_hour",
    "cpu_ms",
    "postings_read",
)


@dataclass(frozen=True, slots=True)
class Miss:
    """A figure on the wrong side of its floor (or ceiling)."""

    name: str
    wanted: float
    measured: float | None

    def __str__(self) -> str:
        measured = "nothing" if self.measured is None else f"{self.measured:.4g}"
        return f"{self.name}: {self.wanted:g} wanted, {measured} measured"


@dataclass(frozen=True, slots=True)
class RecordingReport:
    """All that ``earmark bench recording`` found out.

    Attributes
    ----------
    outcomes
        Every query judged.
    measured
        Figures that do not come from answers: sizes, speeds, counts.
    """

    outcomes: tuple[Outcome, ...]
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Shares by condition and length."""
        return cells(self.outcomes)

    def cell_dicts(self) -> list[dict[str, Any]]:
        """Return the JSON shape of each cell: a line each of ``bench --json``."""
        return [
            {
                "suite": "recording",
                "condition": cell.condition,
                "length_s": cell.length_s,
                "indexed": cell.positive,
                "queries": cell.count,
                ("accepted" if cell.positive else "false_alarm_rate"): round(
                    cell.accepted if cell.positive else cell.wrong, 4
                ),
                **(_positive_figures(cell) if cell.positive else {}),
            }
            for cell in self.cells
        ]

    def figures(self) -> dict[str, float]:
        """Return every figure by name, flat: rates in [0, 1], times and sizes as named.

        ``accepted`` and the rates are over 2, 3, 5 and 10 s; ``accepted.CONDITION`` and
        ``accepted_1s.CONDITION`` are the same for one condition.
        """
        asked = [one for one in self.outcomes if one.positive]
        unasked = [one for one in self.outcomes if not one.positive]
        grid, second = _long(asked), _short(asked)
        figures = {
            "accepted": share(grid, _right),
            "accepted_placed": share(grid, lambda one: one.placed),
            "wrong_track_rate": share(grid, _wrong),
            "extra_tracks_rate": share(grid, lambda one: one.extra > 0),
        }
        if second:
            figures["accepted_1s"] = share(second, _right)
            figures["wrong_track_rate_1s"] = share(second, _wrong)
        if held := _long(unasked):
            figures["false_alarm_rate"] = share(held, _wrong)
        if held := _short(unasked):
            figures["false_alarm_rate_1s"] = share(held, _wrong)
        error = median_offset_error_ms(grid)
        if error is not None:
            figures["median_offset_error_ms"] = error
        table = calibration(self.outcomes)
        figures["calibration_error"] = expected_calibration_error(table)
        sure = [one for one in self.outcomes if one.answered and one.confidence >= 0.9]
        figures["right_at_90"] = share(sure, _right)
        for row in table:
            figures[f"right_{row.low:.1f}_{row.high:.1f}"] = row.right
        figures |= _costs(one for one in self.outcomes if one.length_s == TIMED_LENGTH_S)
        figures |= self.measured
        for prefix, part in (("accepted", grid), ("accepted_1s", second)):
            for name in dict.fromkeys(one.condition for one in part):
                own = [one for one in part if one.condition == name]
                figures[f"{prefix}.{name}"] = share(own, _right)
        return figures

    def as_dict(self) -> dict[str, Any]:
        """Return the last line of ``bench --json``: flat figures and nothing else."""
        asked = sum(one.positive for one in self.outcomes)
        counts = {"queries": asked, "held_out_queries": len(self.outcomes) - asked}
        rounded = {name: _rounded(value) for name, value in self.figures().items()}
        return {"suite": "recording", **counts, **rounded}

    def table(self) -> str:
        """Return a table for people: percent accepted by condition and length, then figures."""
        return "\n".join([*_grid(self.cells), "", *_summary(self)])


def floors(report: RecordingReport, table: Mapping[str, float] = REACH) -> tuple[Miss, ...]:
    """Return the figures that miss their floor (or ceiling), in the table's order.

    Parameters
    ----------
    report
        What was measured.
    table
        Figure name -> least value wanted; the greatest, for errors, times and sizes.
    """
    figures = report.figures()
    missed = []
    for name, wanted in table.items():
        value = figures.get(name)
        less = name.startswith(_LESS_IS_BETTER)
        if value is None or (value > wanted if less else value < wanted):
            missed.append(Miss(name, wanted, value))
    return tuple(missed)


def _right(outcome: Outcome) -> bool:
    return outcome.right


def _wrong(outcome: Outcome) -> bool:
    return outcome.answered and not outcome.right


def _long(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if one.length_s in GRID_LENGTHS_S]


def _short(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if one.length_s < GRID_LENGTHS_S[0]]


def _costs(outcomes: Iterable[Outcome]) -> dict[str, float]:
    figures: dict[str, float] = {}
    timed = list(outcomes)
    for name, part in (
        ("plain", [one for one in timed if not one.warped]),
        ("warped", [one for one in timed if one.warped]),
    ):
        if part:
            figures[f"cpu_ms_query_{name}"] = statistics.median(one.cpu_ms for one in part)
            figures[f"postings_read_{name}"] = statistics.median(one.reads for one in part)
    if timed:
        figures["cpu_ms_query"] = statistics.median(one.cpu_ms for one in timed)
        figures["postings_read_per_query"] = statistics.fmean(one.reads for one in timed)
    return figures


def _positive_figures(cell: Cell) -> dict[str, float | None]:
    error = cell.median_offset_error_ms
    return {
        "accepted_placed": round(cell.placed, 4),
        "wrong_track_rate": round(cell.wrong, 4),
        "median_offset_error_ms": None if error is None else round(error, 2),
    }


def _grid(table: Sequence[Cell]) -> list[str]:
    lengths = sorted({cell.length_s for cell in table})
    lines = [f"{'accepted %':<22}" + "".join(f"{f'{length:g} s':>8}" for length in lengths)]
    for positive in (True, False):
        part = {(c.condition, c.length_s): c for c in table if c.positive is positive}
        if not positive and part:
            lines.append("false alarms % (held-out tracks)")
        for name in dict.fromkeys(condition for condition, _ in part):
            row = [part.get((name, length)) for length in lengths]
            values = [None if c is None else c.accepted if positive else c.wrong for c in row]
            shown = ("-" if value is None else f"{100 * value:.1f}" for value in values)
            lines.append(f"  {name:<20}" + "".join(f"{text:>8}" for text in shown))
    return lines


def _summary(report: RecordingReport) -> list[str]:
    lines = [
        f"{name:<26}{value if isinstance(value, str) else f'{value:.6g}':>12}"
        for name, value in report.as_dict().items()
        if "." not in name and name != "suite"
    ]
    lines += ["", "confidence     answers   right %"]
    for row in calibration(report.outcomes):
        lines.append(f"{row.low:.1f} - {row.high:.1f}{row.count:>15}{100 * row.right:>10.1f}")
    if missed := floors(report):
        lines += ["", "short of the aims:", *(f"  {miss}" for miss in missed)]
    return lines


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
