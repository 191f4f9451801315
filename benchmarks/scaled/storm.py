"""Four writers, four readers, a cluster and a Milvus, and kill -9 of any of them, ten times.

    python benchmarks/scaled/storm.py FOLDER --tracks 2000 --kills 10 --seed 1

Makes short songs in FOLDER, starts three Redis masters (AOF, `appendfsync always`) and the Milvus
server of the tests, lets four writers add the same songs at once (`Library.put`, claims share the
work) while four readers identify, and at random moments kills a writer, a master or Milvus, and
starts it again. A writer notes an id only when `put` has returned. At the end: every acknowledged
track is there once and is found, nothing else is, and `doctor` is content.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
from milvus_server import CACHE, VARIABLE, Server
from redis_host import RedisClusterHost

from earmark import Library, load_settings
from earmark.errors import EarmarkError

RATE_HZ = 16_000
SONG_S = 8.0
SETTLED_S = 40.0
"""Longer than leases and claims live."""
PAUSE_S = 0.5
"""Between a reader's questions: writers are to have most of the machine."""


def song(seed: int) -> np.ndarray:
    """Notes of a quarter of a second with harmonics, and a little noise."""
    rng = np.random.default_rng([seed, 6])
    time_s = np.arange(RATE_HZ // 4) / RATE_HZ
    notes = []
    for _ in range(int(4 * SONG_S)):
        tones = rng.uniform(150, 3500, 4)
        notes.append(sum(np.sin(2 * np.pi * hz * time_s) for hz in tones) * np.exp(-4 * time_s))
    samples = np.concatenate(notes) + 0.01 * rng.standard_normal(len(time_s) * len(notes))
    return (0.2 * samples).astype(np.float32)


def made(folder: Path, count: int) -> list[Path]:
    """Write the songs that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:05d}.flac" for seed in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            soundfile.write(path, song(seed), RATE_HZ)
    return paths


def opened(url: str) -> Library:
    """Open the library with one analysis process; Milvus' token is in the environment."""
    return Library.open(url, settings=load_settings(library=url, workers=1))


def write(url: str, songs: Path, count: int, seed: int, log: Path) -> None:
    """A writer: puts songs in an order of its own until all are there; notes each that is."""
    paths = sorted(songs.glob("*.flac"))[:count]
    # Each begins elsewhere, so that they meet.
    first = seed * len(paths) // 4
    paths = paths[first:] + paths[:first]
    with log.open("a") as told:
        left = list(paths)
        while left:
            again = []
            try:
                with opened(url) as library:
                    for path in left:
                        try:
                            report = library.put(path, timeout_s=60.0)
                        except EarmarkError as error:
                            again.append(path)
                            print(f"writer {seed}: {error.code}: {error}", flush=True)
                            continue
                        told.write(f"{path.name} {report.track.id} {report.created:d}\n")
                        told.flush()
                        os.fsync(told.fileno())
            except EarmarkError as error:
                print(f"writer {seed}: {error.code}: {error}", flush=True)
                time.sleep(1)
                continue
            left = again


def read(url: str, count: int, seed: int, log: Path) -> None:
    """A reader: asks for clips of songs; a wrong answer is a phantom, an error is counted.

    Every fourth question goes to Milvus as well, and may find songs that only sound alike.
    """
    rng = np.random.default_rng(seed)
    path = log.with_suffix(f".{seed}.flac")
    asked = 0
    with log.open("a") as told:
        while True:
            try:
                with opened(url) as library:
                    while True:
                        which, asked = int(rng.integers(0, count)), asked + 1
                        soundfile.write(path, song(which)[RATE_HZ : 6 * RATE_HZ], RATE_HZ)
                        mode = "sound" if asked % 4 == 0 else "recording"
                        began = time.monotonic()
                        answer = library.identify(str(path), mode)
                        took_s = time.monotonic() - began
                        names = [Path(match.track.source).stem for match in answer.matches]
                        wrong = mode == "recording" and not set(names) <= {f"{which:05d}"}
                        told.write(json.dumps([took_s, len(names), wrong, which, mode]) + "\n")
                        told.flush()
                        time.sleep(PAUSE_S)
            except EarmarkError as error:
                told.write(json.dumps([0, 0, 0, -1, f"{error.code}: {error}"]) + "\n")
                told.flush()
                time.sleep(PAUSE_S)


@dataclass
class Storm:
    """The processes, by what they are."""

    folder: Path
    url: str
    count: int
    cluster: RedisClusterHost
    milvus: Server
    writers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    readers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def begin(self, role: str, seed: int) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{role}{seed}.out").open("ab")
        command = [sys.executable, __file__, str(self.folder), f"--{role}", str(seed)]
        command += ["--url", self.url, "--tracks", str(self.count)]
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def kill(self, rng: random.Random) -> str:
        """Kill something with -9, and start it again a moment later."""
        running = [at for at, process in self.writers.items() if process.poll() is None]
        what = rng.choice(["writer", "master", "master", "milvus"])
        if what == "writer" and running:
            at = rng.choice(running)
            os.killpg(self.writers[at].pid, signal.SIGKILL)
            self.writers[at].wait()
            self.writers[at] = self.begin("write", at)
            return f"writer {at}"
        if what == "milvus":
            self.milvus.order("kill")
            time.sleep(rng.uniform(0.5, 2.0))
            self.milvus.order("start")
            return "milvus"
        node = rng.choice(self.cluster.nodes)
        node.kill()
        time.sleep(rng.uniform(0.1, 3.0))
        node.start()
        return f"master {self.cluster.nodes.index(node)}"

    @property
    def writing(self) -> bool:
        return any(process.poll() is None for process in self.writers.values())

    def acknowledged(self) -> dict[str, set[str]]:
        """The ids that writers were told, by song."""
        found: dict[str, set[str]] = {}
        for log in self.folder.glob("write*.log"):
            for line in log.read_text().splitlines():
                if len(words := line.split()) == 3:
                    found.setdefault(words[0], set()).add(words[1])
        return found

    def end(self) -> None:
        for process in [*self.writers.values(), *self.readers.values()]:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def judged(storm: Storm, paths: Sequence[Path], kills: Sequence[str], wall_s: float) -> dict:
    """Look at what is left."""
    acknowledged = storm.acknowledged()
    with opened(storm.url) as library:
        before = library.check()
        repaired = library.repair()
        after = library.check()
        tracks = list(library.tracks())
        sources = [Path(track.source).name for track in tracks]
        held = {track.id for track in tracks}
        lost = [name for name, ids in acknowledged.items() if ids - held]
        rng = np.random.default_rng(0)
        sample = rng.choice(len(paths), min(200, len(paths)), replace=False)
        found = 0
        for which in sample:
            clip = storm.folder / "clip.flac"
            soundfile.write(clip, song(int(which))[RATE_HZ : 6 * RATE_HZ], RATE_HZ)
            answer = library.identify(str(clip), "recording")
            names = [Path(match.track.source).stem for match in answer.matches[:1]]
            found += names == [f"{which:05d}"]
        engines = library.stats().engines
    asked = [
        json.loads(line)
        for log in storm.folder.glob("read*.log")
        for line in log.read_text().splitlines()
        if line.endswith("]")
    ]
    answers = [row for row in asked if row[3] >= 0]
    complaints = Counter(row[4].partition(":")[0] for row in asked if row[3] < 0)
    return {
        "tracks": len(tracks),
        "songs": len(paths),
        "acknowledged": len(acknowledged),
        "lost": len(lost),
        "missing": len({path.name for path in paths} - set(sources)),
        "doubled": len(sources) - len(set(sources)),
        "phantom": len(set(sources) - {path.name for path in paths}),
        "ids_told_twice": sum(len(ids) > 1 for ids in acknowledged.values()),
        "kills": list(kills),
        "doctor_before": before,
        "repaired": repaired.as_dict(),
        "doctor_after": after,
        "found_of_sample": f"{found}/{len(sample)}",
        "questions": len(answers),
        "answered": sum(row[1] > 0 for row in answers),
        "wrong": sum(row[2] for row in answers),
        "reader_errors": dict(complaints),
        "longest_question_s": round(max((row[0] for row in answers), default=0.0), 1),
        "wall_s": round(wall_s),
        "engines": {name: dict(counts) for name, counts in engines.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tracks", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=20.0, help="mean seconds between kills")
    parser.add_argument("--write", type=int)
    parser.add_argument("--read", type=int)
    parser.add_argument("--url")
    asked = parser.parse_args()
    songs, folder = asked.folder / "songs", asked.folder
    if asked.write is not None:
        log = folder / f"write{asked.write}.log"
        return write(asked.url, songs, asked.tracks, asked.write, log)
    if asked.read is not None:
        return read(asked.url, asked.tracks, asked.read, folder / f"read{asked.read}.log")
    for old in [*folder.glob("*.log"), *folder.glob("*.out")]:
        old.unlink()
    paths = made(songs, asked.tracks)
    rng = random.Random(asked.seed)
    cluster = RedisClusterHost(folder / f"redis{time.time_ns()}")
    cluster.start()
    data = folder / f"milvus{time.time_ns()}"
    data.mkdir()
    milvus = Server.start(Path(os.environ.get(VARIABLE) or CACHE), data)
    milvus.ready()
    token, _, rest = milvus.uri().removeprefix("http://").partition("@")
    os.environ["EARMARK_MILVUS_TOKEN"] = token
    url = f"redis://127.0.0.1:{cluster.port}/0?ns=storm&vectors=http://{rest.partition('?')[0]}"
    storm = Storm(folder, url, asked.tracks, cluster, milvus)
    began, kills = time.monotonic(), []
    try:
        Library.open(url, create=True, settings=load_settings(library=url)).close()
        storm.writers = {at: storm.begin("write", at) for at in range(4)}
        storm.readers = {at: storm.begin("read", at) for at in range(4)}
        while storm.writing:
            time.sleep(rng.uniform(0.2, 1.8) * asked.every if len(kills) < asked.kills else 1.0)
            if len(kills) < asked.kills and storm.writing:
                kills.append(storm.kill(rng))
                print(f"{time.monotonic() - began:.0f} s: killed {kills[-1]}", flush=True)
        wall_s = time.monotonic() - began
        storm.end()
        time.sleep(SETTLED_S)
        result = json.dumps(judged(storm, paths, kills, wall_s), indent=2)
        (folder / "result.json").write_text(result + "\n")
        print(result)
    finally:
        storm.end()
        milvus.stop()
        cluster.stop()


if __name__ == "__main__":
    main()
