"""Every figure that decides a melody's features or how a query is asked, with its reason."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Final

RATE_HZ: Final = 16000
LINE_HZ: Final = 20.0
"""Pitch lines are kept at 20 values a second: a sixteenth note at 150 bpm spans two."""
WINDOW_SAMPLES: Final = 80
"""Values the encoder sees of a window, whatever its length in seconds."""


@dataclass(frozen=True, slots=True)
class VoiceParams:
    """From audio of one voice to its pitch line.

    Falsely voiced frames hurt more than lost ones: ``least_confidence`` is high, and only where
    less than ``faint_share`` of a clip passes it, ``faint_confidence`` does. Whistles lie
    above the voice tracker's band; a spectral peak tracker takes over where the voice tracker
    finds little or only high pitches.
    """

    least_confidence: float = 0.85
    faint_confidence: float = 0.6
    faint_share: float = 0.5
    whistle_least_hz: float = 400.0
    whistle_most_hz: float = 5000.0
    whistle_tonality: float = 0.35
    whistle_voiced_share: float = 0.25
    whistle_median_hz: float = 600.0
    median_s: float = 0.1
    least_voiced_s: float = 2.0
    least_notes: int = 3
    least_steadiness: float = 0.44


@dataclass(frozen=True, slots=True)
class LeadParams:
    """From a mix to its lead melody.

    Frames ``range_bels`` below a block's loudest (in log10 power), and blocks that never exceed
    ``least_log_power`` (a tone at -66 dBFS), are silence, whatever the network hears in them.
    """

    least_log_power: float = -7.0
    range_bels: float = 5.0


@dataclass(frozen=True, slots=True)
class WindowParams:
    """Which stretches of a tune get a vector.

    Several lengths, because a query's tempo is unknown and the encoder forgives about 20 %.
    """

    lengths_s: tuple[float, ...] = (4.0, 6.3, 10.0)
    gap_s: tuple[float, ...] = (0.4, 0.6, 1.0)
    heard_lengths_s: tuple[float, ...] = (5.0, 8.0)
    heard_gap_s: float = 1.0
    least_share: float = 0.8
    least_voiced_share: float = 0.4


@dataclass(frozen=True, slots=True)
class SearchParams:
    """How hard a query is asked; changing these needs no rebuild."""

    longest_s: float = 20.0
    whole_shares: tuple[float, ...] = (1.0, 0.8)
    whole_most_s: float = 15.0
    part_lengths_s: tuple[float, ...] = (5.0, 8.0)
    part_gap_s: float = 1.5
    neighbours: int = 1000
    candidates: int = 250
    alignments: int = 3
    warped: int = 60
    fine: tuple[float, ...] = (0.85, 0.92, 1.0, 1.087, 1.19)
    back: int = 2
    grid_s: float = 0.25
    truncate_semitones: float = 4.0
    apart: float = 0.03
    band_frames: float = 6.0
    growth: float = 0.12
    penalty: float = 0.15
    keys: tuple[float, ...] = (-0.5, 0.0, 0.5)


@dataclass(frozen=True, slots=True)
class MelodyParams:
    """All of them."""

    voice: VoiceParams = field(default_factory=VoiceParams)
    lead: LeadParams = field(default_factory=LeadParams)
    windows: WindowParams = field(default_factory=WindowParams)
    search: SearchParams = field(default_factory=SearchParams)


def digest_of(*parts: object) -> str:
    """Return 12 hex digits that stand for dataclasses and texts."""
    text = repr([asdict(p) if hasattr(p, "__dataclass_fields__") else p for p in parts])  # type: ignore[call-overload]
    return hashlib.sha256(text.encode()).hexdigest()[:12]
