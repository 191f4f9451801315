"""Generated postings in a cluster of three Redis masters, beside the embedded segments.

    python benchmarks/scaled/postings.py FOLDER --postings 1000000 10000000 50000000

Starts three redis-server processes on loopback (AOF on, `appendfsync everysec`), adds the same
tracks to both stores and asks both for the same hashes by turns. It prints a row of a table for
each size, and everything it measured as JSON with `--json`.

Tracks have 7,500 postings in four minutes or so. Hashes are made as landmarks are: 9 bits of bin, 7
of bins up, 6 of frames on, each with a distribution of its own; of a million landmarks 11 have the
hash of a given one, in music 7.3 (docs/recording.md), so frequent hashes are more frequent here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
from redis_host import RedisClusterHost

from earmark.ports import Posted, PostingStore
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_postings import RedisPostingStore
from earmark.stores.segments import SegmentPostingStore

BITS = 22
POSTINGS_A_TRACK = 7_500
FRAMES_A_TRACK = 15_000
FLUSH_TRACKS = 2_000
UInt32 = npt.NDArray[np.uint32]


def hashes(rng: np.random.Generator, count: int) -> UInt32:
    """Return landmark hashes, as skewed as those of music."""
    bins = np.minimum(rng.exponential(90.0, count), 317).astype(np.uint32)
    up = np.clip(np.rint(rng.normal(64.0, 9.0, count)), 0, 127).astype(np.uint32)
    on = np.minimum(rng.exponential(9.0, count), 63).astype(np.uint32)
    return bins << np.uint32(13) | up << np.uint32(6) | on


def tracks(total: int) -> Iterator[Posted]:
    """Yield the tracks of so many postings; the same whenever it is asked."""
    for number in range(-(-total // POSTINGS_A_TRACK)):
        rng = np.random.default_rng([1, number])
        length = float(np.clip(rng.lognormal(0.0, 0.35), 0.3, 3.0))
        count = max(1, round(POSTINGS_A_TRACK * length / 1.06))
        span = max(2, round(FRAMES_A_TRACK * length / 1.06))
        frames = np.sort(rng.integers(0, span, count)).astype(np.uint32)
        yield Posted(number, hashes(rng, count), frames, span, np.zeros(0, np.uint8))


@dataclass
class Measured:
    """What came out for one size."""

    postings: int
    tracks: int
    alike_in_a_million: float
    packed_bytes_a_posting: float
    redis_bytes_a_posting: float
    log_bytes_a_posting: float
    file_bytes_a_posting: float
    costs: dict[str, Cost]
    compact_s: float
    built_bytes_a_posting: float
    lookups: dict[str, dict[str, float]] = field(default_factory=dict)


def total_of(client: RedisClient, section: str, name: str) -> int:
    """Return the sum of one figure of INFO over all masters."""
    return sum(int(told[name]) for told in client.everywhere("INFO", section).values())


def memory(client: RedisClient) -> int:
    """Return the bytes of the data in all masters."""
    return total_of(client, "memory", "used_memory_dataset")


def logged(host: RedisClusterHost) -> int:
    """Return the bytes of all append-only files."""
    return sum(
        path.stat().st_size for node in host.nodes for path in node.folder.glob("appendonlydir/*")
    )


def served_s(client: RedisClient) -> float:
    """Return the CPU seconds that all masters have taken."""
    told = client.everywhere("INFO", "cpu").values()
    return sum(float(one["used_cpu_user"]) + float(one["used_cpu_sys"]) for one in told)


@dataclass
class Cost:
    """Seconds that adding took: waited, of CPU here, and of CPU in the masters."""

    waited_s: float = 0.0
    here_s: float = 0.0
    masters_s: float = 0.0


def build(client: RedisClient, stores: dict[str, PostingStore], total: int) -> dict[str, Cost]:
    """Add all tracks to all stores, so many at a time; making them does not count."""
    costs = {name: Cost() for name in stores}
    part: list[Posted] = []
    for track in chain(tracks(total), [None]):
        if track is not None:
            part.append(track)
        if len(part) < FLUSH_TRACKS and track is not None:
            continue
        for name, store in stores.items():
            cost, served = costs[name], served_s(client)
            began, busy = time.perf_counter(), time.process_time()
            store.add(part)
            store.flush()
            cost.waited_s += time.perf_counter() - began
            cost.here_s += time.process_time() - busy
            cost.masters_s += served_s(client) - served
        part.clear()
    return costs


def compared(
    client: RedisClient, here: PostingStore, there: RedisPostingStore, asked: int, times: int
) -> dict[str, float]:
    """Ask both stores by turns; times in milliseconds, warm.

    CPU time is this process' and, for Redis, that of all masters besides: on a busy machine it
    tells more than waiting does.
    """
    questions = [hashes(np.random.default_rng([2, at]), asked) for at in range(times)]
    stores = {"files": here.lookup, "redis": there.lookup}
    took: dict[str, list[float]] = {name: [] for name in stores}
    cpu = dict.fromkeys(stores, 0.0)
    for question in questions[:5]:
        found = {name: ask(question) for name, ask in stores.items()}
        assert len(found["files"].position) == len(found["redis"].position)
    served = served_s(client)
    before = client.round_trips
    for question in questions:
        for name, ask in stores.items():
            began, busy = time.perf_counter(), time.process_time()
            ask(question)
            took[name].append(1e3 * (time.perf_counter() - began))
            cpu[name] += 1e3 * (time.process_time() - busy) / times
    trips = (client.round_trips - before) / times
    server_ms = 1e3 * (served_s(client) - served) / times
    middle = {name: statistics.median(all_ms) for name, all_ms in took.items()}
    least = {name: min(all_ms) for name, all_ms in took.items()}
    return {
        "files_ms": middle["files"],
        "redis_ms": middle["redis"],
        "files_least_ms": least["files"],
        "redis_least_ms": least["redis"],
        "files_cpu_ms": cpu["files"],
        "redis_cpu_ms": cpu["redis"],
        "masters_cpu_ms": server_ms,
        "multiple": middle["redis"] / middle["files"],
        "multiple_of_least": least["redis"] / least["files"],
        "multiple_of_cpu": (cpu["redis"] + server_ms) / cpu["files"],
        "round_trips": trips,
        "postings": float(np.mean([len(here.lookup(q).position) for q in questions[:5]])),
    }


def measure(host: RedisClusterHost, folder: Path, total: int, times: int) -> Measured:
    """Build and ask both stores at one size."""
    address = RedisAddress("127.0.0.1", host.port, namespace=uuid.uuid4().hex)
    client = RedisClient(address)
    there = RedisPostingStore(client, "recording", BITS, "bench")
    here = SegmentPostingStore(folder / f"segments-{total}", BITS, "bench")
    empty, log = memory(client), logged(host)
    costs = build(client, {"files": here, "redis": there}, total)
    log = logged(host) - log
    postings = there.stats()["postings"]
    lookups = {"built": compared(client, here, there, 1000, times)}
    bytes_built = memory(client) - empty
    began = time.perf_counter()
    there.compact()
    compact_s = time.perf_counter() - began
    for asked in (1000, 12_000):
        lookups[f"compact {asked}"] = compared(client, here, there, asked, times)
    stats = there.stats()
    done = Measured(
        postings=postings,
        tracks=len(there.known()),
        alike_in_a_million=alike(),
        packed_bytes_a_posting=stats["bytes"] / postings,
        redis_bytes_a_posting=(memory(client) - empty) / postings,
        built_bytes_a_posting=bytes_built / postings,
        log_bytes_a_posting=log / postings,
        file_bytes_a_posting=here.stats()["bytes"] / postings,
        costs=costs,
        compact_s=compact_s,
        lookups=lookups,
    )
    there.drop()
    client.close()
    return done


def alike() -> float:
    """Return how many of a million landmarks share the hash of another one of them."""
    held = np.bincount(hashes(np.random.default_rng(3), 20_000_000), minlength=1 << BITS)
    return 1e6 * float(((held / held.sum()) ** 2).sum())


ROW: dict[str, Callable[[Measured], str]] = {
    "postings": lambda m: f"{m.postings:,}",
    "bytes a posting packed / in Redis / in files": lambda m: (
        f"{m.packed_bytes_a_posting:.2f} / {m.redis_bytes_a_posting:.2f} / "
        f"{m.file_bytes_a_posting:.2f}"
    ),
    "added a second: Redis / files": lambda m: (
        f"{m.postings / m.costs['redis'].waited_s:,.0f} / "
        f"{m.postings / m.costs['files'].waited_s:,.0f}"
    ),
    "CPU s a million: client + masters / files": lambda m: (
        f"{1e6 * m.costs['redis'].here_s / m.postings:.2f} + "
        f"{1e6 * m.costs['redis'].masters_s / m.postings:.2f} / "
        f"{1e6 * m.costs['files'].here_s / m.postings:.2f}"
    ),
    "bytes of AOF a posting": lambda m: f"{m.log_bytes_a_posting:.1f}",
    "1,000 hashes, CPU ms: client + masters / files": lambda m: (
        f"{m.lookups['compact 1000']['redis_cpu_ms']:.1f} + "
        f"{m.lookups['compact 1000']['masters_cpu_ms']:.1f} / "
        f"{m.lookups['compact 1000']['files_cpu_ms']:.2f}"
    ),
    "multiple of CPU": lambda m: f"{m.lookups['compact 1000']['multiple_of_cpu']:.1f}",
    "of waiting: median, least": lambda m: (
        f"{m.lookups['compact 1000']['multiple']:.1f}, "
        f"{m.lookups['compact 1000']['multiple_of_least']:.1f}"
    ),
    "multiple of CPU before the last merge": lambda m: (
        f"{m.lookups['built']['multiple_of_cpu']:.1f}"
    ),
    "12,000 hashes, of CPU": lambda m: f"{m.lookups['compact 12000']['multiple_of_cpu']:.1f}",
    "round trips": lambda m: f"{m.lookups['compact 1000']['round_trips']:.0f}",
}


def main() -> None:
    """Measure every size, smallest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="An empty folder on a disk with room.")
    parser.add_argument("--postings", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--times", type=int, default=60, help="Questions of each kind.")
    parser.add_argument("--json", type=Path, help="Write everything there.")
    options = parser.parse_args()
    host = RedisClusterHost(options.folder / uuid.uuid4().hex)
    for node in host.nodes:
        # The log is to show all that was written, so it is not written anew in between.
        node._options += ["--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"]
    host.start()
    measured = []
    try:
        print("| " + " | ".join(ROW) + " |\n|" + "--:|" * len(ROW), flush=True)
        for total in sorted(options.postings):
            measured.append(measure(host, options.folder, total, options.times))
            print("| " + " | ".join(tell(measured[-1]) for tell in ROW.values()) + " |", flush=True)
    finally:
        host.stop()
    if options.json:
        load = os.getloadavg()[0]
        rows = [asdict(one) for one in measured]
        options.json.write_text(json.dumps({"load": load, "sizes": rows}, indent=1))


if __name__ == "__main__":
    main()
