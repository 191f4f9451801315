"""What the truth holds of a track's melody: what was heard, and a score if one is attached."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from earmark.errors import DamagedIndexError
from earmark.melody.tune import Tune, pack, unpack

_VERSION = 1
_HEAD = struct.Struct("<BBII")
_HEARD, _SCORE = 1, 2


@dataclass(frozen=True, slots=True)
class MelodyFeatures:
    """``heard`` in the recording (None for a track that is a score); ``score`` wins if present."""

    heard: Tune | None
    score: Tune | None = None

    @property
    def tune(self) -> Tune | None:
        """The tune to search for."""
        return self.score if self.score is not None else self.heard

    @property
    def written(self) -> bool:
        """Whether that is a composer's, not what was heard."""
        return self.score is not None


def pack_features(features: MelodyFeatures) -> bytes:
    """Return the bytes for the track store; equal features give equal bytes."""
    heard = b"" if features.heard is None else pack(features.heard)
    score = b"" if features.score is None else pack(features.score)
    flags = (_HEARD if heard else 0) | (_SCORE if score else 0)
    return _HEAD.pack(_VERSION, flags, len(heard), len(score)) + heard + score


def unpack_features(data: bytes) -> MelodyFeatures:
    """Return what `pack_features` wrote; raises `DamagedIndexError`."""
    try:
        version, flags, heard, score = _HEAD.unpack_from(data)
    except struct.error as error:
        message = f"a stored melody cannot be read ({error}); run `earmark rebuild`"
        raise DamagedIndexError(message) from error
    if version != _VERSION or len(data) != _HEAD.size + heard + score:
        message = "a stored melody is not what it says; run `earmark rebuild`"
        raise DamagedIndexError(message)
    body = data[_HEAD.size :]
    return MelodyFeatures(
        unpack(body[:heard]) if flags & _HEARD else None,
        unpack(body[heard:]) if flags & _SCORE else None,
    )
