"""Make the golden library of this format version anew: ``python tests/golden/make_golden.py``.

Writes ``v<version>/library`` (three synthesised tracks) and ``v<version>/expected.json``. The
music is made here and nowhere else, so that it stays what it is when other tests change theirs.
Once a version is released its folder is never written again: a new format gets a new folder.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE_HZ = 16_000
TRACK_S = 12.0
SEEDS = (11, 12, 13)
CLIPS = tuple((seed, at_s, 5.0) for seed in SEEDS for at_s in (0.0, 2.62, 6.9))
VERSION = 1
FOLDER = Path(__file__).parent / f"v{VERSION}"


def make_track(seed: int) -> np.ndarray:
    """Plucked chords and noise bursts from a seed; float32 at 16 kHz."""
    rng = np.random.default_rng([seed, 2024])
    samples = np.zeros(int((TRACK_S + 1) * RATE_HZ))
    at_s = 0.0
    while at_s < TRACK_S:
        time_s = np.arange(int(rng.uniform(0.3, 0.9) * RATE_HZ)) / RATE_HZ
        sound = 0.3 * rng.standard_normal(len(time_s)) * np.exp(-30 * time_s)
        for _ in range(3):
            hz = 130.0 * 2 ** (rng.integers(0, 37) / 12)
            for k in range(1, 6):
                strength = rng.uniform(0.3, 1.0) / k
                sound += strength * np.sin(2 * np.pi * k * hz * time_s) * np.exp(-5 * time_s)
        start = int(at_s * RATE_HZ)
        samples[start : start + len(sound)] += sound[: len(samples) - start]
        at_s += rng.uniform(0.1, 0.4)
    samples = samples[: int(TRACK_S * RATE_HZ)] + 0.002 * rng.standard_normal(
        int(TRACK_S * RATE_HZ)
    )
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


def make_clip(seed: int, at_s: float, length_s: float) -> np.ndarray:
    """A part of a track, with a little noise."""
    start = int(at_s * RATE_HZ)
    clip = make_track(seed)[start : start + int(length_s * RATE_HZ)]
    rng = np.random.default_rng([seed, start])
    return (clip + 0.01 * rng.standard_normal(len(clip))).astype(np.float32)


def main() -> None:
    """Write everything; nothing of the machine it runs on stays in it."""
    from earmark import Library, Settings

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    place = Path(tempfile.gettempdir()) / "earmark-golden"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        paths = [place / f"track {seed}.flac" for seed in SEEDS]
        for seed, path in zip(SEEDS, paths, strict=True):
            soundfile.write(path, make_track(seed), RATE_HZ, subtype="PCM_16")
        settings = Settings(library=str(FOLDER / "library"), workers=1)
        with Library.open(create=True, settings=settings) as library:
            report = library.add(paths)
            if report.added != len(SEEDS):
                sys.exit(f"could not add: {report.failed}")
            expected = answers(library)
    finally:
        shutil.rmtree(place)
    (FOLDER / "library" / "write.lock").unlink(missing_ok=True)
    text = json.dumps(expected, indent=1) + "\n"
    (FOLDER / "expected.json").write_text(text, encoding="utf-8")


def answers(library: Any) -> dict[str, Any]:
    """What the library holds and says."""
    tracks = {Path(track.source).stem: track for track in library.tracks()}
    stored = dict(library._parts.tracks.features("recording", [t.number for t in tracks.values()]))
    clips = []
    for clip in CLIPS:
        samples = make_clip(*clip)
        best = library.identify(wav(samples)).best
        if best is None or best.track != tracks[f"track {clip[0]}"]:
            sys.exit(f"clip {clip} is not found: {best}")
        own = best.segments[0]
        start_s = own.reference.start_s - own.query.start_s * best.time_ratio
        clips.append({"clip": clip, "id": best.track.id, "starts_at_s": round(start_s, 4)})
    return {
        "digest": library._indexes.engine("recording").analysis.digest,
        "tracks": {
            name: {
                "id": track.id,
                "number": track.number,
                "content_id": track.content_id,
                "duration_s": track.duration_s,
                "constellation": stored[track.number].data.hex(),
            }
            for name, track in sorted(tracks.items())
        },
        "clips": clips,
    }


def wav(samples: np.ndarray) -> bytes:
    """The bytes of a wave file."""
    import io

    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
    main()
