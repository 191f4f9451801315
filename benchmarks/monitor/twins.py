"""Precision and recall of `earmark dedupe`, by kind, on variants of a folder's tracks.

    python benchmarks/monitor/twins.py FOLDER --exclude dropped.json --tracks 400 --varied 60

FOLDER holds audio files, or mono int16 arrays at 16 kHz (``*.npy``). Of ``--varied`` of them
variants are made by a seed: MP3 of 64 kbit/s, 9 dB quieter, 3 s cut off, 1 % faster, 30 s of it,
and medleys of five. What is grouped among the others is a false group: they must be distinct.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import soxr

from earmark import Library, Settings
from earmark.audio.decode import decode
from earmark.evaluation.codec import mp3_round_trip
from earmark.ports import NewTrack, StoredFeatures
from earmark.recording.engine import RecordingAnalysis

RATE_HZ = 16_000
EXCERPT_S, MEDLEY_S = 30, 20


def samples_of(path: Path) -> np.ndarray:
    """Return a track's samples."""
    if path.suffix == ".npy":
        return np.load(path).astype(np.float32) / np.float32(32768)
    return decode(path, RATE_HZ).clip.samples


def variants(samples: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return what may become of a track, by name."""
    start = int(rng.integers(0, max(1, len(samples) - EXCERPT_S * RATE_HZ)))
    return {
        "mp3": mp3_round_trip(samples, RATE_HZ, 64_000),
        "gain": samples * np.float32(10 ** (-9 / 20)),
        "trim": samples[3 * RATE_HZ + int(rng.integers(0, 256)) :],
        "speed": soxr.resample(samples, RATE_HZ * 1.01, RATE_HZ),
        "excerpt": samples[start : start + EXCERPT_S * RATE_HZ],
    }


def medley(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return a stretch of each, one after the other."""
    length = MEDLEY_S * RATE_HZ
    cut = []
    for part in parts:
        start = int(rng.integers(0, max(1, len(part) - length)))
        cut.append(part[start : start + length])
    return np.concatenate(cut)


class Shelf:
    """A library that is filled with what the recording engine hears, without files."""

    def __init__(self, folder: str) -> None:
        self.library = Library.open(folder, create=True, settings=Settings(workers=1))
        for name in ("melody", "sound"):
            self.library.switch(name, False)
        self._analysis = RecordingAnalysis()
        self._waiting: list[NewTrack] = []

    def put(self, name: str, samples: np.ndarray) -> None:
        """Analyse a track and keep it under its name as its id."""
        analyser = self._analysis.analyser()
        for at in range(0, len(samples), 30 * RATE_HZ):
            analyser.feed(np.ascontiguousarray(samples[at : at + 30 * RATE_HZ], np.float32))
        stored = StoredFeatures(self._analysis.digest, self._analysis.pack(analyser.finish()))
        features = {"recording": stored}
        seconds = len(samples) / RATE_HZ
        self._waiting.append(NewTrack(name, name, name, seconds, features, track_id=name))
        if len(self._waiting) >= 64:
            self.flush()

    def flush(self) -> None:
        """Commit what waits."""
        self.library._commit(self._waiting)
        self._waiting = []


def main() -> None:
    """Run it and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--exclude", type=Path, help="JSON: ids (or objects with an id)")
    parser.add_argument("--tracks", type=int, default=400)
    parser.add_argument("--varied", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    told = parser.parse_args()
    rng = np.random.default_rng(told.seed)
    left_out = set()
    if told.exclude:
        listed = json.loads(told.exclude.read_text())
        left_out = {one["id"] if isinstance(one, dict) else one for one in listed}
    paths = [path for path in sorted(told.folder.iterdir()) if path.stem not in left_out]
    paths = [paths[at] for at in rng.permutation(len(paths))[: told.tracks]]
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(folder)
        print(json.dumps(measured(shelf, paths, told.varied, rng)))
        shelf.library.close()


def measured(
    shelf: Shelf, paths: list[Path], varied: int, rng: np.random.Generator
) -> dict[str, object]:
    """Fill the shelf, look for duplicates, and return the figures."""
    wanted: dict[frozenset[str], str] = {}
    held: list[tuple[str, np.ndarray]] = []
    for index, path in enumerate(paths):
        samples = samples_of(path)
        shelf.put(path.stem, samples)
        if index >= varied:
            continue
        for name, changed in variants(samples, rng).items():
            own = f"{path.stem}~{name}"
            shelf.put(own, changed)
            wanted[frozenset((path.stem, own))] = name
        held.append((path.stem, samples))
        if len(held) == 5:
            own = f"medley~{index}"
            shelf.put(own, medley([one for _, one in held], rng))
            wanted |= {frozenset((stem, own)): "medley" for stem, _ in held}
            held = []
    shelf.flush()
    began_s, began_cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    report = shelf.library.dedupe(["exact", "recording", "excerpt"])
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime - began_cpu.ru_utime - began_cpu.ru_stime
    found: dict[frozenset[str], str] = {}
    for group in report.groups:
        ids = [member.track.id for member in group.members]
        for one in ids:
            for other in ids:
                if one != other and (group.kind != "excerpt" or ids[0] in (one, other)):
                    found.setdefault(frozenset((one, other)), group.kind)
    return figures(report, wanted, found, cpu_s, time.perf_counter() - began_s)


def figures(report, wanted, found, cpu_s, wall_s) -> dict[str, object]:
    """Return recall by variant, precision by kind, false groups and costs."""
    right: dict[str, list[bool]] = defaultdict(list)
    family = {name: name.partition("~")[0] for pair in wanted for name in pair}
    for pair, name in wanted.items():
        if name == "excerpt":  # it may be told beside another copy of the same track
            one, other = sorted(pair, key=len)
            others = {n for n in family if family[n] == family[one] and n != other}
            right[name].append(any(frozenset((n, other)) in found for n in others))
        elif name == "medley":
            stem, own = sorted(pair, key=lambda n: n.startswith("medley~"))
            others = {n for n in family if family[n] == family[stem]}
            right[name].append(any(frozenset((n, own)) in found for n in others))
        else:
            right[name].append(found.get(pair) in ("recording", "exact"))
    medleys = defaultdict(set)
    for pair, name in wanted.items():
        if name == "medley":
            stem, own = sorted(pair, key=lambda n: n.startswith("medley~"))
            medleys[own].add(stem)
    good: dict[str, list[bool]] = defaultdict(list)
    false = []
    for pair, kind in found.items():
        one, other = pair
        stems = {family.get(n, n) if not n.startswith("medley~") else n for n in pair}
        whole = next((n for n in pair if n in medleys), None)
        fine = len(stems) == 1
        if whole is not None:
            rest = other if whole == one else one
            fine = family.get(rest, rest) in medleys[whole]
        good[kind].append(fine)
        if not fine:
            false.append(sorted(pair))
    return {
        "tracks": report.tracks,
        **{f"recall.{name}": round(float(np.mean(hits)), 4) for name, hits in right.items()},
        **{f"pairs.{name}": len(hits) for name, hits in right.items()},
        **{f"precision.{kind}": round(float(np.mean(hits)), 4) for kind, hits in good.items()},
        "false_pairs": len(false),
        "false": false[:20],
        "groups": report.counts(),
        "cpu_s_per_track": round(cpu_s / report.tracks, 4),
        "wall_s": round(wall_s, 1),
    }


if __name__ == "__main__":
    main()
