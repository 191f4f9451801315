"""What monitoring generated programmes came to: flat figures, and tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earmark.evaluation.monitor_score import Score, pooled
from earmark.evaluation.report import Miss

REACH: Mapping[str, float] = {
    "precision": 0.995,
    "recall": 0.97,
    "recall_speed": 0.93,
    "start_error_s": 0.3,
    "detections_unknown": 0.0,
    "x_real_time": 150.0,
    "jingles": 0.9,
    "false_groups_10h": 2.0,
}
"""What monitoring is to reach on music it was not tuned on, with some 400 tracks indexed."""

LESS_IS_BETTER = ("start_error", "end_error", "false", "detections_unknown", "fragments", "cpu_s")


@dataclass(frozen=True, slots=True)
class Heard:
    """One programme, scanned and judged."""

    style: str
    seed: int
    score: Score
    cpu_s: float


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """All that ``earmark bench monitor`` found out.

    Attributes
    ----------
    heard
        Every programme.
    measured
        Figures that do not come from timelines.
    """

    heard: tuple[Heard, ...]
    measured: Mapping[str, float] = field(default_factory=dict)

    def pooled(self, *styles: str) -> Score:
        """Add up the programmes of some styles; of all without one."""
        return pooled(one.score for one in self.heard if not styles or one.style in styles)

    def figures(self) -> dict[str, float]:
        """Return every figure by name, flat; what nothing was measured for is left out.

        Figures without an ending are of the programmes of a station (``radio``), but for
        ``recall_speed`` (all seconds at another speed, cross-fades included, outside DJ mixes)
        and what concerns every programme: false detections, jingles, groups, gaps, cost.
        """
        everything, radio, dj = self.pooled(), self.pooled("radio"), self.pooled("dj")
        plain = self.pooled("radio", "speed")
        hours, cpu_s = everything.duration_s / 3600.0, sum(one.cpu_s for one in self.heard)
        groups = everything.groups
        values: dict[str, float | None] = {
            "precision": _of(radio.right_s, radio.detected_s),
            "precision_track": _of(radio.right_track_s, radio.detected_s),
            "recall": _recall(radio.found_s, radio.wanted_s),
            "recall_track": _recall(radio.found_track_s, radio.wanted_s),
            "precision_speed": _precision(self.pooled("speed")),
            "recall_speed": _recall(plain.found_s, plain.wanted_s, _sped),
            "precision_dj": _precision(dj),
            "recall_dj": _recall(dj.found_s, dj.wanted_s),
            "recall_track_dj": _recall(dj.found_track_s, dj.wanted_s),
            **_edges("start_error", radio.start_errors_s),
            **_edges("end_error", radio.end_errors_s),
            "plays_found": _of(radio.found_plays, radio.plays),
            "fragments": _of(radio.fragments, radio.found_plays),
            "false_detections": everything.false_detections,
            "jingles": _of(groups.grouped, groups.jingles),
            "jingle_plays": _of(groups.plays_found, groups.plays),
            "false_groups": groups.false_groups,
            "groups_beside": groups.beside,
            "false_groups_10h": groups.false_groups / max(1e-9, hours / 10.0),
            "gap_accuracy": _of(everything.gap_right_s, everything.gap_told_s),
            "gap_told": _of(everything.gap_told_s, everything.gap_s),
            "cpu_s_per_hour": cpu_s / max(1e-9, hours),
            "x_real_time": everything.duration_s / max(1e-9, cpu_s),
        }
        if any(one.style == "unknown" for one in self.heard):
            values["detections_unknown"] = self.pooled("unknown").detections
        for name in sorted(everything.wanted_s):
            only = {name: everything.wanted_s[name]}
            values[f"recall.{name}"] = _recall(everything.found_s, only)
        return {name: value for name, value in values.items() if value is not None} | dict(
            self.measured
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the last line of ``bench --json``: flat figures and nothing else."""
        hours = sum(one.score.duration_s for one in self.heard) / 3600.0
        rounded = {name: _rounded(value) for name, value in self.figures().items()}
        return {"suite": "monitor", "programmes": len(self.heard), "hours": hours, **rounded}

    def table(self) -> str:
        """Return tables for people: by style, by condition, then figures."""
        return "\n".join([*self._styles(), "", *self._conditions(), "", *self._summary()])

    def _styles(self) -> list[str]:
        heads = ("precision", "recall", "track", "start s", "end s", "detections", "false")
        lines = [f"{'style':<10}{'hours':>7}" + "".join(f"{head:>12}" for head in heads)]
        for style in dict.fromkeys(one.style for one in self.heard):
            own = self.pooled(style)
            cells = (
                _percent(_precision(own)),
                _percent(_recall(own.found_s, own.wanted_s)),
                _percent(_recall(own.found_track_s, own.wanted_s)),
                _median(own.start_errors_s),
                _median(own.end_errors_s),
                str(own.detections),
                str(own.false_detections),
            )
            hours = own.duration_s / 3600.0
            lines.append(f"{style:<10}{hours:>7.2f}" + "".join(f"{cell:>12}" for cell in cells))
        return lines

    def _conditions(self) -> list[str]:
        own = self.pooled()
        lines = [f"{'condition':<18}{'seconds':>9}{'recall %':>10}{'track %':>10}"]
        for name in sorted(own.wanted_s):
            only = {name: own.wanted_s[name]}
            found = _percent(_recall(own.found_s, only))
            track = _percent(_recall(own.found_track_s, only))
            lines.append(f"{name:<18}{own.wanted_s[name]:>9.0f}{found:>10}{track:>10}")
        return lines

    def _summary(self) -> list[str]:
        lines = [
            f"{name:<20}{value if isinstance(value, str) else f'{value:.6g}':>12}"
            for name, value in self.as_dict().items()
            if "." not in name and name != "suite"
        ]
        if missed := floors(self):
            lines += ["", "short of the aims:", *(f"  {miss}" for miss in missed)]
        return lines


def floors(report: MonitorReport, table: Mapping[str, float] = REACH) -> tuple[Miss, ...]:
    """Return the figures that miss their floor (or ceiling, for errors), in the table's order."""
    figures = report.figures()
    missed = []
    for name, wanted in table.items():
        value = figures.get(name)
        less = name.startswith(LESS_IS_BETTER)
        if value is None or (value > wanted if less else value < wanted):
            missed.append(Miss(name, wanted, value))
    return tuple(missed)


def _of(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def _precision(score: Score) -> float | None:
    return _of(score.right_s, score.detected_s)


def _recall(
    found_s: Mapping[str, float],
    wanted_s: Mapping[str, float],
    chosen: Callable[[str], bool] = lambda _: True,
) -> float | None:
    names = [name for name in wanted_s if chosen(name)]
    return _of(sum(found_s.get(name, 0.0) for name in names), sum(wanted_s[n] for n in names))


def _sped(condition: str) -> bool:
    return condition.startswith("speed")


def _edges(name: str, errors_s: Sequence[float]) -> dict[str, float | None]:
    if not errors_s:
        return {}
    off = np.abs(errors_s)
    return {f"{name}_s": float(np.median(off)), f"{name}_95_s": float(np.quantile(off, 0.95))}


def _median(errors_s: Iterable[float]) -> str:
    found = [abs(error) for error in errors_s]
    return f"{np.median(found):.2f}" if found else "-"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.2f}"


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
