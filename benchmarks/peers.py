"""earmark, audfprint2 and chromaprint on the same clips of the same tracks: one Markdown table.

See benchmarks/README.md for what to install first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from earmark.evaluation.bench_recording import HELD_OUT_CONDITIONS
from earmark.evaluation.collection import split
from earmark.evaluation.degrade import CONDITIONS
from earmark.evaluation.noise import NoiseBank
from earmark.evaluation.queries import Query, choose, spoilt
from systems import Audfprint, Chromaprint, Earmark, Named, System

LENGTHS_S = (2.0, 3.0, 5.0, 10.0)
SYSTEMS: dict[str, Callable[[Path], System]] = {
    "earmark": Earmark,
    "audfprint2": lambda folder: Audfprint(folder, "audfprint2", 20.0, 3),
    "audfprint2-dense": lambda folder: Audfprint(folder, "audfprint2 -n 100 -F 8", 100.0, 8),
    "fpcalc": Chromaprint,
}
COLUMNS = {
    "all": CONDITIONS,
    "clean": ("clean",),
    "telephone": ("telephone",),
    "mp3": ("mp3_32k",),
    "reverb": ("reverb",),
    "pink 0 dB": ("pink0",),
    "speed": ("speed+2", "speed-2", "speed+5", "speed-5"),
    "pitch": ("pitch+1", "pitch-1"),
    "tempo": ("tempo+5", "tempo-5"),
    "phone": ("phone",),
}


@dataclass(frozen=True)
class Judged:
    """One answer of one system."""

    condition: str
    length_s: float
    positive: bool
    right: bool
    score: float
    own: bool
    cpu_ms: float
    track: str = ""


@dataclass(frozen=True)
class Result:
    """All of one system, as it is kept between runs."""

    name: str
    clips: str
    mb_per_hour: float
    x_real_time: float
    judged: list[Judged]

    def equal(self, false_alarms: float) -> float:
        """Return the score that at most this share of held-out clips exceed."""
        held = sorted((one.score for one in self.judged if not one.positive), reverse=True)
        allowed = int(false_alarms * len(held))
        return held[allowed] if held else 0.0

    def accepted(self, conditions: Sequence[str], above: float | None) -> float:
        """Return the percentage named rightly, above a score or by the system's own rule."""
        part = [one for one in self.judged if one.positive and one.condition in conditions]
        hits = sum(one.right and _says_yes(one, above) for one in part)
        return 100.0 * hits / max(1, len(part))

    def false_alarms(self, above: float | None) -> float:
        """Return the percentage of held-out clips that got an answer."""
        part = [one for one in self.judged if not one.positive]
        return 100.0 * sum(_says_yes(one, above) for one in part) / max(1, len(part))

    def worst(self) -> str:
        """Return the held-out track that is answered most; one such track can decide."""
        named = Counter(one.track for one in self.judged if not one.positive and one.own)
        if not any(named):  # answers kept by a version that did not tell
            return ""
        track, count = named.most_common(1)[0]
        return f"{track} ({count} of {named.total()})"

    @property
    def cpu_ms(self) -> float:
        """Median CPU time of a 10 s query of an indexed track."""
        return statistics.median(
            one.cpu_ms for one in self.judged if one.length_s == 10.0 and one.positive
        )


def _says_yes(one: Judged, above: float | None) -> bool:
    return one.own if above is None else one.score > above


def run(system: System, files: Sequence[Path], queries: Sequence[Query], clips: str) -> Result:
    """Index the files and ask every query."""
    indexed = system.index(files, lambda done: _tell(f"{system.name}: {done}/{len(files)} files"))
    system.ask(queries[0].clip)
    judged = []
    for query in queries:
        named: Named = system.ask(query.clip)
        right = query.positive and named.source == str(query.source)
        judged.append(
            Judged(
                query.condition,
                query.length_s,
                query.positive,
                right,
                named.score,
                named.own,
                named.cpu_ms,
                query.source.name,
            )
        )
        _tell(f"{system.name}: {len(judged)}/{len(queries)} queries")
    hours = indexed.audio_s / 3600.0
    return Result(
        name=system.name,
        clips=clips,
        mb_per_hour=indexed.size_bytes / 1e6 / hours,
        x_real_time=indexed.audio_s / indexed.cpu_s,
        judged=judged,
    )


def table(results: Sequence[Result], false_alarms: float) -> str:
    """Return the Markdown table."""
    heads = [
        "system",
        "accepted / false alarms by its own rule, %",
        *(f"{name}, %" for name in COLUMNS),
        "index MB/h",
        "x real time",
        "CPU of a 10 s query",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    base = next((one.cpu_ms for one in results if one.name == "earmark"), None)
    for one in results:
        own = "-"
        if any(judged.own for judged in one.judged):
            own = f"{one.accepted(CONDITIONS, None):.1f} / {one.false_alarms(None):.1f}"
        above = one.equal(false_alarms)
        cells = (f"{one.accepted(names, above):.0f}" for names in COLUMNS.values())
        cpu = f"{one.cpu_ms:.0f} ms" + (f" (x {one.cpu_ms / base:.1f})" if base else "")
        row = [one.name, own, *cells, f"{one.mb_per_hour:.2f}", f"{one.x_real_time:.0f}", cpu]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<70}", end="", file=sys.stderr)


def _load(path: Path, clips: str) -> Result | None:
    if not path.is_file():
        return None
    held = json.loads(path.read_text())
    if held["clips"] != clips:
        return None
    return Result(**{**held, "judged": [Judged(**one) for one in held["judged"]]})


def main() -> None:
    """Ask all systems the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True, help="Indexed, and asked for.")
    parser.add_argument("--held-out", type=Path, help="Never indexed; else a part of --music.")
    parser.add_argument("--distractors", type=Path, help="Indexed, never asked for.")
    parser.add_argument("--noise", type=Path)
    parser.add_argument("--impulse", type=Path)
    parser.add_argument("--babble", type=Path)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--per-cell", type=int, default=5, help="Clips per condition and length.")
    parser.add_argument("--held-out-per-cell", type=int, default=14)
    parser.add_argument("--false-alarms", type=float, default=0.01, help="At which all are equal.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, help="Keep answers here, and take what is here.")
    parser.add_argument("--again", nargs="*", choices=SYSTEMS, default=[], help="Ask once more.")
    options = parser.parse_args()

    parts = split(options.music, options.distractors, seed=options.seed, least_held_out=20)
    positives, held_out = list(parts.positives), list(parts.held_out)
    if options.held_out is not None:
        others = split(options.held_out, seed=options.seed)
        positives, held_out = positives + held_out, [*others.positives, *others.held_out]
    files = [*positives, *parts.distractors]
    bank = NoiseBank.load(options.noise, options.impulse, options.babble)
    asked = choose(positives, LENGTHS_S, options.per_cell, options.seed, "indexed")
    unasked = choose(held_out, LENGTHS_S, options.held_out_per_cell, options.seed, "held out")
    queries = [
        *spoilt(asked, CONDITIONS, bank, options.seed, positive=True),
        *spoilt(unasked, HELD_OUT_CONDITIONS, bank, options.seed, positive=False),
    ]
    clips = (
        f"{len(asked) * len(CONDITIONS)} clips of {len(positives)} tracks, "
        f"{len(unasked) * len(HELD_OUT_CONDITIONS)} of {len(held_out)} held out, "
        f"{len(files)} indexed, seed {options.seed}"
    )
    results = []
    for name in options.systems:
        kept = options.results and options.results / f"{name}.json"
        result = None if kept is None or name in options.again else _load(kept, clips)
        if result is None:
            with tempfile.TemporaryDirectory(prefix="earmark-peers-") as temporary:
                result = run(SYSTEMS[name](Path(temporary)), files, queries, clips)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(asdict(result)))
        results.append(result)
    print(
        f"{clips}; 2, 3, 5 and 10 s; percentages at {100 * options.false_alarms:g} % false alarms"
    )
    print()
    print(table(results, options.false_alarms))
    for result in results:
        if worst := result.worst():
            print(f"\n{result.name}: most false alarms by its own rule on {worst}")


if __name__ == "__main__":
    main()
