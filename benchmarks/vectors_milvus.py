"""One question to every place vectors may be kept in: recall and CPU time, one thread, one run.

The k nearest of n unit vectors to one query: the embedded store (8 bits a component), faiss flat,
Milvus Lite. The floor is the bare product of BLAS with float32 vectors that lie ready, without
selection; what is right is what it says. Milvus Lite serves from this process, so that its time
counts; a server's would not, and is not measured here.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.ports import Embedded, VectorStore
from earmark.stores.milvus import MilvusVectorStore
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.vectors import FileVectorStore

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WINDOWS = 50  # a number
Float32 = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Ask = Callable[[Float32], Rows]


def unit(rng: np.random.Generator, n: int, dimension: int, spread: float) -> Float32:
    """Return unit vectors in groups of WINDOWS around a common middle, as a track's windows are."""
    rows = rng.standard_normal((n, dimension), np.float32)
    if spread:
        middles = rng.standard_normal((-(-n // WINDOWS), dimension), np.float32)
        rows *= spread
        for at, middle in enumerate(middles):
            rows[at * WINDOWS : (at + 1) * WINDOWS] += middle
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def filled(store: VectorStore, vectors: Float32) -> None:
    """Put all vectors into a store, in several flushes."""
    for number, start in enumerate(range(0, len(vectors), WINDOWS)):
        mine = vectors[start : start + WINDOWS]
        store.add([Embedded(number, mine, np.arange(len(mine)), np.ones(len(mine)), b"")])
        if number % 1000 == 999:
            store.flush()
    store.flush()


def asking(store: VectorStore, k: int) -> Ask:
    """Return how a store is asked; its answer as rows of all vectors."""

    def ask(query: Float32) -> Rows:
        found = store.search(query, k)
        return (found.number[0] * WINDOWS + found.start_s[0].astype(np.int64))[:k]

    return ask


def with_faiss(vectors: Float32, k: int) -> Ask:
    """Return a search of a flat faiss index."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda query: index.search(query, k)[1][0]


def cpu_ms(ask: Ask, queries: Float32) -> float:
    """Return the median CPU time of a question, after one that is not counted."""
    ask(queries[:1])
    taken = []
    for query in queries:
        start = time.process_time()
        ask(query[None])
        taken.append(1e3 * (time.process_time() - start))
    return statistics.median(taken)


def measure(n: int, dimension: int, k: int, asked: int, lite: bool) -> None:
    """Print one line for each way."""
    rng = np.random.default_rng(1)
    vectors = unit(rng, n, dimension, spread=1.0)
    queries = vectors[rng.choice(n, asked, replace=False)] + 0.02 * rng.standard_normal(
        (asked, dimension), np.float32
    )
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    right = [set(np.argsort(-(vectors @ query))[:k].tolist()) for query in queries]
    floor = cpu_ms(lambda query: (vectors @ query[0]).astype(np.int64)[:0], queries)
    print(f"\n{n} x {dimension}, k = {k}, {asked} questions of one query")
    print(f"{'product alone (the floor)':34} {floor:9.2f} ms  1.00")

    def tell(name: str, ask: Ask) -> None:
        took = cpu_ms(ask, queries)
        found = [len(right[q] & set(ask(query[None]).tolist())) for q, query in enumerate(queries)]
        recall = sum(found) / (k * asked)
        print(f"{name:34} {took:9.2f} ms  {took / floor:.2f}  recall {recall:.4f}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        filled(FileVectorStore(Path(folder) / "file", dimension, "bench"), vectors)
        opened = FileVectorStore(Path(folder) / "file", dimension, "bench")
        tell("embedded, 8 bits", asking(opened, k))
        del opened
        gc.collect()
        tell("faiss flat, float32", with_faiss(vectors, k))
        if lite:
            address = MilvusAddress(str(Path(folder) / "vectors.db"), "bench")
            store = MilvusVectorStore(address, "bench", "vectors", dimension, "bench")
            start = time.perf_counter()
            filled(store, vectors)
            took = time.perf_counter() - start
            tell(f"Milvus Lite (filled in {took:.0f} s)", asking(store, k))


def main() -> None:
    """Measure the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=100_000, help="vectors, on all ways")
    parser.add_argument("--large", type=int, default=1_000_000, help="vectors, not on Milvus Lite")
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--asked", type=int, default=50)
    options = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in THREADS):
        # BLAS reads them when it is loaded, which importing numpy has done.
        os.environ.update(dict.fromkeys(THREADS, "1"))
        os.execv(sys.executable, [sys.executable, *sys.argv])
    for n, lite in ((options.small, True), (options.large, False)):
        if n:
            measure(n, options.dimension, options.k, options.asked, lite)


if __name__ == "__main__":
    main()
