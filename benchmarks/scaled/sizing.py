"""What a library of 10^4 to 10^8 tracks takes, from what one track was measured to take.

Prints the tables that stand in docs/scaling.md; `--write PAGE` puts them there. What nobody has
measured yet is null in measured.json, and every sum with it says "at least".
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from amounts import NOT_MEASURED, Track, bytes_told

from earmark.melody.encoder import DIMENSION as MELODY_DIMENSION
from earmark.recording.params import QueryParams
from earmark.sound.params import JoinParams
from earmark.stores.milvus_schema import BUILT, IndexSizes

MEASURED = Path(__file__).with_name("measured.json")
STEPS = (10**4, 10**5, 10**6, 10**7, 10**8)
MASTER_BYTES = 32e9
"""What one Redis master is given: a fork for its append-only file and a failover stay bearable."""
FLOAT_BYTES, LINK_BYTES, ID_BYTES = 4, 100, 8
"""Of a vector's component; of a window's links in HNSW; of a row's key (Milvus' own formulas)."""
READS_POSTINGS = 3_000_000
"""The library that `QueryParams.reads` is meant for; the bound grows with the root of others."""
OPEN, CLOSE = "<!-- sizing.py -->", "<!-- /sizing.py -->"

FIRST = {
    10**4: (
        "nothing: one machine, one folder",
        "stay embedded",
    ),
    10**5: (
        "postings read by clips that are not there: CPU in a folder, the network with Redis",
        "more cores; services near Redis; ask what is likely there",
    ),
    10**6: (
        "the same, then memory of Redis, most of it postings",
        "a cluster: its masters share postings, features and what is read",
    ),
    10**7: (
        "memory of Redis, and the catalogue, which lies on one master",
        "shards on Kvrocks or another store on disk; a master that holds the catalogue",
    ),
    10**8: (
        "the catalogue on one master, and a Milvus index with 4,096 lists",
        "several libraries, asked side by side; no single one was made for this",
    ),
}


def index_of(windows: float) -> str:
    """Return the index that a writer makes for so many windows."""
    return IndexSizes().wanted(math.ceil(windows), "")


def index_bytes(kind: str, dimension: int) -> int:
    """Return what a window takes in a query node's memory, by Milvus' formulas."""
    sizes = {
        "FLAT": FLOAT_BYTES * dimension,
        "HNSW": FLOAT_BYTES * dimension + LINK_BYTES,
        "IVF_SQ8": dimension + ID_BYTES,
    }
    assert set(sizes) == set(BUILT)
    return sizes[kind]


def read_of(postings: float) -> float:
    """Return how many postings the first try for a clip may read of so many."""
    return QueryParams().reads[0] * math.sqrt(max(1.0, postings / READS_POSTINGS))


def reads(track: Track) -> Iterator[str]:
    """Yield what a clip reads, and what of it comes over the network from Redis."""
    rows = []
    for count in STEPS:
        there = read_of(track.number("postings") * count)
        missed = there * track.number("reads_not_there")
        each = track.amount("redis_posting_bytes")
        cells = [cell for one in (there, missed) for cell in (_millions(one), each.of(one).told())]
        rows.append((power(count), *cells))
    head = ("tracks", "postings, there", "from Redis", "postings, not there", "from Redis")
    yield from table(head, rows)


def power(tracks: int) -> str:
    """Return a power of ten as people write it."""
    return f"{tracks:,}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, figures to the right."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' if at == 0 else '--:' for at in range(len(head)))}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def one_track(track: Track) -> Iterator[str]:
    """Yield what one track takes, with the sums."""
    rows = [
        ("features: recording, melody, sound", track.features),
        ("postings, in a folder", track.times("postings", "embedded_posting_bytes")),
        ("postings, in Redis", track.times("postings", "redis_posting_bytes")),
        ("payload: what verifies and tells", track.payload),
        ("features and payload, in Redis", track.bulk()),
        ("catalogue, in Redis", track.amount("redis_catalogue_bytes")),
        ("windows of melody, in a folder", track.times(*_window("melody", "embedded"))),
        ("windows of sound, in a folder", track.times(*_window("sound", "embedded"))),
        ("windows of melody, on Milvus' disk", track.times(*_window("melody", "milvus"))),
        ("windows of sound, on Milvus' disk", track.times(*_window("sound", "milvus"))),
        ("**all, in a folder**", track.folder()),
        ("**all, in Redis**", track.redis()),
    ]
    yield from table(("one track of 4 minutes", "takes"), [(name, a.told()) for name, a in rows])


def _window(engine: str, place: str) -> tuple[str, str]:
    return f"{engine}_windows", f"{place}_{engine}_window_bytes"


def stores(track: Track) -> Iterator[str]:
    """Yield what a library takes in a folder and in Redis."""
    rows = []
    for count in STEPS:
        redis = track.redis().of(count)
        masters = math.ceil(redis.known / MASTER_BYTES)
        rows.append(
            (
                power(count),
                track.folder().of(count).told(),
                redis.told(),
                f"{'' if redis.whole else 'at least '}{masters:,}",
                track.amount("redis_catalogue_bytes").of(count).told(),
            )
        )
    head = ("tracks", "folder: disk", "Redis: memory", "masters of 32 GB", "of it on one master")
    yield from table(head, rows)


def vectors(track: Track) -> Iterator[str]:
    """Yield what Milvus holds, with which index."""
    rows = []
    for count in STEPS:
        row = [power(count)]
        total = 0.0
        for engine, dimension in (("melody", MELODY_DIMENSION), ("sound", JoinParams().dimension)):
            windows = track.number(f"{engine}_windows") * count
            kind = index_of(windows)
            memory = windows * index_bytes(kind, dimension)
            total += memory
            row.append(f"{_millions(windows)} {kind}")
        rows.append((*row, bytes_told(total)))
    yield from table(("tracks", "windows of melody", "windows of sound", "memory of both"), rows)


def _millions(count: float) -> str:
    return f"{count / 1e6:,.1f} M" if count < 1e9 else f"{count / 1e9:,.1f} G"


def questions(asked: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what a question was measured to cost."""
    rows = []
    for one in asked:
        figures = [one[name] for name in ("ms", "cpu_ms", "postings", "round_trips")]
        told = [NOT_MEASURED if value is None else f"{value:,}" for value in figures]
        cpu = one["cpu_ms"]
        rate = NOT_MEASURED if cpu is None else f"{1000.0 / cpu:,.0f}"
        rows.append((power(one["tracks"]), one["place"], one["kind"], *told, rate))
    head = ("tracks", "library in", "question", "ms", "CPU ms", "postings read", "round trips")
    yield from table((*head, "a second and core"), rows)


def bottlenecks() -> Iterator[str]:
    """Yield what is scarce first at each size."""
    rows = [(power(count), *FIRST[count]) for count in STEPS]
    yield "| tracks | what is scarce first | what to do |"
    yield "|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def printed(measured: dict[str, Any]) -> str:
    """Return everything that stands in docs/scaling.md between the two marks."""
    track = Track(measured["figures"])
    parts = (
        "What one track takes:",
        one_track(track),
        "A library, by its tracks:",
        stores(track),
        "Its vectors in Milvus, with the index that a writer makes for so many:",
        vectors(track),
        "What a clip of 10 s reads: at most so much where it is there (the bound of the first "
        f"try), and {track.number('reads_not_there'):.0f} times as much where it is not, for then "
        "everything is tried:",
        reads(track),
        "What a question takes, median:",
        questions(measured["questions"]),
        "What is scarce first:",
        bottlenecks(),
    )
    return "\n\n".join(part if isinstance(part, str) else "\n".join(part) for part in parts)


def put(page: str, tables: str) -> str:
    """Return a page with the tables between its two marks."""
    marked = f"{OPEN}\n\n{tables}\n\n{CLOSE}"
    pattern = f"{re.escape(OPEN)}.*{re.escape(CLOSE)}"
    if not re.search(pattern, page, re.DOTALL):
        raise SystemExit(f"the page has no {OPEN} ... {CLOSE}")
    return re.sub(pattern, lambda _: marked, page, flags=re.DOTALL)


def main() -> None:
    """Print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured", type=Path, default=MEASURED)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    options = parser.parse_args()
    tables = printed(json.loads(options.measured.read_text(encoding="utf-8")))
    if options.write is None:
        print(tables)
    else:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(put(page, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
