"""A station's three minutes for the demo: songs cut and cross-faded, one it lacks, and a jingle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from earmark.audio.decode import decode
from earmark.evaluation.noise import RATE_HZ

JINGLE, JINGLE_S = "other/tender/tender_acoustic_2.opus", 7.0
SILENCE_S = 3.0
FADE_S = 3.0
SPEED = 1.03


@dataclass(frozen=True)
class Play:
    """What the station plays of a file, and where: ``start_s`` to ``end_s`` of the programme."""

    source: str
    start_s: float
    end_s: float


def write_station(music: Path, file: Path, known: list[str], unknown: str) -> list[Play]:
    """Write the programme as FLAC; return where the known songs are in it.

    Parameters
    ----------
    music
        The folder that the names of sources are relative to.
    file
        What to write.
    known
        Three songs: the first is cut hard, the second fades into the third, which runs 3 % fast.
    unknown
        A song that the library does not hold.
    """
    first, second, third = known
    jingle = heard(music / JINGLE, 4.0, JINGLE_S)
    parts: list[tuple[str, np.ndarray]] = [
        (JINGLE, jingle),
        (first, heard(music / first, 2.0, 26.0)),
        (JINGLE, jingle * 0.8),
        (unknown, heard(music / unknown, 1.0, 24.0)),
        ("", np.zeros(round(SILENCE_S * RATE_HZ))),
        (second, heard(music / second, 0.0, 25.0)),
        (third, faster(heard(music / third, 3.0, 25.0))),
        (JINGLE, jingle * 0.9),
        (first, heard(music / first, 0.0, 22.0)),
    ]
    programme = np.zeros(0)
    plays = []
    for source, samples in parts:
        over = round(FADE_S * RATE_HZ) if source == third else 0
        start = len(programme) - over
        plays.append(Play(source, start / RATE_HZ, (start + len(samples)) / RATE_HZ))
        programme = joined(programme, samples, over)
    soundfile.write(file, programme, RATE_HZ)
    return [play for play in plays if play.source in known]


def heard(file: Path, start_s: float, length_s: float) -> np.ndarray:
    """Return a stretch of a file."""
    return decode(file, RATE_HZ, start_s=start_s, duration_s=length_s).clip.samples


def faster(samples: np.ndarray) -> np.ndarray:
    """Play it 3 % fast, as a turntable would: higher, too."""
    at = np.arange(0, len(samples) - 1, SPEED)
    return np.interp(at, np.arange(len(samples)), samples)


def joined(before: np.ndarray, after: np.ndarray, over: int) -> np.ndarray:
    """Put one sound behind another, the last ``over`` samples of it faded into the next."""
    rise = np.linspace(0.0, 1.0, over)
    mixed = before[len(before) - over :] * (1.0 - rise) + after[:over] * rise
    return np.concatenate([before[: len(before) - over], mixed, after[over:]])
