"""A day of sound through one monitor, as fast as it goes: its memory at every hour."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import soundfile
from material import material, options, resident_mb

from earmark.evaluation.noise import RATE_HZ
from earmark.evaluation.programme import Programme
from earmark.monitor.repeats import Repeats
from earmark.monitor.session import Monitor

BLOCK_S = 1


def main() -> None:
    """Play one programme again and again."""
    parser = options(__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--programme-hours", type=float, default=2.0)
    given = parser.parse_args()
    with material(given) as stuff, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "programme.wav"
        duration_s = given.programme_hours * 3600.0
        Programme(stuff.sources, duration_s=duration_s, seed=given.seed).write(file)
        monitor = Monitor(stuff.library, repeats=Repeats(), name="x")
        begun_mb, by_hour_mb, told = resident_mb(), list[float](), 0
        start = time.process_time()
        while len(by_hour_mb) < given.hours:
            for block in soundfile.blocks(file, BLOCK_S * RATE_HZ, dtype="float32"):
                told += sum(one.kind == "close" for one in monitor.feed(block))
                if monitor.heard_s >= 3600.0 * (len(by_hour_mb) + 1):
                    by_hour_mb.append(round(resident_mb(), 1))
                    if len(by_hour_mb) == given.hours:
                        break
        cpu_s = time.process_time() - start
    figures = {
        "hours": given.hours,
        "begun_mb": round(begun_mb, 1),
        "by_hour_mb": by_hour_mb,
        "growth_mb_an_hour": round((by_hour_mb[-1] - by_hour_mb[0]) / (given.hours - 1), 3),
        "detections": told,
        "x_real_time": round(given.hours * 3600.0 / cpu_s, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
