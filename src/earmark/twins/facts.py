"""What is told of one sound, and of one moment of an alignment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Relation = Literal["exact", "recording", "excerpt", "tune", "sound", "different"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sounds; what only its audio tells is None where that is not there.

    ``highest_hz`` is how high its spectrum reaches; ``codec`` is FFmpeg's name.
    """

    name: str
    duration_s: float
    track_id: str | None = None
    codec: str | None = None
    rate_hz: int | None = None
    channels: int | None = None
    bytes_per_s: float | None = None
    level_dbfs: float | None = None
    peak_dbfs: float | None = None
    highest_hz: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return its JSON shape."""
        return {name: rounded(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Moment:
    """The alignment around a second of A.

    ``time_ratio`` is seconds of B for one of A there, ``off_ms`` how far B lies behind the
    straight line of its segment, ``gain_db`` how much louder B is (None without both audios).
    """

    at_s: float
    b_s: float
    time_ratio: float
    off_ms: float
    gain_db: float | None = None


def rounded(value: Any, digits: int = 4) -> Any:  # noqa: ANN401 - passes non-floats through
    """Return a float rounded, anything else as it is."""
    return round(value, digits) if isinstance(value, float) else value
