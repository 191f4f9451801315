"""Make the golden melody files anew: ``python tests/golden/make_golden_melody.py``.

Writes ``melody1/vectors`` (a vector store's folder) and ``melody1/expected.json`` with what it
answers and packed tunes. Once released they are never written again: a new format gets a new
folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from earmark.melody.features import MelodyFeatures, pack_features
from earmark.melody.tune import Tune
from earmark.ports import Embedded
from earmark.stores.vectors import FileVectorStore

FOLDER = Path(__file__).parent / "melody1"
DIMENSION, DIGEST, K = 16, "golden", 5


def make_items() -> list[Embedded]:
    """Return five numbers with 0 to 8 vectors each."""
    rng = np.random.default_rng(2026)
    items = []
    for number, count in ((3, 8), (4, 5), (9, 0), (12, 7), (40, 3)):
        vectors = rng.normal(size=(count, DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        start = (np.arange(count) * 0.5).astype(np.float32)
        length = np.full(count, 4.0, np.float32)
        items.append(Embedded(number, vectors, start, length, f"payload {number}".encode()))
    return items


def make_queries() -> np.ndarray:
    """Return three queries."""
    queries = np.random.default_rng(7).normal(size=(3, DIMENSION)).astype(np.float32)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True)


def make_features() -> dict[str, MelodyFeatures]:
    """Return what the truth may hold of a melody."""
    rng = np.random.default_rng(11)
    length = rng.choice([0.25, 0.5, 1.0], 12)
    onset = np.concatenate(([0.5], 0.5 + np.cumsum(length)[:-1]))
    tune = Tune(
        onset.astype(np.float32),
        length.astype(np.float32),
        (rng.integers(55 * 16, 76 * 16, 12) / 16).astype(np.float32),
    )
    none = Tune(*(np.zeros(0, np.float32),) * 3)
    return {
        "heard": MelodyFeatures(tune),
        "silent": MelodyFeatures(none),
        "score": MelodyFeatures(None, tune),
        "both": MelodyFeatures(none, tune),
    }


def main() -> None:
    """Write everything."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    store = FileVectorStore(FOLDER / "vectors", DIMENSION, DIGEST)
    store.add(make_items())
    store.flush()
    found = store.search(make_queries(), K)
    shape = {
        "neighbours": {
            "number": found.number.tolist(),
            "start_s": found.start_s.tolist(),
            "similarity": np.round(found.similarity.astype(float), 6).tolist(),
        },
        "features": {name: pack_features(f).hex() for name, f in make_features().items()},
    }
    (FOLDER / "expected.json").write_text(json.dumps(shape, indent=1) + "\n")


if __name__ == "__main__":
    main()
