"""A tune: one voice as notes, the form that scores, hums and recordings share.

Packed: a version byte, then a zlib stream of the onsets' and lengths' differences and the pitches'
differences. 10 ms and 1/16 semitone are finer than any singer; a note costs about 3 bytes.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError

TICK_S = 0.01
STEPS = 16
"""Pitch is kept to 1/16 semitone (6.25 cents)."""
_VERSION = 1
_HEAD = struct.Struct("<BI")
_LONGEST_TICKS = 2**31 - 1

Column = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tune:
    """Notes of one voice in order: parallel float32 arrays of shape (n,).

    ``onset_s`` ascends; ``length_s`` > 0 and a note ends at the next onset at the latest;
    ``semitones`` are MIDI note numbers, fractions allowed (69 = 440 Hz).
    """

    onset_s: Column
    length_s: Column
    semitones: Column

    def __len__(self) -> int:
        return len(self.onset_s)

    @property
    def end_s(self) -> float:
        """Where the last note ends; 0 for no notes."""
        return float(self.onset_s[-1] + self.length_s[-1]) if len(self) else 0.0

    @property
    def voiced_s(self) -> float:
        """How long any note sounds."""
        return float(self.length_s.sum())


def empty() -> Tune:
    """Return a tune of no notes: what silence, drums and noise come to."""
    none = np.zeros(0, np.float32)
    return Tune(none, none, none)


def pack(tune: Tune) -> bytes:
    """Return the bytes for the track store; equal tunes give equal bytes."""
    onset = np.round(tune.onset_s.astype(np.float64) / TICK_S).astype(np.int64)
    length = np.maximum(1, np.round(tune.length_s.astype(np.float64) / TICK_S)).astype(np.int64)
    pitch = np.round(tune.semitones.astype(np.float64) * STEPS).astype(np.int64)
    gaps = np.diff(onset, prepend=0)
    rests = gaps.copy()
    rests[1:] -= length[:-1]  # mostly 0: notes follow one another
    columns = np.stack((rests, length, np.diff(pitch, prepend=0))).clip(
        -_LONGEST_TICKS, _LONGEST_TICKS
    )
    body = columns.astype("<i4").view(np.uint8).reshape(3, -1, 4).transpose(0, 2, 1)
    return _HEAD.pack(_VERSION, len(tune)) + zlib.compress(body.tobytes(), 9)


def unpack(data: bytes) -> Tune:
    """Return the tune that `pack` wrote, to within half a tick and half a step.

    Raises
    ------
    DamagedIndexError
        The bytes are not a tune.
    """
    try:
        version, count = _HEAD.unpack_from(data)
        # No more than it claims to hold: an archive from elsewhere may hold a bomb.
        stream = zlib.decompressobj()
        body = stream.decompress(data[_HEAD.size :], 12 * count + 1)
    except (struct.error, zlib.error) as error:
        message = f"a stored melody cannot be read ({error}); run `earmark rebuild`"
        raise DamagedIndexError(message) from error
    if version != _VERSION or not stream.eof or len(body) != 12 * count:
        message = "a stored melody is not what it says; run `earmark rebuild`"
        raise DamagedIndexError(message)
    planes = np.frombuffer(body, np.uint8).reshape(3, 4, count).transpose(0, 2, 1)
    rests, length, steps = np.ascontiguousarray(planes).view("<i4")[..., 0].astype(np.int64)
    gaps = rests.copy()
    gaps[1:] += length[:-1]
    return Tune(
        (np.cumsum(gaps) * TICK_S).astype(np.float32),
        (length * TICK_S).astype(np.float32),
        (np.cumsum(steps) / STEPS).astype(np.float32),
    )
