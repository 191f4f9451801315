"""What HTTP adds: `identify` of a 10 s clip through the service over the same call in the process.

Both are asked in turns, clip by clip, so that what else the machine does falls on both alike; of
each clip the least of a few times counts. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import soundfile
from serving import serving

from earmark import Library
from earmark.audio.decode import decode
from earmark.ingest.inputs import collect

CLIP_S = 10.0
RATE_HZ = 44_100
FORMATS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS")}


def clip(path: Path, rng: random.Random, kind: str) -> bytes:
    """Return ten seconds from the middle of a track as a file."""
    whole = decode(path, RATE_HZ).clip.samples
    start = rng.randrange(max(1, len(whole) - int(CLIP_S * RATE_HZ)))
    samples = whole[start : start + int(CLIP_S * RATE_HZ)]
    memory = io.BytesIO()
    container, subtype = FORMATS[kind]
    soundfile.write(memory, samples, RATE_HZ, format=container, subtype=subtype)
    return memory.getvalue()


def took_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print the medians of each kind of clip and the median of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True, help="folder of music")
    parser.add_argument("--asked", type=int, default=40, help="clips of each kind")
    parser.add_argument("--repeats", type=int, default=3, help="times that each clip is asked")
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    rng = random.Random(said.seed)
    files = [Path(name) for name in collect([said.music]).sources]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "library")
        with Library.open(place, create=True) as library:
            library.add(files)
        with (
            Library.open(place) as library,
            serving(place) as served,
            httpx.Client(base_url=served.url, timeout=120) as http,
        ):
            for kind in FORMATS:
                inside, over = [], []
                for number in range(said.asked + 3):
                    data = clip(rng.choice(files), rng, kind)
                    asked = {"file": (f"clip.{kind}", data)}

                    def direct(data: bytes = data) -> None:
                        library.identify(data, said.mode)

                    def through(asked: dict = asked) -> None:
                        http.post("/v1/identify", params={"mode": said.mode}, files=asked)

                    turns = [(direct, inside), (through, over)] * said.repeats
                    rng.shuffle(turns)
                    taken = [(times, took_ms(work)) for work, times in turns]
                    if number >= 3:
                        for times in (inside, over):
                            times.append(min(ms for whose, ms in taken if whose is times))
                ratio = statistics.median(np.divide(over, inside))
                print(
                    f"{kind:5} in the process {statistics.median(inside):6.1f} ms, over HTTP "
                    f"{statistics.median(over):6.1f} ms, median of ratios {ratio:.2f}"
                )


if __name__ == "__main__":
    main()
