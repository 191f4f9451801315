"""Exact vector search: this store and its kernel beside BLAS and faiss, one thread, CPU time.

Every way answers the same question: the k nearest of n unit vectors to each of q queries. The
floor is the bare product of BLAS on vectors that lie in memory as float32, with no selection and
nothing converted; all times are also given as multiples of it, from the same run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.kernels import vectors as kernel
from earmark.ports import Embedded
from earmark.stores.vectors import FileVectorStore

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BLOCK = 4096
WINDOWS = 450  # a track
Float32 = npt.NDArray[np.float32]
Answer = npt.NDArray[np.float32]  # (q, k) similarities, best first


def unit(rng: np.random.Generator, n: int, dimension: int) -> Float32:
    """Return random unit vectors."""
    rows = rng.standard_normal((n, dimension), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def with_blas(
    rows: npt.NDArray[np.int8], scale: npt.NDArray[np.uint16], queries: Float32, k: int
) -> Answer:
    """Return the best by blocks cast to float32, with a threshold that rises as k fill up."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    pool: list[list[Float32]] = [[] for _ in queries]
    held = [0] * len(queries)
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK].astype(np.float32)
        similarity = (queries @ some.T) * (scale[start : start + BLOCK] * np.float32(kernel.STEP))
        for q, row in enumerate(similarity):
            over = row[row > best[q, 0]]
            pool[q].append(over)
            held[q] += len(over)
            if held[q] >= 2 * k:  # best[q, 0] is the least of the k best at any time
                joined = np.concatenate([best[q], *pool[q]])
                best[q] = np.partition(joined, len(joined) - k)[-k:]
                pool[q], held[q] = [], 0
    for q in range(len(queries)):
        best[q] = np.sort(np.concatenate([best[q], *pool[q]]))[-k:]
    return best[:, ::-1]


def with_kernel(
    rows: npt.NDArray[np.int8],
    scale: npt.NDArray[np.uint16],
    queries: Float32,
    k: int,
    path: int,
) -> Answer:
    """Return the best by the kernel."""
    n = len(rows)
    begin = np.arange(0, n, WINDOWS)
    times = np.zeros(n, np.uint32)
    nearest = kernel.Nearest(queries, k, path)
    tracks = np.arange(len(begin))
    nearest.offer(rows, scale, times, times, begin, np.minimum(begin + WINDOWS, n), tracks)
    best, _ = nearest.best()
    return best["similarity"]


def with_faiss(vectors: Float32, kind: str) -> Callable[[Float32, int], Answer]:
    """Return a search of a flat faiss index."""
    import faiss

    faiss.omp_set_num_threads(1)
    dimension = vectors.shape[1]
    if kind == "flat":
        index = faiss.IndexFlatIP(dimension)
    else:
        bits = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexScalarQuantizer(dimension, bits, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors[:100_000])
    index.add(vectors)
    return lambda queries, k: index.search(queries, k)[0]


def filled(folder: Path, vectors: Float32) -> FileVectorStore:
    """Return a store of those vectors, opened again."""
    store = FileVectorStore(folder, vectors.shape[1], "bench")
    for number, start in enumerate(range(0, len(vectors), WINDOWS)):
        mine = vectors[start : start + WINDOWS]
        at = np.arange(len(mine))
        store.add([Embedded(number, mine, at, np.full(len(mine), 6.3), b"")])
    store.flush()
    return FileVectorStore(folder, vectors.shape[1], "bench")


def cpu_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the median CPU time of a call, after one that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(1e3 * (time.process_time() - start))
    return statistics.median(taken)


def measure(n: int, dimension: int, asked: int, k: int, repeats: int) -> None:
    """Print one table."""
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng, n, dimension), unit(rng, asked, dimension)
    rows, scale = kernel.quantised(vectors)
    right = -np.partition(-(queries @ vectors.T), k - 1, axis=1)[:, :k]
    right = np.sort(right, axis=1)[:, ::-1]
    floor = cpu_ms(
        lambda: [queries @ vectors[i : i + BLOCK].T for i in range(0, n, BLOCK)], repeats
    )
    print(f"\n{n:,} x {dimension}, {asked} queries, k = {k}")
    print(f"{'':34}{'CPU ms':>8}{'x floor':>9}{'similarity off by':>19}")
    print(f"{'product alone, BLAS float32':34}{floor:8.1f}{1.0:9.2f}")

    def line(what: str, work: Callable[[], Answer]) -> None:
        off = np.abs(work() - right).max()
        ms = cpu_ms(work, repeats)
        print(f"{what:34}{ms:8.1f}{ms / floor:9.2f}{off:19.6f}", flush=True)

    line("int8, BLAS on blocks", lambda: with_blas(rows, scale, queries, k))
    names = {"PORTABLE": "portable C", "AVX2": "AVX2", "AVX512": "AVX-512 VNNI"}
    for name, shown in names.items():
        path = getattr(kernel, name)
        if kernel.runs(path):
            work = lambda path=path: with_kernel(rows, scale, queries, k, path)  # noqa: E731
            line(f"int8, our kernel, {shown}", work)
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder), vectors)
        start = time.process_time()
        store.known()
        opened = 1e3 * (time.process_time() - start)
        line("FileVectorStore.search", lambda: store.search(queries, k).similarity)
        print(f"  {store.stats()['bytes'] / n:.1f} bytes a vector, opened in {opened:.0f} ms")
    if importlib.util.find_spec("faiss") is None:
        print("faiss is not installed: `pip install faiss-cpu` to compare")
        return
    for kind, bits in (("flat", "float32"), ("sq8", "8 bits")):
        search = with_faiss(vectors, kind)
        line(f"faiss, flat, {bits}", lambda search=search: search(queries, k))


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_050_000])
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("-k", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in THREADS):
        # BLAS reads them when it is loaded, which importing numpy has done.
        os.environ.update(dict.fromkeys(THREADS, "1"))
        os.execv(sys.executable, [sys.executable, *sys.argv])
    for n in arguments.sizes:
        measure(n, arguments.dimension, arguments.queries, arguments.k, arguments.repeats)


if __name__ == "__main__":
    main()
