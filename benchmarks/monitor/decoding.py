"""What decoding costs a scan: FFmpeg alone, our decoding, and the whole scan, format by format.

Pieces of the music follow one another, 44.1 kHz, two channels; MP3 has 160 kbit/s, AAC 128. Every
figure is CPU time of all threads; the three take turns, and the least of the turns counts.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
from material import material, options

from earmark.audio.stream import open_blocks
from earmark.library import Library
from earmark.monitor.scanning_one import scan

HZ = 44_100
PIECE_S = 60
FORMATS = {
    "mp3": ("libmp3lame", 160_000, "fltp"),
    "m4a": ("aac", 128_000, "fltp"),
    "flac": ("flac", None, "s16"),
    "wav": ("pcm_s16le", None, "s16"),
}


def pieces(
    files: tuple[Path, ...], duration_s: float, sample_format: str
) -> Iterator[av.AudioFrame]:
    """Yield the first minute of one file after the other."""
    left = round(duration_s * HZ)
    resampler = av.AudioResampler(format=sample_format, layout="stereo", rate=HZ, frame_size=1024)
    for file in files:
        taken = 0
        with av.open(str(file)) as container:
            for frame in container.decode(audio=0):
                frame.pts = None
                for ready in resampler.resample(frame):
                    if left <= 0:
                        return
                    yield ready
                    left, taken = left - ready.samples, taken + ready.samples
                if taken >= PIECE_S * HZ:
                    break
        # The next file may be of another kind.
        resampler = av.AudioResampler(
            format=sample_format, layout="stereo", rate=HZ, frame_size=1024
        )


def write(files: tuple[Path, ...], duration_s: float, path: Path) -> None:
    """Encode the pieces as the name's ending says."""
    codec, bit_rate, sample_format = FORMATS[path.suffix[1:]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=HZ)
        stream.layout, stream.format = "stereo", sample_format
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        at = 0
        for frame in pieces(files, duration_s, sample_format):
            frame.pts = at
            at += frame.samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def bare(path: Path) -> None:
    """Decode with FFmpeg and look at nothing: the floor."""
    with av.open(str(path)) as container:
        for _ in container.decode(audio=0):
            pass


def ours(path: Path) -> None:
    """Decode as a scan does: levels, one channel, 16 kHz."""
    with open_blocks(path, 16_000, 10.0) as blocks:
        for _ in blocks:
            pass


def least(turns: int, works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least CPU seconds of each work, taken in turns."""
    found = dict.fromkeys(works, float("inf"))
    for _ in range(turns):
        for name, work in works.items():
            start = time.process_time()
            work()
            found[name] = min(found[name], time.process_time() - start)
    return found


def measured(library: Library, path: Path, duration_s: float, turns: int) -> dict[str, float]:
    """Return milliseconds a second of sound, and x real time."""
    cpu_s = least(
        turns,
        {
            "ffmpeg": lambda: bare(path),
            "decoding": lambda: ours(path),
            "scan": lambda: scan(library, path),
        },
    )
    told = {f"{name}_ms_a_second": 1000.0 * s / duration_s for name, s in cpu_s.items()}
    told["decoding_to_ffmpeg"] = cpu_s["decoding"] / cpu_s["ffmpeg"]
    told["scan_to_ffmpeg"] = cpu_s["scan"] / cpu_s["ffmpeg"]
    told["x_real_time"] = duration_s / cpu_s["scan"]
    return {name: round(value, 2) for name, value in told.items()}


def main() -> None:
    """Print a line for each format."""
    parser = options(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    duration_s = 60.0 * given.minutes
    with material(given) as stuff, tempfile.TemporaryDirectory() as folder:
        print(json.dumps({"tracks_indexed": len(stuff.library), "minutes": given.minutes}))
        for ending in FORMATS:
            path = Path(folder) / f"programme.{ending}"
            write(stuff.files, duration_s, path)
            told = measured(stuff.library, path, duration_s, given.turns)
            print(json.dumps({"format": ending, **told}), flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
