"""Which tracks have a tag: bitmaps of places in chunks, so that a rare tag costs little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.ports import Numbers
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_scripts import CHUNK
from earmark.stores.redis_track_rows import TAG_BYTES, digest

_CHUNKS_AT_ONCE = 1000


class TrackTags:
    """The tags of one library's tracks."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def numbers(self, tags: Sequence[str]) -> Numbers:
        """Return the sorted numbers of the tracks that have every one of ``tags``."""
        last = int(self._client.call("HGET", self._client.key("meta"), "next_place") or 0)
        chunks = range(last // CHUNK + 1) if tags else range(0)
        found = [np.zeros(0, np.int64)]
        for start in range(0, len(chunks), _CHUNKS_AT_ONCE):
            found += self._among(tags, chunks[start : start + _CHUNKS_AT_ONCE])
        return np.unique(np.concatenate(found))

    def _among(self, tags: Sequence[str], chunks: Sequence[int]) -> list[Numbers]:
        names = [digest(tag.encode("utf-8", "surrogatepass"), TAG_BYTES) for tag in tags]
        held = self._client.calls(
            ["HMGET", self._client.key("tags"), *(name + b"%d" % chunk for chunk in chunks)]
            for name in names
        )
        places: dict[int, Numbers] = {}
        for chunk, *bitmaps in zip(chunks, *held, strict=True):
            if None not in bitmaps:
                both = np.bitwise_and.reduce([_bits(bitmap) for bitmap in bitmaps])
                if both.any():
                    places[chunk] = np.flatnonzero(both)
        packs = self._client.calls(
            [
                "GETRANGE",
                self._client.key("numbers"),
                4 * CHUNK * chunk,
                4 * CHUNK * (chunk + 1) - 1,
            ]
            for chunk in places
        )
        found = []
        for pack, some in zip(packs, places.values(), strict=True):
            numbers = np.frombuffer(pack[: len(pack) // 4 * 4], ">u4").astype(np.int64)
            here = numbers[some[some < len(numbers)]]
            found.append(here[here > 0])
        return found


def _bits(bitmap: bytes) -> Numbers:
    padded = np.frombuffer(bitmap.ljust(CHUNK // 8, b"\0"), np.uint8)
    return np.unpackbits(padded).astype(np.int64)
