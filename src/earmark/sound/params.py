"""Every figure that decides a sound's features or how they are compared, with its reason."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class WindowParams:
    """Which stretches of a track get a vector.

    The networks were trained on 10 s; half of that apart, no moment is further than 2.5 s from
    the middle of a window. A rest shorter than ``least_rest_s`` behind the last window is left to
    it. What never exceeds ``silence_dbfs`` (RMS over ``frame_s``) is silence, whose vector looks
    like any other's: windows of it are left out, and where less than ``cut_share`` of a window
    sounds, its ends are cut off but for ``margin_s``, for networks take means over time.
    """

    window_s: float = 10.0
    hop_s: float = 5.0
    least_rest_s: float = 1.0
    frame_s: float = 0.05
    silence_dbfs: float = -65.0
    margin_s: float = 0.1
    cut_share: float = 0.2


@dataclass(frozen=True, slots=True)
class JoinParams:
    """How a network's vector and the timbre vector become one.

    Timbre at half the network's weight helps one-shots and music with every network; below
    ``short_s``, where networks hear mostly padding, it counts as much as the network.
    """

    timbre_weight: float = 0.5
    short_weight: float = 1.0
    short_s: float = 1.0
    dimension: int = 128


@dataclass(frozen=True, slots=True)
class SoundParams:
    """All of them."""

    windows: WindowParams = field(default_factory=WindowParams)
    join: JoinParams = field(default_factory=JoinParams)


def digest_of(*parts: object) -> str:
    """Return 12 hex digits that stand for dataclasses and texts."""
    text = repr([asdict(p) if hasattr(p, "__dataclass_fields__") else p for p in parts])  # type: ignore[call-overload]
    return hashlib.sha256(text.encode()).hexdigest()[:12]
