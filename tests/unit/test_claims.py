"""Who analyses a source, where several machines might."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import closing

import pytest

from earmark.errors import StoppedError, TimedOutError
from earmark.ingest import claims
from earmark.ingest.claims import Claims
from earmark.ingest.crew import Patience
from earmark.stores.memory import MemoryTrackStore
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_tracks import RedisTrackStore


@pytest.fixture
def stores(redis_host):
    address = RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex)
    with closing(RedisClient(address)) as client:
        one, two = (RedisTrackStore(client, 1.0, lease_s=0.5) for _ in range(2))
        with closing(one), closing(two):
            yield one, two


def test_whoever_comes_first_has_it(stores):
    one, two = map(Claims, stores)
    assert one.needed
    assert (one.take("a"), one.take("a"), two.take("a"), two.take("b")) == (True, True, False, True)
    one.release("a", "b")
    assert (two.take("a"), one.take("b")) == (True, False)  # what is another's is not given back
    one.release()


def test_what_is_held_is_waited_for(stores, monkeypatch):
    monkeypatch.setattr(claims, "AGAIN_S", 0.02)
    one, two = map(Claims, stores)
    assert one.take("a")
    with pytest.raises(TimedOutError), two.held("a", Patience(timeout_s=0.1)):
        pass
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError), two.held("a", Patience(stop)):
        pass
    threading.Timer(0.1, one.release, ["a"]).start()
    with two.held("a", Patience(timeout_s=5.0)):
        assert not one.take("a")
    assert one.take("a")


def test_threads_of_one_process_wait_for_each_other(stores, monkeypatch):
    monkeypatch.setattr(claims, "AGAIN_S", 0.02)
    one, other = Claims(stores[0]), Claims(stores[0])
    with one.held("a", Patience()):
        with pytest.raises(TimedOutError), other.held("a", Patience(timeout_s=0.1)):
            pass
        assert not Claims(stores[1]).take("a")  # who waited in vain has given nothing back
        with other.held("b", Patience(timeout_s=5.0)):
            pass
    with other.held("a", Patience(timeout_s=5.0)):
        pass


def test_a_claim_lives_as_long_as_its_process_and_no_longer(stores):
    one, two = map(Claims, stores)
    assert one.take("a")
    time.sleep(0.8)
    assert not two.take("a")  # it is renewed
    stores[0].close()
    assert two.take("a")


def test_in_a_library_of_one_machine_all_is_granted():
    alone = Claims(MemoryTrackStore())
    assert not alone.needed
    assert (alone.take("a"), alone.take("a")) == (True, True)
    alone.release("a")
