"""How many live streams one core watches: many monitors in turn, each fed an MP3 as it is decoded.

The result is 1 / (CPU seconds a second of one stream), decoding included.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import av
import numpy as np
import soxr
from material import material, options, resident_mb

from earmark.audio.stream import BlockStream, open_blocks
from earmark.evaluation.noise import RATE_HZ
from earmark.evaluation.programme import Programme
from earmark.monitor.session import Monitor

STATION_HZ = 44_100
BLOCK_S = 1.0


def write_mp3(programme: Programme, path: Path) -> None:
    """Encode as stations do: 128 kbit/s, 44.1 kHz, two channels."""
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=STATION_HZ)
        stream.bit_rate = 128_000
        stream.layout = "stereo"
        stream.format = "fltp"
        at = 0
        for block in programme:
            wide = soxr.resample(block, RATE_HZ, STATION_HZ).astype(np.float32)
            for start in range(0, len(wide), 1152):
                both = np.stack([wide[start : start + 1152]] * 2)
                frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = STATION_HZ, at
                at += both.shape[1]
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def endless(stack: ExitStack, path: Path, start_s: float) -> Iterator[np.ndarray]:
    """Decode a file from somewhere on, again and again."""
    while True:
        opened = open_blocks(path, RATE_HZ, BLOCK_S, start_s=start_s)
        stream: BlockStream = stack.enter_context(opened)
        for block in stream:
            yield block.samples
        start_s = 0.0


def main() -> None:
    """Feed them all a second at a time."""
    parser = options(__doc__)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=120, help="of each stream")
    parser.add_argument("--programme-minutes", type=float, default=30.0)
    given = parser.parse_args()
    with material(given) as stuff, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "programme.mp3"
        duration_s = 60.0 * given.programme_minutes
        write_mp3(Programme(stuff.sources, duration_s=duration_s, seed=given.seed), file)
        begun_mb = resident_mb()
        starts = np.arange(given.streams) * duration_s / given.streams
        feeds = [endless(stack, file, float(start_s)) for start_s in starts]
        monitors = [Monitor(stuff.library) for _ in feeds]
        for feed, monitor in zip(feeds, monitors, strict=True):  # opening is not counted
            monitor.feed(next(feed))
        decoding_s = hearing_s = worst_s = 0.0
        told = 0
        for _ in range(given.seconds):
            for feed, monitor in zip(feeds, monitors, strict=True):
                start = time.process_time()
                block = next(feed)
                middle = time.process_time()
                told += sum(one.kind == "open" for one in monitor.feed(block))
                end = time.process_time()
                decoding_s += middle - start
                hearing_s += end - middle
                worst_s = max(worst_s, end - start)
        heard_s = given.streams * given.seconds * BLOCK_S
        figures = {
            "streams": given.streams,
            "tracks_indexed": len(stuff.library),
            "cpu_ms_a_second": round(1000.0 * (decoding_s + hearing_s) / heard_s, 3),
            "decoding_ms_a_second": round(1000.0 * decoding_s / heard_s, 3),
            "streams_a_core": round(heard_s / (decoding_s + hearing_s), 1),
            "longest_feed_ms": round(1000.0 * worst_s, 1),
            "mb_a_stream": round((resident_mb() - begun_mb) / given.streams, 2),
            "opened": told,
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
