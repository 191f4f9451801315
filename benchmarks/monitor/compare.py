"""The same programmes through earmark, fpcalc and audfprint2: one table, one JSON file.

See README.md for what to install first.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from material import Material, material, options
from rivals import Audfprint, Chromaprint, Rival

from earmark import Library
from earmark.evaluation.monitor_report import Heard, MonitorReport
from earmark.evaluation.monitor_score import score
from earmark.evaluation.programme import Programme
from earmark.monitor.scan import scan
from earmark.monitor.timeline import Timeline

SYSTEMS: dict[str, Callable[[Library], Rival]] = {
    "earmark": lambda library: Earmark(library),
    "fpcalc": lambda _: Chromaprint(),
    "audfprint2": lambda _: Audfprint(),
}
COLUMNS = (
    "precision", "precision_track", "recall", "recall_track", "recall_speed", "recall_dj",
    "recall_track_dj", "start_error_s", "end_error_s", "fragments", "false_detections",
    "detections_unknown", "jingles", "false_groups", "cpu_s_per_hour", "x_real_time",
)  # fmt: skip


class Earmark:
    """This package, on the library that is open."""

    name = "earmark"

    def __init__(self, library: Library) -> None:
        self._library = library

    def index(self, files: Sequence[Path]) -> None:
        """Nothing to do: `material` has added them."""

    def listen(self, file: Path) -> tuple[Timeline, float]:
        """Scan it as the command does."""
        start = time.process_time()
        timeline = scan(self._library, file)
        return timeline, time.process_time() - start


def heard(stuff: Material, systems: list[Rival], given) -> dict[str, list[Heard]]:
    """Let every system hear every programme."""
    found: dict[str, list[Heard]] = {system.name: [] for system in systems}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "programme.wav"
        for index in range(given.programmes):
            for style in given.styles:
                seed = given.seed + index
                made = Programme(stuff.sources, style, duration_s=given.hours * 3600.0, seed=seed)
                truth = made.write(file)
                for system in systems:
                    timeline, took = system.listen(file)
                    judged = score(truth, timeline)
                    found[system.name].append(Heard(style, seed, judged, took))
                    print(system.name, style, seed, f"{took:.0f} s of CPU", file=sys.stderr)
    return found


def main() -> None:
    """Index, make programmes, listen, tell."""
    parser = options(__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--programmes", type=int, default=1)
    parser.add_argument("--styles", nargs="+", default=["radio", "speed", "dj", "unknown"])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument(
        "--results", type=Path, help="keeps the figures; those of systems not asked now stay"
    )
    parser.add_argument("--verbose", action="store_true", help="tell what was missed and wrong")
    given = parser.parse_args()
    kept = given.results is not None and given.results.is_file()
    shapes = json.loads(given.results.read_text(encoding="utf-8")) if kept else {}
    with material(given) as stuff:
        systems = [SYSTEMS[name](stuff.library) for name in given.systems]
        for system in systems:
            system.index(stuff.files)
        tracks = {"tracks_indexed": len(stuff.library)}
        reports = {
            name: MonitorReport(tuple(own), tracks)
            for name, own in heard(stuff, systems, given).items()
        }
    shapes |= {name: report.as_dict() for name, report in reports.items()}
    if given.results is not None:
        given.results.write_text(json.dumps(shapes, indent=1) + "\n", encoding="utf-8")
    print("| | " + " | ".join(shapes) + " |\n|---|" + "--:|" * len(shapes))
    for column in COLUMNS:
        values = [shape.get(column) for shape in shapes.values()]
        print(f"| {column} | " + " | ".join("-" if v is None else f"{v:.4g}" for v in values), "|")
    for name, report in reports.items():
        print("\n" + name + "\n" + report.table())
        for one in report.heard if given.verbose else ():
            own = one.score
            for what in ("missed", "wrong", "beyond"):
                print(f"{one.style} {one.seed} {what}:", *getattr(own, what), sep="\n  ")
            print(own.groups, own.kinds)


if __name__ == "__main__":
    main()
