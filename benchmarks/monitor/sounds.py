"""Measures `monitor.hearing` and `monitor.repeats` on programmes made from one's own recordings.

``python benchmarks/monitor/sounds.py repeats --music DIR --voices DIR`` plants jingles (pieces of
music that the programme does not hold otherwise) among tracks and talk, at other gains, cut, talked
over, through MP3, and tells which were found and what was found besides. ``--jingles 0`` plays
tracks only, each once: whatever is found is false.

``python benchmarks/monitor/sounds.py hearing --music DIR --voices DIR --others DIR`` lays pieces
of music, talk, other sounds and silence one behind the other, and tells the seconds of each that
were labelled as what. Give it folders that did not teach (training/hearing/roles.py).
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from pathlib import Path

import numpy as np
from sound_programmes import RATE_HZ, Programme, Talk, files, levelled, programme, read

from earmark.monitor.hearing import STATES, Hearing
from earmark.monitor.repeats import Repeats
from earmark.monitor.timeline import Repeat, overlap_s
from earmark.types import Span


def found(made: Programme, repeats: tuple[Repeat, ...]) -> dict[str, float]:
    """Return which planted jingles of three or more plays were found, and what else was."""
    jingles = plays = whole = right = 0
    used: set[str] = set()
    errors = list[float]()
    for spans in made.planted.values():
        best, ends = 0, list[float]()
        for repeat in repeats:
            pairs = [
                (span, play.span)
                for span in spans
                for play in repeat.plays
                if overlap_s(span, play.span) >= 0.5 * span.duration_s
            ]
            hits = len({span.start_s for span, _ in pairs})
            if hits >= 2:
                used.add(repeat.id)
            if hits > best:
                best = hits
                ends = [abs(one.start_s - other.start_s) for one, other in pairs]
                ends += [abs(one.end_s - other.end_s) for one, other in pairs]
        if len(spans) >= 3:
            jingles, plays = jingles + 1, plays + len(spans)
            whole, right = whole + (2 * best >= len(spans) and best >= 2), right + best
            errors += ends
    false = [repeat for repeat in repeats if repeat.id not in used]
    tracks = [span for _, span in made.tracks]
    music = [
        repeat
        for repeat in false
        if any(overlap_s(span, play.span) > 1.0 for span in tracks for play in repeat.plays)
    ]
    return {
        "jingles": jingles,
        "jingles_grouped": whole,
        "plays": plays,
        "plays_grouped": right,
        "false_groups": len(false),
        "false_groups_of_tracks": len(music),
        "median_end_error_s": round(float(np.median(errors)), 2) if errors else 0.0,
    }


def bench_repeats(asked: argparse.Namespace) -> dict[str, float]:
    """Plant, listen, find, count."""
    voices = [path for folder in asked.voices for path in files(folder)]
    made = programme(files(asked.music), voices, asked.hours, asked.jingles, asked.seed)
    repeats, taking = Repeats(), 0.0
    for part in made.sheets():
        began = time.process_time()
        repeats.take("programme", part)
        taking += time.process_time() - began
    began = time.process_time()
    groups = repeats.find()
    finding = time.process_time() - began
    for group in groups:
        lines = (f"{play.span.start_s:.1f}+{play.span.duration_s:.1f}" for play in group.plays)
        print(group.id, *lines)
    hours = made.length_s / 3600.0
    cost = {"take_ms_per_s": round(1000.0 * taking / made.length_s, 3), "find_s": round(finding, 1)}
    size = {"kept_mb_per_hour": round(len(pickle.dumps(repeats.extract())) / hours / 1e6, 3)}
    return {"hours": round(hours, 2)} | found(made, groups) | cost | size


def bench_hearing(asked: argparse.Namespace) -> dict[str, float]:
    """Lay pieces of known kinds one behind the other; print seconds of each as labelled."""
    rng = np.random.default_rng(asked.seed)
    music, others = files(asked.music), [p for folder in asked.others for p in files(folder)]
    talk = Talk([path for folder in asked.voices for path in files(folder)], rng)
    made, truth = Programme(), list[tuple[str, Span]]()
    while made.length_s < asked.hours * 3600.0:
        kind = str(rng.choice(["music", "speech", "other", "silence"], p=[0.4, 0.35, 0.15, 0.1]))
        if kind == "music":
            whole = read(music[int(rng.integers(len(music)))])
            length = int(rng.uniform(10.0, 60.0) * RATE_HZ)
            start = int(rng.integers(max(1, len(whole) - length)))
            samples = levelled(whole[start : start + length], rng.uniform(-30.0, -15.0))
        elif kind == "speech":
            samples = talk.seconds(rng.uniform(8.0, 60.0))
        elif kind == "other":
            some = [read(others[int(i)]) for i in rng.integers(len(others), size=4)]
            samples = np.concatenate([levelled(part, -25.0) for part in some])
        else:
            samples = np.zeros(int(rng.uniform(3.0, 12.0) * RATE_HZ), np.float32)
        if len(samples) > RATE_HZ:
            truth.append((kind, made.add(samples)))
    hearing, taking = Hearing(), 0.0
    for part in made.sheets():
        began = time.process_time()
        hearing.take(part)
        taking += time.process_time() - began
    table = {kind: dict.fromkeys(STATES, 0.0) for kind in STATES}
    began = time.process_time()
    told = hearing.labelled(0.0, made.length_s)
    labelling = time.process_time() - began
    for kind, span in truth:
        for label, piece in told:
            table[kind][label] += overlap_s(span, piece)
    for kind, row in table.items():
        print(f"{kind:8}" + " ".join(f"{label} {value:7.0f} s" for label, value in row.items()))
    right = {f"{kind}_right": table[kind][kind] / sum(table[kind].values()) for kind in STATES}
    pair = [table[a][b] for a in ("music", "speech") for b in ("music", "speech")]
    figures = right | {"music_or_speech_right": (pair[0] + pair[3]) / sum(pair)}
    figures["right"] = sum(table[k][k] for k in STATES) / made.length_s
    figures["cpu_ms_per_s"] = 1000.0 * (taking + labelling) / made.length_s
    figures["pieces_per_true_piece"] = len(told) / len(truth)
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Measure one of the two and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("repeats", "hearing"))
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--voices", type=Path, nargs="*", default=[])
    parser.add_argument("--others", type=Path, nargs="*", default=[])
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--jingles", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    made = bench_repeats(asked) if asked.what == "repeats" else bench_hearing(asked)
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
