"""The ACL of docs/scaling.md is enough for a library, and no more: tried on a real Redis."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import StoreUnavailableError
from earmark.ports import KeyRecord, NewTrack, Posted, StoredFeatures
from earmark.stores.redis_address import redis_address
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_ledger import RedisLedger
from earmark.stores.redis_persistence import persistence_faults
from earmark.stores.redis_postings import RedisPostingStore
from earmark.stores.redis_tracks import RedisTrackStore

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
HASH_BITS = 22


def rights(user: str, password: str, namespace: str) -> list[str]:
    """The words of the page's line, for a user, a password and a namespace of this test."""
    (line,) = re.findall(r"^ACL SETUSER earmark .+$", PAGE.read_text(encoding="utf-8"), re.M)
    words = line.split()
    assert words[:5] == ["ACL", "SETUSER", "earmark", "on", ">PASSWORD"]
    assert words.count("~em:{music}*") == words.count("~em:{music.*") == 1
    words = [word.replace("{music", f"{{{namespace}") for word in words]
    return [*words[:2], user, "on", f">{password}", *words[5:]]


@pytest.fixture(params=["one", "cluster"])
def host(request):
    name = "redis_host" if request.param == "one" else "redis_cluster_host"
    return request.getfixturevalue(name)


@pytest.fixture
def allowed(host):
    """A client that may do what the page says, with its namespace."""
    import redis

    name, namespace = f"u{uuid.uuid4().hex}", uuid.uuid4().hex
    ports = [node.port for node in getattr(host, "nodes", [host])]
    for port in ports:
        with redis.Redis(port=port) as admin:
            admin.execute_command(*rights(name, "secret", namespace))
    address = redis_address(f"redis://{name}:secret@127.0.0.1:{host.port}/0?ns={namespace}")
    client = RedisClient(address)
    yield client
    client.close()
    for port in ports:
        with redis.Redis(port=port) as admin:
            admin.execute_command("ACL", "DELUSER", name)


def test_a_library_needs_no_more_than_the_page_gives(allowed):
    tracks = RedisTrackStore(allowed)
    features = {"recording": StoredFeatures("d", b"features")}
    with tracks.writing():
        (track,) = tracks.put([NewTrack("/a.ogg", "content", "audio", 12.5, features, tags=("x",))])
    assert [one.id for one in tracks.page(None, 10, None)] == [track.id]
    assert tracks.check() == []
    postings = RedisPostingStore(allowed, "recording", HASH_BITS, "d")
    hashes, frames = np.array([5, 6], np.uint32), np.array([1, 2], np.uint32)
    postings.add([Posted(1, hashes, frames, 9, np.arange(4, dtype=np.uint8))])
    postings.flush()
    assert len(postings.lookup(hashes).position) == 2
    assert postings.payload(1).tolist() == [0, 1, 2, 3]
    assert postings.verify() == []
    postings.remove([1])
    postings.drop()
    ledger = RedisLedger(allowed)
    ledger.add_key(KeyRecord("1", "me", ("read",), "digest", 1.0))
    assert ledger.key("1").name == "me"
    with tracks.alone():
        tracks.delete([track.id])
    assert tracks.count() == 0
    assert persistence_faults(allowed) == []  # CONFIG GET is among the rights: else it is believed
    assert "appendonly" in str(allowed.everywhere("CONFIG", "GET", "appendonly"))
    tracks.close()


@pytest.mark.parametrize(
    "command",
    [
        ["GET", "em:{other}:x"],
        ["HSET", "em:{other.b1}:x", "a", "b"],
        ["FLUSHALL"],
        ["CONFIG", "SET", "appendonly", "no"],
        ["KEYS", "*"],
        ["ACL", "LIST"],
        ["SHUTDOWN"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_and_no_less_is_refused(allowed, command):
    with pytest.raises(StoreUnavailableError, match="does not let the user do"):
        allowed.call(*command)
