"""Draw what grows with what, from the JSON that `synthetic.py ask` printed for several sizes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earmark.figure import kind_of, new_figure, write_figure

KINDS = {
    "recording, clean 10 s, there": "recording, there",
    "recording, clean 10 s, not there": "recording, not there",
    "melody, hummed 10 s": "melody",
    "sound, clean 10 s": "sound",
}
THERE, NOT_THERE = "recording, clean 10 s, there", "recording, clean 10 s, not there"
STAGES = ("decode", "analyse", "search", "verify")
_MARKS = {"folder": "o-", "redis": "s--"}


def plot(answers: Sequence[Path], picture: Path) -> None:
    """Draw one picture of four: waiting, stages, reads, memory; one line a kind and a place."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in answers]
    runs.sort(key=lambda run: run["tracks"])
    figure = new_figure(11.0, 7.5, kind_of(picture))
    waiting, stages, reads, memory = figure.subplots(2, 2).ravel()
    for place in sorted({_place(run) for run in runs}):
        own = [run for run in runs if _place(run) == place]
        mark = _MARKS[place]
        for kind, name in KINDS.items():
            line = _line(own, lambda run, kind=kind: _figure(run, kind, "ms"))
            if line[0]:
                waiting.plot(*line, mark, label=f"{name} ({place})")
        for stage in STAGES:
            line = _line(own, lambda run, stage=stage: _figure(run, THERE, f"{stage}_ms"))
            if line[0]:
                stages.plot(*line, mark, label=f"{stage} ({place})")
        for name in ("postings", "round_trips"):
            for kind in (THERE, NOT_THERE):
                line = _line(own, lambda run, of=(kind, name): _figure(run, *of))
                if any(line[1]):
                    told = f"{name.replace('_', ' ')}, {KINDS[kind]} ({place})"
                    reads.plot(*line, mark, label=told)
        memory.plot(*_line(own, lambda run: run["memory"]["own_mb"]), mark, label=f"own ({place})")
    titles = (
        (waiting, "One question, median", "ms"),
        (stages, "Its stages: recording, clean 10 s, there", "ms"),
        (reads, "Read for one question", "median"),
        (memory, "Memory of the process that asks", "MB"),
    )
    for axes, title, unit in titles:
        axes.set(title=title, xlabel="tracks", ylabel=unit, xscale="log")
        axes.grid(alpha=0.3)
        if axes is not waiting and axes is not reads:
            axes.set_ylim(bottom=0.0)
        axes.set_xticks([run["tracks"] for run in runs], [f"{run['tracks']:,}" for run in runs])
        axes.minorticks_off()
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    waiting.set_yscale("log")
    reads.set_yscale("log")
    write_figure(figure, picture)


def _place(run: dict[str, Any]) -> str:
    return "redis" if "://" in run["library"] else "folder"


def _figure(run: dict[str, Any], kind: str, name: str) -> float:
    return run["questions"][kind][name]["median"]


def _line(runs: Sequence[dict[str, Any]], value: Any) -> tuple[list[int], list[float]]:
    points = []
    for run in runs:
        try:
            points.append((run["tracks"], value(run)))
        except KeyError:
            continue
    return [x for x, _ in points], [y for _, y in points]
