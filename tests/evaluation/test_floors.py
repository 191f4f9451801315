"""Accuracy is a gate: the recording suite on a small seeded set must stay above its floors.

``floors.json`` holds, for each set of music, what was measured, less a small margin. To make it
again after a change that is meant to move the figures, run this file with
``EARMARK_WRITE_FLOORS=1`` and read the difference before you check it in.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.evaluation import bench_recording
from earmark.evaluation.report import RecordingReport, floors

TABLE = Path(__file__).with_name("floors.json")
CONDITIONS = (
    "clean",
    "pink0",
    "ambient0",
    "telephone",
    "mp3_32k",
    "reverb",
    "speed+5",
    "pitch-1",
    "tempo+5",
    "phone",
)
RATE_HZ = 16000
MARGIN = 0.05
ERROR_RATES = ("false_alarm_rate", "wrong_track_rate")


def made_up_song(seed: int, seconds: float = 30.0) -> np.ndarray:
    """Chords, a melody with overtones and a beat, at a tempo and in a key of their own."""
    random = np.random.default_rng(seed)
    song = np.zeros(int(seconds * RATE_HZ))
    beat_s = random.uniform(0.3, 0.6)
    root = random.integers(45, 57)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    overtones = random.uniform(0.1, 1.0, 6) / np.arange(1, 7)

    def play(pitch: float, start_s: float, length_s: float, level: float) -> None:
        start = int(start_s * RATE_HZ)
        t = np.arange(min(int(length_s * RATE_HZ), len(song) - start)) / RATE_HZ
        hz = 440.0 * 2.0 ** ((pitch - 69) / 12.0)
        tone = sum(a * np.sin(2 * np.pi * hz * k * t) for k, a in enumerate(overtones, 1))
        song[start : start + len(t)] += level * np.exp(-3.0 * t / length_s) * tone

    for bar, start_s in enumerate(np.arange(0.0, seconds - 4 * beat_s, 4 * beat_s)):
        chord = scale[random.integers(0, 5)]
        for third in (0, 4, 7):
            play(root + chord + third, start_s, 4 * beat_s, 0.15)
        for half in range(8):
            if random.random() < 0.8:
                note = root + 12 + random.choice(scale)
                play(note, start_s + half * beat_s / 2, beat_s * random.choice([0.5, 1.0]), 0.3)
        for beat in range(4):
            at = int((start_s + beat * beat_s) * RATE_HZ)
            hit = random.standard_normal(1600) * np.exp(-np.arange(1600) / 300.0)
            song[at : at + 1600] += (0.3 if (bar + beat) % 2 else 0.15) * hit[: len(song) - at]
    return (song / np.abs(song).max() * 0.7).astype(np.float32)


@pytest.fixture(params=["made up", "real"])
def music(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A set's name and its folder; the real one comes with the ``demo`` extra."""
    if request.param == "real":
        package = pytest.importorskip(
            "immich_memories_music", reason="pip install immich-memories-music to run this"
        )
        return request.param, Path(package.__file__).parent / "tracks"
    for seed in range(16):
        soundfile.write(tmp_path / f"{seed}.flac", made_up_song(seed), RATE_HZ)
    return request.param, tmp_path


def measured_floors(report: RecordingReport) -> dict[str, float]:
    """What was measured, less a margin; error rates and offsets the other way round."""
    figures = report.figures()
    accepted = {
        name: round(max(0.0, value - MARGIN), 3)
        for name, value in figures.items()
        if name.startswith("accepted") and not name.startswith("accepted_1s.")
    }
    errors = {name: round(figures[name] + 0.4 * MARGIN, 3) for name in ERROR_RATES}
    others = {
        "right_at_90": round(figures["right_at_90"] - 0.4 * MARGIN, 3),
        "median_offset_error_ms": round(1.3 * figures["median_offset_error_ms"] + 1.0, 1),
    }
    return accepted | errors | others


@pytest.mark.slow
def test_accuracy_holds(music: tuple[str, Path]) -> None:
    name, folder = music
    report = bench_recording.run(
        folder, seed=1, per_cell=6, workers=1, conditions=CONDITIONS, lengths_s=(1.0, 3.0, 10.0)
    )
    tables = json.loads(TABLE.read_text()) if TABLE.is_file() else {}
    if os.environ.get("EARMARK_WRITE_FLOORS"):
        tables[name] = measured_floors(report)
        TABLE.write_text(json.dumps(tables, indent=2) + "\n")
    missed = floors(report, tables[name])
    assert not missed, "\n".join([*map(str, missed), "", report.table()])
