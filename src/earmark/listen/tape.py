"""What was heard so far, in bounded memory, ready to be asked about from another thread."""

from __future__ import annotations

import struct
import threading

import numpy as np

from earmark.audio._mono import MonoResampler
from earmark.types import Samples

MOST_HZ = 48_000
"""Sound at a higher rate is kept at this one: no engine hears further."""
_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT


class Tape:
    """Mono sound of at most ``limit_s``; what comes after that is dropped.

    One thread records; any thread may take a copy.
    """

    def __init__(self, rate_hz: int, limit_s: float) -> None:
        self.rate_hz = min(rate_hz, MOST_HZ)
        self.peak = 0.0
        self._source_hz = rate_hz
        self._room = round(limit_s * rate_hz)
        self._heard = 0
        self._mono = MonoResampler(self.rate_hz)
        self._parts: list[Samples] = []
        self._lock = threading.Lock()

    @property
    def heard_s(self) -> float:
        """Seconds of sound taken in."""
        return self._heard / self._source_hz

    @property
    def full(self) -> bool:
        """The limit is reached."""
        return self._heard >= self._room

    def record(self, frames: Samples) -> Samples:
        """Take finite float32 of shape (n, channels); return the frames that found room."""
        kept = frames[: self._room - self._heard]
        if not len(kept):
            return kept
        self.peak = max(self.peak, float(kept.max()), -float(kept.min()))
        mono = self._mono.feed(kept, self._source_hz).copy()
        with self._lock:
            self._parts.append(mono)
            self._heard += len(kept)
        return kept

    def wav(self) -> bytes:
        """Return a WAV file (32-bit float) of all that was heard."""
        with self._lock:
            samples = np.concatenate(self._parts or [np.zeros(0, np.float32)])
            self._parts = [samples]
        data = samples.astype("<f4", copy=False).tobytes()
        form = struct.pack("<HHIIHH", _FLOAT, 1, self.rate_hz, 4 * self.rate_hz, 4, 32)
        return b"".join(
            (
                struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE"),
                struct.pack("<4sI", b"fmt ", len(form)),
                form,
                struct.pack("<4sI", b"data", len(data)),
                data,
            )
        )
