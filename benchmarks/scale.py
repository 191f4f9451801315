"""How a library of 1,000, 10,000 and 100,000 tracks behaves: time, reads, memory, false alarms.

Nobody has 100,000 tracks at hand, so most are simulated: constellations that walk the peak-to-peak
transitions of real tracks. A few real tracks lie among them and are asked for, as are tracks that
are not there. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.audio.decode import decode
from earmark.evaluation.collection import split
from earmark.evaluation.counting import CountingPostings, Reads
from earmark.evaluation.noise import RATE_HZ, NoiseBank
from earmark.evaluation.queries import Query, choose, spoilt
from earmark.recording.constellation import Constellation
from earmark.recording.engine import RecordingAnalysis, RecordingEngine
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.stores.segments import SegmentPostingStore
from earmark.timing import collecting
from scaled.walk import Walk

CHUNK = 400
"""Tracks simulated at a time."""
FLUSH = 4_000
"""Tracks written at a time."""
ASKED = (("clean", 10.0), ("phone", 5.0))
FIRST_SIMULATED = 1_000_000


def constellation(path: Path, analysis: RecordingAnalysis) -> Constellation:
    """Return a file's peaks, of its first ten minutes."""
    analyser = analysis.analyser()
    analyser.feed(decode(path, analysis.rate_hz, duration_s=600.0).clip.samples)
    return analyser.finish()


@dataclass(frozen=True)
class Asked:
    """What one query came to."""

    number: int | None
    confidence: float
    cpu_ms: float
    reads: int
    hashes: int
    laps: dict[str, float]


def ask(engine: RecordingEngine, reads: Reads, query: Query) -> Asked:
    """Search for one clip, and count what it took."""
    reads.clear()
    start = time.process_time()
    with collecting() as laps:
        found = engine.search(query.clip, 5)
    cpu_ms = (time.process_time() - start) * 1000.0
    number, confidence = (found[0].number, found[0].confidence) if found else (None, 0.0)
    return Asked(number, confidence, cpu_ms, reads.postings, reads.hashes, laps)


def measure(
    engine: RecordingEngine,
    reads: Reads,
    queries: Sequence[Query],
    numbers: dict[Path, int],
) -> Iterator[str]:
    """Yield one table row for each kind of query."""
    for positive in (True, False):
        for condition, length_s in ASKED:
            part = [
                q
                for q in queries
                if (q.positive, q.condition, q.length_s) == (positive, condition, length_s)
            ]
            if not part:
                continue
            ask(engine, reads, part[0])
            got = [ask(engine, reads, query) for query in part]
            right = [a.number == numbers.get(q.source) for a, q in zip(got, part, strict=True)]
            named = sum(a.number is not None for a in got)
            share = sum(right) / len(part) if positive else named / len(part)
            cpu = [a.cpu_ms for a in got]
            lap = {
                name: statistics.median(a.laps.get(name, 0.0) for a in got)
                for name in ("analyse", "search", "verify")
            }
            yield (
                f"| {'indexed' if positive else 'held out'} {condition} {length_s:g} s "
                f"| {len(part)} | {100 * share:.1f} % "
                f"| {statistics.median(cpu):.1f} / {np.percentile(cpu, 90):.1f} "
                f"| {lap['analyse']:.1f} / {lap['search']:.1f} / {lap['verify']:.1f} "
                f"| {statistics.median(a.hashes for a in got):,.0f} "
                f"| {statistics.median(a.reads for a in got):,.0f} "
                f"/ {np.percentile([a.reads for a in got], 90):,.0f} "
                f"/ {max(a.reads for a in got):,} |"
            )


HEAD = (
    "| query | clips | accepted, or false alarms | CPU ms median / p90 "
    "| analyse / search / verify ms | hashes asked | postings read median / p90 / max |\n"
    "|---|--:|--:|--:|--:|--:|--:|"
)


def memory() -> str:
    """Return resident memory of this process: its own, and pages of mapped files."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))
    return f"RSS {own:,.0f} MB of its own + {mapped:,.0f} MB of mapped files (evictable)"


def main() -> None:
    """Build, grow and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True, help="A folder of real music.")
    parser.add_argument("--noise", type=Path)
    parser.add_argument("--impulse", type=Path)
    parser.add_argument("--babble", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--real", type=int, default=30, help="Real tracks among the others.")
    parser.add_argument("--clips", type=int, default=40, help="Queries of each kind.")
    parser.add_argument("--held-out-clips", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=4.0, help="Length of a simulated track.")
    parser.add_argument("--fit", type=int, default=120, help="Real tracks to take after.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="Where to build; the default is temporary.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-scale-") as temporary:
        _run(options, options.folder or Path(temporary) / "postings")


def _run(options: argparse.Namespace, folder: Path) -> None:
    params = RecordingParams()
    analysis = RecordingAnalysis(params)
    parts = split(options.music, seed=options.seed, least_held_out=options.real)
    real, others = parts.positives[: options.real], parts.positives[options.real :]
    numbers = {path: index + 1 for index, path in enumerate(real)}
    bank = NoiseBank.load(options.noise, options.impulse, options.babble)
    queries: list[Query] = []
    for condition, length_s in ASKED:
        for tracks, count, positive in (
            (real, options.clips, True),
            (parts.held_out, options.held_out_clips, False),
        ):
            cut = choose(tracks, [length_s], count, options.seed, f"scale {positive}")
            queries += spoilt(cut, [condition], bank, options.seed, positive=positive)
    assert all(query.clip.rate_hz == RATE_HZ for query in queries)
    fitted = [constellation(path, analysis) for path in others[: options.fit]]
    walk = Walk.of([one for one in fitted if len(one.frames) > 500], params.spectrum.bins)
    reads = Reads()
    engine = RecordingEngine(
        CountingPostings(SegmentPostingStore(folder, HASH_BITS, params.digest), reads), params
    )
    held = len(engine.known())  # a folder that was begun before is grown further
    if not held:
        engine.add((number, constellation(path, analysis)) for path, number in numbers.items())
        held = len(numbers)
    frames = int(options.minutes * 60.0 / params.spectrum.frame_s)
    _check(walk, fitted, frames, params, options.seed)
    began = time.monotonic()
    for size in options.sizes:
        while held < size:
            count = min(CHUNK, size - held)
            rng = np.random.default_rng([options.seed, held])
            made = walk.tracks(count, frames, rng)
            engine.add((FIRST_SIMULATED + held + k, one) for k, one in enumerate(made))
            held += count
            if held % FLUSH < CHUNK:
                engine.flush()
        engine.flush()
        stats = engine.stats()
        hours = held * options.minutes / 60.0
        print(
            f"\n## {held:,} tracks ({len(numbers)} real): {stats['postings']:,} postings, "
            f"{stats['bytes'] / 1e6:,.0f} MB of index ({stats['bytes'] / hours / 1e6:.2f} MB/h), "
            f"{stats['segments']} segments, built {time.monotonic() - began:,.0f} s after the start"
        )
        print(HEAD)
        for row in measure(engine, reads, queries, numbers):
            print(row, flush=True)
        print(memory(), flush=True)


def _check(
    walk: Walk, fitted: Sequence[Constellation], frames: int, params: RecordingParams, seed: int
) -> None:
    """Print how the simulated tracks compare with those they take after."""
    from earmark.recording.landmarks import reference_landmarks

    made = walk.tracks(len(fitted), frames, np.random.default_rng(seed))
    for name, tracks in (("real", fitted), ("simulated", made)):
        peaks = sum(len(one.frames) for one in tracks)
        pages = sum(one.pages for one in tracks)
        total = np.zeros(1 << HASH_BITS)
        within = squares = 0.0
        for one in tracks:
            hashes = reference_landmarks(one, params.reference)[0]
            own = np.bincount(hashes, minlength=1 << HASH_BITS).astype(np.float64)
            total += own
            within += float((own**2).sum())
            squares += float(own.sum()) ** 2
        shared = (float((total**2).sum()) - within) / (float(total.sum()) ** 2 - squares)
        print(
            f"{name}: {peaks / pages:.1f} peaks and {total.sum() / pages:.1f} landmarks a page, "
            f"{np.count_nonzero(total):,} of {1 << HASH_BITS:,} hashes used; of a million "
            f"landmarks of other tracks {1e6 * shared:.2f} have a given landmark's hash"
        )


if __name__ == "__main__":
    main()
