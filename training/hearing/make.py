"""Writes the figures of many stretches: ``python -m training.hearing.make OUT.npz ROOT...``."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np

from earmark.kernels import spectrum as kernel
from earmark.monitor.hearing_features import BLOCK_FRAMES, figures
from earmark.recording.params import SpectrumParams
from earmark.recording.spectrum import log_spectrum
from training.hearing.roles import pools
from training.hearing.stretches import KINDS, LABELS, Floats, drawn

_SHARES = {
    "music": 0.3,
    "speech": 0.25,
    "other": 0.25,
    "talk over music": 0.1,
    "music under talk": 0.1,
}


def told(samples: Floats) -> tuple[Floats, Floats]:
    """Return a stretch's figures and levels, a line a block."""
    spectrum = log_spectrum(samples, SpectrumParams())
    spectrum = spectrum[: len(spectrum) // BLOCK_FRAMES * BLOCK_FRAMES]
    salience = spectrum.copy()
    kernel.whiten(salience, SpectrumParams().whiten_frames, SpectrumParams().whiten_bins)
    found, level, _ = figures(spectrum, salience, None)
    return found, level


def main() -> None:
    """Draw stretches of what teaches and of what asks, seeded, and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("roots", type=Path, nargs="+")
    parser.add_argument("--teach", type=int, default=1100)
    parser.add_argument("--ask", type=int, default=450)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.time()
    halves = pools(asked.roots)
    rng = np.random.default_rng(asked.seed)
    rows = []
    for held, (pool, count) in enumerate(zip(halves, (asked.teach, asked.ask), strict=True)):
        for kind in ("music", "speech", "other"):
            sizes = Counter({name: len(files) for name, files in pool.of(kind).items()})
            print("ask" if held else "teach", kind, sum(sizes.values()), dict(sizes.most_common()))
        kinds = rng.choice(len(KINDS), count, p=[_SHARES[kind] for kind in KINDS])
        for number in kinds:
            stretch = drawn(pool, KINDS[int(number)], rng)
            found, level = told(stretch.samples)
            if len(rows) % 100 == 99:
                print(f"{len(rows) + 1} stretches, {time.time() - began:.0f} s", flush=True)
            rows.append((found, level, LABELS[stretch.kind], number, held, stretch.package))
    found, level, label, kind, held, package = zip(*rows, strict=True)
    np.savez(
        asked.out,
        figures=np.stack(found),
        level=np.stack(level),
        label=np.array(label),
        kind=np.array(kind),
        held=np.array(held),
        package=np.array(package),
    )
    print(f"{len(rows)} stretches, {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
