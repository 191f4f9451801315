"""Thirty-two clients at once for a minute, on the loopback: errors, waiting, memory.

Each client asks again as soon as it was answered: mostly `identify`, some listing and reading, and
one in fifty adds a track and deletes it. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cost import clip
from serving import Served, serving

from earmark import Library
from earmark.ingest.inputs import collect


@dataclass
class Tally:
    """What the clients met; one lock for all."""

    statuses: Counter = field(default_factory=Counter)
    identify_s: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def ask(url: str, clips: list[bytes], seed: int, until: float, tally: Tally) -> None:
    """Be one client until the time is over."""
    rng = random.Random(seed)
    with httpx.Client(base_url=url, timeout=120) as http:
        while time.monotonic() < until:
            what, start = rng.random(), time.perf_counter()
            if what < 0.8:
                answer = http.post("/v1/identify", files={"file": ("c.ogg", rng.choice(clips))})
            elif what < 0.98:
                answer = http.get("/v1/tracks", params={"limit": 20})
            else:
                sent = {"file": ("new.ogg", rng.choice(clips))}
                answer = http.post("/v1/tracks", params={"duplicates": True}, files=sent)
                if answer.status_code == 201:
                    answer = http.delete(f"/v1/tracks/{answer.json()['id']}")
            with tally.lock:
                tally.statuses[answer.status_code] += 1
                if what < 0.8 and answer.status_code == 200:
                    tally.identify_s.append(time.perf_counter() - start)
            if answer.status_code == 429:
                time.sleep(min(5.0, float(answer.headers["Retry-After"])))


def single(served: Served, clips: list[bytes], count: int) -> float:
    """Return the median seconds of one `identify` while nothing else is asked."""
    taken = []
    with httpx.Client(base_url=served.url, timeout=120) as http:
        for data in (clips * count)[:count]:
            start = time.perf_counter()
            http.post("/v1/identify", files={"file": ("c.ogg", data)})
            taken.append(time.perf_counter() - start)
    return statistics.median(taken[3:])


def main() -> None:
    """Load the service and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True, help="folder of music")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    said = parser.parse_args()
    if not (said.clients <= 256 and said.seconds <= 600):
        raise SystemExit("at most 256 clients and 600 seconds")
    rng = random.Random(1)
    files = [Path(name) for name in collect([said.music]).sources]
    clips = [clip(path, rng, "ogg") for path in rng.sample(files, min(12, len(files)))]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "library")
        with Library.open(place, create=True) as library:
            library.add(files)
        with serving(place) as served:
            alone_s = single(served, clips, 23)
            tally, until = Tally(), time.monotonic() + said.seconds
            clients = [
                threading.Thread(target=ask, args=(served.url, clips, seed, until, tally))
                for seed in range(said.clients)
            ]
            for client in clients:
                client.start()
            memory_mb = []
            while time.monotonic() < until:
                time.sleep(said.seconds / 12)
                memory_mb.append(round(served.resident_mb))
            for client in clients:
                client.join()
            after_s = single(served, clips, 13)
            times = sorted(tally.identify_s)
            p50_s, p95_s = times[len(times) // 2], times[int(0.95 * len(times))]
            print(f"alone {1e3 * alone_s:.0f} ms before, {1e3 * after_s:.0f} ms after")
            print(f"{said.clients} clients, {said.seconds:g} s: {len(times)} identified")
            print(f"statuses {dict(sorted(tally.statuses.items()))}")
            print(f"p50 {p50_s / alone_s:.1f} x, p95 {p95_s / alone_s:.1f} x the time alone")
            print(f"memory of the service, MB: {' '.join(map(str, memory_mb))}")


if __name__ == "__main__":
    main()
