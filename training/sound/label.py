"""Asks the teacher about windows, mixes and synthetic sounds, and writes shards.

``python -m training.sound.label raw POOL OUT mn04.pt --avoid ESC10`` hears every window once and
notes in ``avoid-*.json`` those that are all but copies of clips kept for evaluation;
``... mix POOL OUT mn04.pt --count 100000 --seed 3`` makes examples from the others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from training.sound.mix import levelled, mixed
from training.sound.pool import RATE_HZ, Pool
from training.sound.shards import LENGTHS_S, Shard
from training.sound.synth import drawn
from training.sound.teacher import Teacher

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

COPY_COSINE = 0.995
SHARES = {"effect": 0.66, "music": 0.2, "voice": 0.14}
LENGTH_SHARES = (0.15, 0.3, 0.55)
COUNT_SHARES = (0.42, 0.42, 0.16)
SYNTHETIC_SHARE = 0.05
SHARD_EXAMPLES = 1000


def chances(pool: Pool, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return how likely each window is drawn: by kind, then by package and file, damped."""
    out = np.zeros(len(pool.windows))
    kinds = np.array([window.kind for window in pool.windows])
    packages = np.array([window.package for window in pool.windows])
    files = np.array([window.source for window in pool.windows])
    for kind, share in SHARES.items():
        rows = np.flatnonzero((kinds == kind) & allowed)
        if not len(rows):
            continue
        weight = np.ones(len(rows))
        for names in (packages[rows], files[rows]):
            _, number, count = np.unique(names, return_inverse=True, return_counts=True)
            weight /= np.sqrt(count[number])
        out[rows] = share * weight / weight.sum()
    return out / out.sum()


def near_copies(features: Floats, kept: Floats) -> npt.NDArray[np.bool_]:
    """Return which rows point in all but the same direction as one of the ``kept``."""
    if not len(kept):
        return np.zeros(len(features), bool)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (features, kept)]
    return (unit[0] @ unit[1].T).max(1) > COPY_COSINE


def clips(folder: Path) -> Iterator[Floats]:
    """Yield the sound files of a folder at the teacher's rate."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in {".wav", ".ogg", ".flac"}:
            audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
            yield soxr.resample(audio.mean(1), rate, RATE_HZ).astype(np.float32)


class Writer:
    """Fills one shard of each length and writes those that are full."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name, self._number = folder, name, 0
        self._shards = {length: Shard(length) for length in LENGTHS_S}

    def add(self, length_s: float, mel: Floats, features: Floats, windows: tuple[int, ...]) -> None:
        """Take an example."""
        shard = self._shards[length_s]
        shard.add(mel, features, windows)
        if len(shard.features) >= SHARD_EXAMPLES:
            self._save(length_s)

    def close(self) -> None:
        """Write what is left."""
        for length_s, shard in list(self._shards.items()):
            if shard.features:
                self._save(length_s)

    def _save(self, length_s: float) -> None:
        self._shards[length_s].save(self._folder, f"{self._name}-{self._number:04d}")
        self._shards[length_s] = Shard(length_s)
        self._number += 1


def raw(pool: Pool, teacher: Teacher, out: Path, name: str, avoid: Path | None, rng: Rng) -> int:
    """Label every window as it is; return how many are copies of clips to avoid."""
    kept = np.array([teacher.hear(clip)[1] for clip in clips(avoid)] if avoid else [])
    training, held = Writer(out, f"raw-{name}"), Writer(out, f"held-{name}")
    copies: list[int] = []
    for number, window in enumerate(pool.windows):
        length_s = min(LENGTHS_S, key=lambda s: abs(np.log(s / window.length_s)))
        length = round(length_s * RATE_HZ)
        audio = pool.audio(number)
        audio = audio[:length] if len(audio) > length else np.pad(audio, (0, length - len(audio)))
        heard = levelled(audio, rng)
        if heard is None:
            copies.append(number)  # nothing to hear: mixes leave it out as well
            continue
        mel, features = teacher.hear(heard)
        if near_copies(features[None], kept)[0]:
            copies.append(number)
            continue
        (held if window.held_out else training).add(length_s, mel, features, (number,))
    training.close()
    held.close()
    (out / f"avoid-{name}.json").write_text(json.dumps(copies))
    return len(copies)


def mix(pool: Pool, teacher: Teacher, out: Path, name: str, count: int, rng: Rng) -> None:
    """Label so many examples that are made from windows; one in thirty from held-out ones only."""
    avoid = set()
    for path in out.glob(f"avoid-{name}.json"):
        avoid |= set(json.loads(path.read_text()))
    fine = np.array([number not in avoid for number in range(len(pool.windows))])
    aside = np.array([window.held_out for window in pool.windows])
    ends = [np.cumsum(chances(pool, fine & ~aside)), np.cumsum(chances(pool, fine & aside))]
    stamp = f"{name}-{rng.integers(1 << 31):08x}"
    writers = [Writer(out, f"mix-{stamp}"), Writer(out, f"heldmix-{stamp}")]
    for _ in range(count):
        held = int(rng.random() < 1 / 30)
        length_s = float(rng.choice(LENGTHS_S, p=LENGTH_SHARES))
        length = round(length_s * RATE_HZ)
        parts = int(rng.choice(3, p=COUNT_SHARES)) + 1
        chosen = [min(int(np.searchsorted(ends[held], rng.random())), len(fine) - 1)
                  for _ in range(parts)]  # fmt: skip
        sounds = [pool.audio(number) for number in chosen]
        if not held and rng.random() < SYNTHETIC_SHARE:
            chosen[0], sounds[0] = -1, drawn(length, rng)
        audio = levelled(mixed(sounds, length, rng), rng)
        if audio is not None:
            writers[held].add(length_s, *teacher.hear(audio), tuple(chosen))
    for writer in writers:
        writer.close()


def main() -> None:
    """Read the command line and label."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("raw", "mix"))
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("--avoid", type=Path, help="clips kept for evaluation")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    pool, teacher = Pool(asked.pool), Teacher(asked.teacher)
    rng, name = np.random.default_rng(asked.seed), asked.pool.name
    if asked.what == "raw":
        print("left out:", raw(pool, teacher, asked.out, name, asked.avoid, rng))
    else:
        mix(pool, teacher, asked.out, name, asked.count, rng)


if __name__ == "__main__":
    main()
