"""Who runs which stream: one service of several, by leases in a real Redis; and what is begun."""

from __future__ import annotations

import threading
import time
import uuid

import pytest

from earmark.errors import StoreUnavailableError, UsageError
from earmark.ports import Stream
from earmark.service.tasks import streams as module
from earmark.service.tasks.leases import OwnStreams, SharedStreams
from earmark.service.tasks.streams import StreamRunner
from earmark.stores.memory_monitor import MemoryMonitorStore
from earmark.stores.redis_address import redis_address
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_ledger import RedisLedger

LEASE_S = 0.6


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(module, "RETRY_S", 0.3)


@pytest.fixture
def store():
    return MemoryMonitorStore()


class Runs:
    """What each service was told to run, and for how long it did."""

    def __init__(self, store):
        self.store = store
        self.going: list[tuple[str, str]] = []
        self.begun: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        self.trouble: Exception | None = None

    def of(self, service):
        def run(stream, stop):
            with self.lock:
                self.begun.append((service, stream.id))
                self.going.append((service, stream.id))
            try:
                if self.trouble is not None:
                    raise self.trouble
                stop.wait()
            finally:
                with self.lock:
                    self.going.remove((service, stream.id))

        return run


@pytest.fixture
def runs(store):
    return Runs(store)


@pytest.fixture
def service(store, runs):
    made = []

    def one(name="a", leases=None, most=10):
        made.append(
            StreamRunner(
                lambda: store, runs.of(name), leases or OwnStreams(), most=most, lease_s=LEASE_S
            )
        )
        made[-1].start()
        return made[-1]

    yield one
    for runner in made:
        runner.stop(5.0)
    assert runs.going == []


def until(look, within_s=10.0):
    ends_s = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < ends_s
        time.sleep(0.01)


def put(store, name, **how):
    store.put_stream(Stream(name, name, "http://example.org/", **how))


def test_what_is_wanted_runs_and_follows_changes(store, runs, service):
    put(store, "s1")
    put(store, "s2", wanted=False, state="live")
    put(store, "s3", state="ended")
    put(store, "s4", state="failed")
    put(store, "cli-5", wanted=False, state="live", state_at=time.time())
    runner = service()
    until(lambda: set(runs.going) == {("a", "s1"), ("a", "s4")})
    until(lambda: store.stream("s2").state == "stopped")  # whoever ran it has died
    assert store.stream("cli-5").state == "live"  # a watch outside services has just said so
    assert runner.running == {"s1", "s4"}
    put(store, "s1", wanted=False)
    put(store, "s2")
    until(lambda: set(runs.going) == {("a", "s2"), ("a", "s4")})
    put(store, "s2", options={"least_s": 9.0})
    until(lambda: runs.begun.count(("a", "s2")) == 2)
    store.delete_stream("s2")
    until(lambda: set(runs.going) == {("a", "s4")})


def test_what_goes_wrong_is_tried_again_after_a_while(store, runs, service):
    runs.trouble = UsageError("no")
    put(store, "s1")
    runner = service()
    until(lambda: len(runs.begun) == 2)
    put(store, "s1", state="failed")
    until(lambda: not runs.going)
    count = len(runs.begun)
    time.sleep(0.5)
    assert len(runs.begun) <= count + 1  # one may have begun meanwhile
    runs.trouble = None
    runner.again("s1")
    until(lambda: runs.going)


def test_no_more_than_so_many_run(store, runs, service):
    for name in ("s1", "s2", "s3"):
        put(store, name)
    service(most=2)
    until(lambda: len(runs.going) == 2)
    time.sleep(0.2)
    assert len(runs.going) == 2
    put(store, "s1", wanted=False)
    until(lambda: ("a", "s3") in runs.going)


@pytest.fixture
def leases(redis_host):
    url, opened = f"redis://127.0.0.1:{redis_host.port}/0?ns={uuid.uuid4().hex}", []

    def of_a_service():
        opened.append(RedisLedger(RedisClient(redis_address(url))))
        return SharedStreams(opened[-1], LEASE_S)

    yield of_a_service
    for ledger in opened:
        ledger.close()


def test_of_two_services_one_runs_it_and_the_other_takes_over(store, runs, service, leases):
    put(store, "s1")
    first = service("a", leases())
    until(lambda: runs.going == [("a", "s1")])
    service("b", leases())
    time.sleep(1.5 * LEASE_S)
    assert runs.begun == [("a", "s1")]
    first.stop(5.0)
    until(lambda: runs.going == [("b", "s1")])


def test_of_a_service_that_dies_or_stands_still_the_stream_goes_on(store, runs, service, leases):
    dead = leases()
    assert dead.hold("s1")  # and never again
    put(store, "s1")
    service("b", leases())
    time.sleep(0.5 * LEASE_S)
    assert runs.begun == []
    until(lambda: runs.going == [("b", "s1")])
    dead.let_go("s1")  # not its own any more
    assert not dead.hold("s1")


def test_who_has_lost_a_stream_ends_it(store, runs, service, leases, monkeypatch):
    slow, other = leases(), leases()
    put(store, "s1")
    service("a", slow)
    until(lambda: runs.going == [("a", "s1")])
    monkeypatch.setattr(slow, "hold", lambda stream_id: False)
    until(lambda: not runs.going)
    until(lambda: other.hold("s1"))


class Away(OwnStreams):
    """Leases in a ledger that is away until it is back, and says who has them."""

    def __init__(self):
        self.asked, self.back = 0, None

    def hold(self, stream_id):
        self.asked += 1
        if self.asked > 1 and self.back is None:
            raise StoreUnavailableError("the ledger is away")
        return self.asked == 1 or self.back


def test_where_the_ledger_is_away_a_stream_is_heard_on(store, runs, service):
    """However long: what waits to be written down would be lost."""
    away = Away()
    put(store, "s1")
    service("a", away)
    until(lambda: runs.going)
    time.sleep(1.3 * LEASE_S)
    assert away.asked > 3
    assert runs.begun == runs.going == [("a", "s1")]
    away.back = False  # another service was quicker
    until(lambda: not runs.going)


class Noted(OwnStreams):
    """Notes what still ran when a stream was given back."""

    def __init__(self):
        self.runner, self.running = None, []

    def let_go(self, stream_id):
        self.running.append(self.runner.running)


def test_a_lease_goes_back_before_the_stream_may_begin_again(store, runs, service):
    # Else the lease of the new run would be given back, and two services would run one stream.
    noted = Noted()
    put(store, "s1")
    noted.runner = service("a", noted)
    until(lambda: runs.going)
    put(store, "s1", wanted=False)
    until(lambda: noted.running and not noted.runner.running)
    assert noted.running[0] == {"s1"}
