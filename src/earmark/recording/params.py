"""Every number the recording engine depends on, and the digest that ties an index to them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field

PAGE_FRAMES = 64
"""Frames a page of a constellation; density is kept per page (about a second)."""
HASH_BITS = 22
"""Bits of a landmark hash: 9 of bin, 7 of bins up, 6 of frames on."""


@dataclass(frozen=True, slots=True)
class SpectrumParams:
    """Short-time spectrum and whitening: 16 kHz, 64 ms Hann windows every 16 ms, 187-5156 Hz.

    ``whiten_*`` are the half sizes of the box whose mean is subtracted from the log magnitude.
    """

    rate_hz: int = 16_000
    window: int = 1024
    hop: int = 256
    first_bin: int = 12
    bins: int = 318
    floor_dbfs: float = -80.0
    whiten_frames: int = 30
    whiten_bins: int = 12

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.rate_hz

    def bin_hz(self, number: float) -> float:
        """Return the centre frequency of a bin of the constellation."""
        return (number + self.first_bin) * self.rate_hz / self.window


@dataclass(frozen=True, slots=True)
class ReferenceParams:
    """What is kept of a reference: its salient peaks, and two landmarks a peak."""

    peak_frames: int = 6
    peak_bins: int = 10
    least_salience: float = 0.3
    peaks_per_page: int = 25
    fan_out: int = 2


@dataclass(frozen=True, slots=True)
class QueryParams:
    """How hard a query is asked; changing these leaves every index valid.

    A query lists many more peaks than a reference (small boxes), because noise hides the right
    ones. ``budgets`` are the look-ups of the first, quick and of the second, thorough try; the
    latter also averages in the salience of windows ``longer_window`` times as long. ``reads``
    bounds the postings that one try reads from a library of three million postings (some 300
    tracks); the bound grows with the square root of the library.
    """

    peak_frames: int = 2
    peak_bins: int = 4
    peaks_per_page: int = 300
    off_weight: float = 0.7
    budgets: tuple[int, int] = (12_000, 110_000)
    candidates: tuple[int, int] = (150, 1000)
    reads: tuple[int, int] = (250_000, 1_000_000)
    longer_window: int = 2
    warp_budget: int = 9_000
    warp_candidates: int = 60
    evidence_reach: int = 15
    evidence_time_reach: int = 30
    evidence_time_variance: float = 0.1
    evidence_share: float = 0.4
    evidence_limit: float = 3.0
    jitter_frames: int = 2
    least_peaks: float = 10.0
    window_s: float = 12.0
    hop_s: float = 6.0
    least_s: float = 0.8


@dataclass(frozen=True, slots=True)
class RecordingParams:
    """All parameters; only ``spectrum`` and ``reference`` decide what an index holds."""

    spectrum: SpectrumParams = field(default_factory=SpectrumParams)
    reference: ReferenceParams = field(default_factory=ReferenceParams)
    query: QueryParams = field(default_factory=QueryParams)

    @property
    def digest(self) -> str:
        """Twelve hex digits over what decides an index, and the version of the method.

        >>> len(RecordingParams().digest)
        12
        """
        shape = repr(
            (1, sorted(asdict(self.spectrum).items()), sorted(asdict(self.reference).items()))
        )
        return hashlib.sha256(shape.encode()).hexdigest()[:12]
