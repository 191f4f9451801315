"""The thread that keeps leases alive: there when it is needed, and gone after that."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import closing

import pytest

from earmark.errors import StoreError
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_leases import RedisLeases


@pytest.fixture
def client(redis_host):
    address = RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex)
    with closing(RedisClient(address)) as client:
        yield client


def beating(leases: RedisLeases) -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.endswith(leases.holder)]


def test_a_store_that_only_reads_has_no_thread(client):
    leases = RedisLeases(client, 1.0, 0.3)
    assert beating(leases) == []
    leases.close()
    leases.close()


def test_the_thread_is_one_and_ends_at_close(client):
    leases = RedisLeases(client, 1.0, 0.3)
    leases.claim(["/a"])
    with leases.writing():
        (thread,) = beating(leases)
        assert thread.daemon
    leases.close()
    assert not thread.is_alive()
    assert client.call("EXISTS", client.key("holders"), client.key("claims")) == 0
    with pytest.raises(StoreError, match="is closed"), leases.writing():
        pass
    with pytest.raises(StoreError, match="is closed"):
        leases.claim(["/a"])


def test_what_is_held_is_renewed_and_what_is_idle_is_not(client):
    leases = RedisLeases(client, 1.0, 0.3)
    key = client.key("holders")
    with closing(leases):
        with leases.writing():
            before = float(client.call("ZSCORE", key, leases.holder))
            time.sleep(0.6)
            assert float(client.call("ZSCORE", key, leases.holder)) > before + 200
        after = float(client.call("ZSCORE", key, leases.holder))
        time.sleep(0.4)
        assert float(client.call("ZSCORE", key, leases.holder)) <= after + 150


def test_nothing_is_left_of_leases_and_claims(client):
    with closing(RedisLeases(client, 1.0, 30.0)) as leases:
        with leases.writing(), leases.writing():
            leases.claim(["/a", "/b"])
        with leases.alone(), leases.writing(), leases.alone():
            pass
        leases.release(["/a", "/b", "/never"])
        left = client.call("KEYS", client.key("*"))
        assert left == [client.key("holders").encode()]
    assert client.call("KEYS", client.key("*")) == []


def test_a_lease_of_one_thread_is_not_anothers(client):
    with closing(RedisLeases(client, 1.0, 30.0)) as leases:
        caught: list[str] = []

        def other() -> None:
            with pytest.raises(RuntimeError, match="outside of writing"):
                caught.append(leases.lease)
            with leases.writing():
                caught.append(leases.lease)

        with leases.writing():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            assert caught != [leases.lease]
        assert len(caught) == 1


def test_a_claim_that_could_not_be_given_back_is_given_back_later(client, monkeypatch):
    mine, other = RedisLeases(client, 1.0, 0.3), RedisLeases(client, 1.0, 0.3)
    with closing(mine), closing(other):
        assert mine.claim(["/a", "/b"]) == [True, True]
        with monkeypatch.context() as away:
            told = StoreError("away")
            away.setattr(mine, "_run", lambda *_: (_ for _ in ()).throw(told))
            mine.release(["/a"])
        assert other.claim(["/b"]) == [False]  # it lives
        until_s = time.monotonic() + 3.0
        while not other.claim(["/a"])[0]:
            assert time.monotonic() < until_s
            time.sleep(0.02)
        assert other.claim(["/b"]) == [False]
