"""Deletes from the shards what nothing refers to: a part of Redis that is older than the rest."""

from __future__ import annotations

from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_track_bulk import TrackBulk
from earmark.stores.redis_track_bulk_check import BulkCheck

_AT_ONCE = 1000


def mended(client: RedisClient, bulk: TrackBulk) -> list[str]:
    """Delete it, and return one sentence for each kind; nobody else writes meanwhile."""
    check = BulkCheck(client)
    done: list[str] = []
    engines = client.call("SMEMBERS", client.key("engines"))
    for engine in sorted(one.decode() for one in engines):
        numbers = check.orphans(engine).tolist()
        for start in range(0, len(numbers), _AT_ONCE):
            bulk.delete([engine], numbers[start : start + _AT_ONCE])
        if numbers:
            done.append(f"deleted features of {engine!r} that belonged to no track: {len(numbers)}")
    covers = check.orphan_covers().tolist()
    for start in range(0, len(covers), _AT_ONCE):
        bulk.delete_covers(covers[start : start + _AT_ONCE])
    if covers:
        done.append(f"deleted covers that belonged to no track: {len(covers)}")
    return done
