"""Ten thousand spoilt audio files, uploaded: no 5xx, no crash, no file left behind.

Small files of eight formats get bits flipped, pieces cut, doubled and zeroed, heads swapped. Half
are asked about, half are added; what the service took is deleted again. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import av
import httpx
import numpy as np
import soundfile
from serving import Served, serving

RATE_HZ = 48_000
FORMATS = {
    "wav": ("wav", "pcm_s16le"),
    "aiff": ("aiff", "pcm_s16be"),
    "mp3": ("mp3", "libmp3lame"),
    "flac": ("flac", "flac"),
    "ogg": ("ogg", "vorbis"),
    "opus": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
    "webm": ("webm", "libopus"),
}


def whole(folder: Path, kind: str, rng: np.random.Generator) -> bytes:
    """Return one second of tones in a format."""
    container, codec = FORMATS[kind]
    path = folder / f"whole.{kind}"
    time_s = np.arange(RATE_HZ) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * time_s) for hz in rng.uniform(200, 4000, 5)) / 8
    if codec == "vorbis":  # PyAV has no encoder for it
        soundfile.write(path, wave, RATE_HZ, format="OGG", subtype="VORBIS")
        return path.read_bytes()
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=RATE_HZ)
        stream.layout = "mono"
        resampler = av.AudioResampler(stream.format, "mono", RATE_HZ, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(
            wave[np.newaxis].astype(np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = RATE_HZ
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path.read_bytes()


def spoilt(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the file with one to eight things done to it."""
    spoiling = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        size = len(spoiling)
        if size < 2:
            break
        at = rng.randrange(min(size, 200) if rng.random() < 0.5 else size)
        span = rng.randrange(1, max(2, size // 8))
        what = rng.randrange(7)
        if what <= 1:
            spoiling[at] ^= 1 << rng.randrange(8)
        elif what == 2:
            del spoiling[at:]
        elif what == 3:
            spoiling[at : at + span] = bytes(len(spoiling[at : at + span]))
        elif what == 4:
            spoiling[at:at] = spoiling[at : at + span]
        elif what == 5:
            spoiling[at : at + 4] = rng.choice([b"\xff" * 4, b"\x00" * 4, rng.randbytes(4)])
        else:
            spoiling[:at] = other[:at]
    return bytes(spoiling)


def send(served: Served, files: list[bytes], seed: int, count: int, tally: Counter) -> None:
    """Be one client that sends ``count`` of them."""
    rng = random.Random(seed)
    kinds = list(FORMATS)
    with httpx.Client(base_url=served.url, timeout=120) as http:
        for number in range(count):
            which = rng.randrange(len(files))
            data = spoilt(files[which], rng.choice(files), rng)
            sent = {"file": (f"spoilt.{kinds[which]}", data)}
            if number % 2:
                answer = http.post("/v1/identify", files=sent)
                tally["identify", answer.status_code] += 1
            else:
                answer = http.post("/v1/tracks", files=sent)
                tally["add", answer.status_code] += 1
                if answer.status_code in (200, 201):
                    http.delete(f"/v1/tracks/{answer.json()['id']}")
            if answer.status_code >= 500:
                print(answer.text[:300])


def main() -> None:
    """Send them all and print what came back and what was left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(said.seed)
        files = [whole(Path(folder), kind, rng) for kind in FORMATS]
        place = Path(folder, "library")
        with serving(place) as served:
            tally: Counter = Counter()
            before_mb, start = served.resident_mb, time.monotonic()
            clients = [
                threading.Thread(
                    target=send, args=(served, files, said.seed * 1000 + n, each, tally)
                )
                for n, each in enumerate([said.count // said.clients] * said.clients)
            ]
            for client in clients:
                client.start()
            during_mb = []
            for client in clients:
                while client.is_alive():
                    client.join(20.0)
                    during_mb.append(round(served.resident_mb))
            alive = served.alive and httpx.get(f"{served.url}/healthz").status_code == 200
            left = httpx.get(f"{served.url}/v1/tracks").json()["total"]
            print(f"{sum(tally.values())} files in {time.monotonic() - start:.0f} s")
            for (what, status), count in sorted(tally.items()):
                print(f"  {what:8} {status}: {count}")
            kept = [path for path in (place / "media").rglob("*") if path.is_file()]
            # ONNX Runtime leaves one small file `.ses` there, whatever is asked.
            spare = [path for path in served.spare.rglob("*") if path.is_file()]
            spare = [path for path in spare if path.name != ".ses"]
            print(f"alive {alive}; tracks left {left}; files left {len(kept)}, {len(spare)} spare")
            print(f"memory of the service, MB: {before_mb:.0f} {' '.join(map(str, during_mb))}")
            print(*served.complaints, *kept, *spare, sep="\n")
            broken = sum(count for (_, status), count in tally.items() if status >= 500)
            if broken or not alive or kept or spare:
                raise SystemExit(1)


if __name__ == "__main__":
    main()
