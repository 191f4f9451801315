"""Small things of a library in Redis: its manifest, and what engines keep beside their indexes."""

from __future__ import annotations

from typing import cast

from earmark.stores.redis_client import RedisClient, Script

# Written only where it still is what the caller has read; an empty word stands for nothing.
_SWAP = Script(
    """
local held = redis.call('GET', KEYS[1]) or ''
if held == ARGV[2] then return 1 end
if held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
)
_FIRST = Script(
    """
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])
"""
)


class RedisNotes:
    """The catalogue's small things; any number of threads and processes."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def manifest(self) -> bytes | None:
        """Return the manifest, or None where there is no library."""
        return cast("bytes | None", self._client.call("GET", self._client.key("manifest")))

    def put_manifest(self, before: bytes | None, new: bytes) -> bool:
        """Replace the manifest if it still is ``before``; None: if there is none."""
        return bool(self._client.run(_SWAP, [self._client.key("manifest")], before or b"", new))

    def get(self, engine: str, name: str) -> bytes | None:
        """Return what is kept for an engine under a name."""
        return cast("bytes | None", self._client.call("HGET", self._key(engine), name))

    def put(self, engine: str, name: str, data: bytes | None) -> None:
        """Keep bytes for an engine, or take them away."""
        if data is None:
            self._client.call("HDEL", self._key(engine), name)
        else:
            self._client.call("HSET", self._key(engine), name, data)

    def put_first(self, engine: str, name: str, data: bytes) -> bytes:
        """Keep bytes unless some are kept already; return what is kept."""
        return cast("bytes", self._client.run(_FIRST, [self._key(engine)], name, data))

    def clear(self, engine: str) -> None:
        """Forget all that is kept for an engine."""
        self._client.call("DEL", self._key(engine))

    def _key(self, engine: str) -> str:
        return self._client.key("notes", engine)
