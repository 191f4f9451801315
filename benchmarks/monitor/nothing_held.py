"""Hours of programme that plays nothing of the library: every detection is a false one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from material import material, options

from earmark.evaluation.bench_monitor import listen


def main() -> None:
    """Scan them two hours at a time."""
    parser = options(__doc__)
    parser.add_argument("--hours", type=float, default=10.0)
    given = parser.parse_args()
    left, wrong, false_groups, cpu_s, seed = given.hours, list[str](), 0, 0.0, given.seed
    with material(given) as stuff, tempfile.TemporaryDirectory() as folder:
        while left > 1e-6:
            hours = min(2.0, left)
            file = Path(folder) / "programme.wav"
            heard = listen(stuff.library, stuff.sources, "unknown", hours, seed, file)
            wrong += heard.score.wrong
            false_groups += heard.score.groups.false_groups
            cpu_s, left, seed = cpu_s + heard.cpu_s, left - hours, seed + 1
        figures = {
            "hours": given.hours,
            "tracks_indexed": len(stuff.library),
            "detections": len(wrong),
            "false_groups": false_groups,
            "x_real_time": round(given.hours * 3600.0 / cpu_s, 1),
            "which": wrong,
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
