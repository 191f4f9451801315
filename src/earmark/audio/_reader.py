"""What the two decoders have in common: raw blocks of all channels, at the source's rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from earmark.types import Samples

BLOCK_FRAMES = 65536
"""How many frames are decoded at a time."""
LIVE_BLOCK_FRAMES = 4096
"""The same where somebody waits for them: less than a tenth of a second at 44.1 kHz."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Decoded audio: float32 of shape (n, channels), n >= 1, full scale 1.0, at ``rate_hz``.

    The memory may be used again for the next block: whoever keeps samples copies them.
    """

    samples: Samples
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz


class Reader(Protocol):
    """A decoder at work; raises its vendor's errors, which the caller maps."""

    @property
    def claimed_s(self) -> float | None:
        """How long the container says it is; None when it does not say."""

    @property
    def damage(self) -> str | None:
        """A clause on what was missing or skipped, known at the end; None when all was well."""

    def seek(self, position_s: float) -> None:
        """Go to a position, exact to a sample where the format allows."""

    def read(self) -> Raw | None:
        """Return the next block, or None at the end."""

    def close(self) -> None:
        """Release the decoder; the file underneath stays open."""
