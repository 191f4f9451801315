"""Make the golden sound index anew: ``python tests/golden/make_golden_sound_index.py``.

Writes ``sound1/index`` (statistics and a vector store's folder), ``sound1/features`` (packed
windows) and ``sound1/answers.json`` with what they answer. No network has a part in it. Once
released they are never written again: a new format gets a new folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from earmark.homes import FolderRoom
from earmark.sound.features import SoundFeatures, features_of, pack, unpack
from earmark.sound.index import SoundIndex
from earmark.sound.params import JoinParams, SoundParams

FOLDER = Path(__file__).parent / "sound1"
DIMENSION, TIMBRE, DIGEST, K = 24, 60, "golden", 5
PARAMS = SoundParams(join=JoinParams(dimension=32))
COUNTS = {3: 6, 4: 1, 9: 0, 12: 9, 40: 3}


def make_features(number: int) -> SoundFeatures:
    """Return the windows of one track."""
    rng = np.random.default_rng([2026, number])
    count = COUNTS[number]
    spans = [(5.0 * i, 10.0) for i in range(count)]
    if count == 1:
        spans = [(0.0, 0.43)]
    vectors = rng.normal(rng.normal(0.5, 1.0, DIMENSION), 0.7, (count, DIMENSION))
    timbres = rng.normal(0, 1.0, (count, TIMBRE))
    odds = [rng.random(6).astype(np.float32) if i % 2 else None for i in range(count)]
    return features_of(
        spans,
        list(vectors.astype(np.float32)),
        list(timbres.astype(np.float32)),
        odds,
        DIMENSION,
        TIMBRE,
    )


def opened(folder: Path) -> SoundIndex:
    """Open the index in a folder."""
    return SoundIndex(FolderRoom(folder), PARAMS, DIGEST)


def answers(index: SoundIndex, folder: Path) -> dict[str, list]:
    """Return the windows nearest to the kept ones of two tracks."""
    made = index.settled()
    queries = [unpack((folder / f"{number}.bin").read_bytes()) for number in (4, 12)]
    rows = np.concatenate([index.joined(made, features) for features in queries])
    found = made.moments.search(rows, K)
    return {
        "number": found.number.tolist(),
        "start_s": found.start_s.tolist(),
        "similarity": np.round(found.similarity.astype(float), 5).tolist(),
    }


def main() -> None:
    """Write everything."""
    for part in ("index", "features"):
        shutil.rmtree(FOLDER / part, ignore_errors=True)
    (FOLDER / "features").mkdir(parents=True)
    for number in COUNTS:
        (FOLDER / "features" / f"{number}.bin").write_bytes(pack(make_features(number)))
    index = opened(FOLDER / "index")
    kept = {n: unpack((FOLDER / "features" / f"{n}.bin").read_bytes()) for n in COUNTS}
    index.add(kept.items())
    index.flush()
    told = answers(opened(FOLDER / "index"), FOLDER / "features")
    (FOLDER / "answers.json").write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
