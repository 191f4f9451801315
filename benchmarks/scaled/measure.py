"""What one track takes: bytes of features, postings, payload and windows, on real music.

The music is laid end to end and cut into tracks of `--minutes`, because a library's tracks are
longer than the demo's. What is printed goes into measured.json by hand, with its source.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from parts import opened

from earmark import Library
from earmark.audio.decode import decode
from earmark.audio.wav import wav_bytes
from earmark.ingest.inputs import collect
from earmark.ports import StoredFeatures
from earmark.recording.constellation import payload
from earmark.types import Clip

_RATE_HZ = 32_000


def tracks(folder: Path, minutes: float) -> Iterator[Clip]:
    """Yield the music of a folder as tracks of equal length; what is left over is dropped."""
    size = int(minutes * 60.0 * _RATE_HZ)
    held = np.zeros(0, np.float32)
    for source in sorted(collect([folder]).sources):
        held = np.concatenate([held, decode(source, _RATE_HZ).clip.samples])
        while len(held) >= size:
            yield Clip(held[:size], _RATE_HZ)
            held = held[size:]


def measured(library: Library) -> dict[str, Any]:
    """Return the figures of a library, a track."""
    count = len(library)
    stats = library.stats()
    found: dict[str, Any] = {"tracks": count, "minutes": round(stats.audio_s / 60 / count, 3)}
    for name in library._indexes.names:
        numbers = library._tracks.numbers(name).tolist()
        stored = [one for _, one in library._tracks.features(name, numbers)]
        found[f"{name}_features_bytes"] = _mean([len(one.data) for one in stored])
        if name == "recording":
            found["recording_payload_bytes"] = _mean([_payload(library, one) for one in stored])
        engine = dict(stats.engines[name])
        found[f"{name}_index_bytes"] = round(engine["bytes"] / count)
        for what in ("postings", "vectors"):
            if what in engine:
                found[f"{name}_{what}"] = round(engine[what] / count, 1)
    found["truth_bytes"] = round(stats.truth_bytes / count)
    return found


def _payload(library: Library, stored: StoredFeatures) -> int:
    analysis = library._indexes.engine("recording").analysis
    return len(payload(analysis.unpack(stored.data)))


def _mean(sizes: list[int]) -> int:
    return round(sum(sizes) / max(1, len(sizes)))


def main() -> None:
    """Add, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, help="a folder; the demo's where nothing is said")
    parser.add_argument("--minutes", type=float, default=4.0)
    options = parser.parse_args()
    folder = options.music
    if folder is None:
        import immich_memories_music

        folder = Path(immich_memories_music.tracks_dir())
    with tempfile.TemporaryDirectory() as place:
        files = Path(place) / "music"
        files.mkdir()
        for number, clip in enumerate(tracks(folder, options.minutes)):
            (files / f"{number}.wav").write_bytes(wav_bytes(clip))
        with opened(str(Path(place) / "library"), create=True) as library:
            library.add(str(files), workers=1)
            print(json.dumps(measured(library), indent=1))


if __name__ == "__main__":
    main()
