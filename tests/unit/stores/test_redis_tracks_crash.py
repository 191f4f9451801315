"""Writers that are killed or stand still, many at once, and a Redis that dies under them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from redis_host import RedisClusterHost, RedisHost, wanted

from earmark.errors import StoreUnavailableError
from earmark.ports import NewTrack, StoredFeatures
from earmark.stores.memory import MemoryTrackStore
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient, RedisPatience
from earmark.stores.redis_tracks import RedisTrackStore

LEASE_S = 0.5
PRELUDE = """
import sys
from earmark.errors import EarmarkError
from earmark.ports import NewTrack, StoredFeatures
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_tracks import RedisTrackStore

def new(name, audio=None, content=None):
    audio = audio or "audio-" + name
    features = {"recording": StoredFeatures("d1", ("peaks of " + audio).encode())}
    content = content or "content-" + name
    return NewTrack("/music/" + name, content, audio, 12.5, features, cover=b"c")

def say(*words):
    print(*words, flush=True)

client = RedisClient(RedisAddress("127.0.0.1", int(sys.argv[1]), namespace=sys.argv[2]))
store = RedisTrackStore(client, 20.0, lease_s=float(sys.argv[3]))
"""


def new(name: str, audio: str | None = None, content: str | None = None) -> NewTrack:
    audio = audio or f"audio-{name}"
    features = {"recording": StoredFeatures("d1", f"peaks of {audio}".encode())}
    content = content or f"content-{name}"
    return NewTrack(f"/music/{name}", content, audio, 12.5, features, cover=b"c")


@pytest.fixture
def namespace() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def store(redis_host, namespace) -> Iterator[RedisTrackStore]:
    address = RedisAddress("127.0.0.1", redis_host.port, namespace=namespace)
    with (
        closing(RedisClient(address)) as client,
        closing(RedisTrackStore(client, 5.0, lease_s=LEASE_S)) as store,
    ):
        yield store


@pytest.fixture
def writer(redis_host, namespace) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that does something to the library; it ends with the test."""
    started = []

    def start(work: str, *more: str) -> subprocess.Popen[str]:
        code = PRELUDE + textwrap.dedent(work)
        arguments = [str(redis_host.port), namespace, str(LEASE_S), *more]
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def soon(told: Callable[[], object], wanted: object, wait_s: float = 10.0) -> None:
    """Wait until something is told."""
    until = time.monotonic() + wait_s
    while (got := told()) != wanted:
        assert time.monotonic() < until, got
        time.sleep(0.05)


def clear(store: RedisTrackStore) -> None:
    """What a writer finds first, it clears away."""
    store.forget(store.leftovers())
    assert store.leftovers() == []
    assert store.check() == []


# --- killed --------------------------------------------------------------------------------------


def test_a_writer_killed_after_staging_leaves_nothing(store, writer):
    (known,) = store.put([new("known", "same")])
    process = writer("""
        with store.writing():
            stage = store.stage([new("a"), new("b"), new("c", "same")])
            say(*stage.numbers)
            sys.stdin.read()
    """)
    *numbers, pinned = map(int, line(process).split())
    assert pinned == known.number
    time.sleep(2 * LEASE_S)
    assert store.leftovers() == []  # it is alive, and renews its lease
    process.kill()
    soon(store.leftovers, sorted(numbers))
    assert [track.id for track in store.page(None, 9)] == [known.id]
    clear(store)
    store.delete([known.id])
    assert store.totals()["audios"] == 0


def test_a_writer_killed_after_hiding_has_hidden(store, writer):
    tracks = store.put([new("a"), new("b"), new("c")])
    process = writer(
        """
        with store.writing():
            say(*store.hide(sys.argv[4:]))
            sys.stdin.read()
        """,
        *(track.id for track in tracks[:2]),
    )
    gone = sorted(map(int, line(process).split()))
    process.kill()
    assert gone == sorted(track.number for track in tracks[:2])
    assert store.leftovers() == gone
    assert store.page(None, 9) == [tracks[2]]
    clear(store)
    assert store.page(None, 9) == [tracks[2]]


def test_a_writer_killed_at_any_moment_has_published_all_of_a_batch_or_nothing(store, writer):
    drawn = random.Random(6)
    said = 0
    for life in range(4):
        process = writer(
            """
            for at in range(10000):
                store.put([new(f"{sys.argv[4]}-{at}-{one}") for one in range(5)])
                say(at)
            """,
            str(life),
        )
        assert line(process) == "0"
        time.sleep(drawn.uniform(0.0, 0.1))
        process.kill()
        assert process.stdout is not None
        acknowledged = 1 + len(process.stdout.read().splitlines())
        said += acknowledged
        sources = {track.source for track in store.page(None, 10**6)}
        for at in range(acknowledged + 1):
            batch = {f"/music/{life}-{at}-{one}" for one in range(5)}
            assert batch <= sources or (at == acknowledged and not batch & sources)
    assert store.count() in range(5 * said, 5 * (said + 4) + 1, 5)
    time.sleep(1.5 * LEASE_S)
    clear(store)
    assert store.totals()["audios"] == store.count()


def test_the_claims_of_a_killed_process_end(store, writer):
    process = writer("""
        say(store.claim(["/music/a"]))
        sys.stdin.read()
    """)
    assert line(process) == "[True]"
    time.sleep(2 * LEASE_S)
    assert store.claim(["/music/a"]) == [False]
    process.kill()
    soon(lambda: store.claim(["/music/a"]), [True])


def test_a_lease_of_one_that_is_alone_ends_with_it(store, writer):
    process = writer("""
        with store.alone():
            say("alone")
            sys.stdin.read()
    """)
    assert line(process) == "alone"
    process.kill()
    store.put([new("a")])
    assert store.count() == 1


# --- standing still ------------------------------------------------------------------------------

STALLED = """
    assert store.claim(["/music/a"]) == [True]
    with store.writing():
        stage = store.stage([new("a", "old audio", "old content")])
        say(*stage.numbers)
        sys.stdin.readline()
        try:
            store.publish(stage)
            say("published")
        except EarmarkError as error:
            say(error.code)
    if sys.argv[4:]:
        with store.writing():
            try:
                store.publish(store.stage([new("a", "old audio", "old content")]))
                say("published")
            except EarmarkError as error:
                say(error.code)
"""


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    os.kill(process.pid, signal.SIGCONT)
    process.stdin.write("\n")
    process.stdin.flush()


def test_one_that_slept_while_another_took_over_publishes_nothing(store, writer):
    process = writer(STALLED, "again")
    (number,) = map(int, line(process).split())
    os.kill(process.pid, signal.SIGSTOP)
    soon(lambda: store.claim(["/music/a"]), [True])
    (track,) = store.put([new("a", "new audio", "new content")])
    store.release(["/music/a"])
    store.forget(store.leftovers())
    go_on(process)
    assert line(process) == "library_locked"
    assert line(process) == "library_locked"  # the claim that it believes in is lost for good
    assert store.page(None, 9) == [track]
    assert number in store.leftovers()  # its index may have heard of it after the clearing
    process.wait(10)
    clear(store)


def test_one_that_slept_and_that_nobody_missed_goes_on(store, writer):
    process = writer(STALLED)
    line(process)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(2 * LEASE_S)
    go_on(process)
    assert line(process) == "published"
    assert store.count() == 1
    clear(store)


# --- at once -------------------------------------------------------------------------------------


def test_many_writers_of_the_same_neither_lose_nor_double(redis_cluster_host, namespace, tmp_path):
    code = PRELUDE + textwrap.dedent("""
        own = int(sys.argv[4])
        say("ready")
        sys.stdin.readline()
        for at in range(0, 50, 5):
            names = [(25 * own + at + one) % 100 for one in range(5)]
            store.put([new(str(name), f"audio-{name // 2}") for name in names])
        store.close()
    """)
    port = str(redis_cluster_host.port)
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, port, namespace, "10", str(own)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for own in range(4)
    ]  # fmt: skip
    for process in processes:
        assert line(process) == "ready"
    for process in processes:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    oracle = MemoryTrackStore()
    oracle.put([new(str(name), f"audio-{name // 2}") for name in range(100)])
    address = RedisAddress("127.0.0.1", redis_cluster_host.port, namespace=namespace)
    with closing(RedisClient(address)) as client, closing(RedisTrackStore(client)) as store:
        tracks = store.page(None, 1000)
        assert {t.id for t in tracks} == {t.id for t in oracle.page(None, 1000)}
        assert len(tracks) == store.count() == 100
        pairs = {frozenset(t.source for t in some) for some in by_number(store, tracks)}
        assert pairs == {
            frozenset((f"/music/{2 * at}", f"/music/{2 * at + 1}")) for at in range(50)
        }
        assert store.totals()["audios"] == len(store.numbers("recording")) == 50
        for number, features in store.features("recording", store.numbers("recording").tolist()):
            (one, _) = store.by_number([number])[number]
            audio = int(one.source.rpartition("/")[2]) // 2
            assert features.data == f"peaks of audio-{audio}".encode()
        assert store.leftovers() == []
        assert store.check() == []


def by_number(store, tracks):
    return store.by_number([track.number for track in tracks]).values()


# --- a Redis that dies ---------------------------------------------------------------------------


@pytest.fixture
def own_host(tmp_path) -> Iterator[RedisHost]:
    wanted()
    host = RedisHost(tmp_path / "own")
    host.start()
    yield host
    host.stop()


@pytest.fixture
def own_cluster(tmp_path) -> Iterator[RedisClusterHost]:
    wanted()
    host = RedisClusterHost(tmp_path / "cluster")
    host.start()
    yield host
    host.stop()


@pytest.mark.parametrize("kind", ["own_host", "own_cluster"])
def test_what_was_acknowledged_survives_the_death_of_redis(request, kind):
    host = request.getfixturevalue(kind)
    nodes = getattr(host, "nodes", [host])
    address = RedisAddress("127.0.0.1", host.port, namespace="t")
    acknowledged: set[str] = set()
    failed: list[BaseException] = []
    stop = threading.Event()

    def work(name: str) -> None:
        try:
            with (
                closing(RedisClient(address, RedisPatience(total_s=30.0))) as client,
                closing(RedisTrackStore(client, lease_s=30.0)) as store,
            ):
                at = 0
                while not stop.is_set():
                    put = store.put([new(f"{name}-{at}-{one}", f"{name}-{at}") for one in range(3)])
                    acknowledged.update(track.source for track in put)
                    if at % 3 == 2:
                        store.delete([put[0].id])
                        acknowledged.remove(put[0].source)
                    at += 1
        except BaseException as error:  # told below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"w{own}",)) for own in range(3)]
    for thread in threads:
        thread.start()
    for node in (nodes * 3)[:3]:
        time.sleep(0.3)
        before = len(acknowledged)
        node.kill()
        time.sleep(0.2)
        node.start()
        soon(lambda least=before: len(acknowledged) > least + 5, True, 30.0)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    with closing(RedisClient(address)) as client, closing(RedisTrackStore(client)) as store:
        sources = [track.source for track in store.page(None, 10**6)]
        assert sorted(sources) == sorted(acknowledged)
        store.forget(store.leftovers())
        assert store.check() == []
        features = list(store.features("recording", store.numbers("recording").tolist()))
        assert len(features) == store.totals()["audios"]


def test_a_redis_that_stays_away_is_told_in_one_sentence(own_host):
    address = RedisAddress("127.0.0.1", own_host.port, namespace="t")
    patience = RedisPatience(connect_s=0.5, total_s=0.5)
    with (
        closing(RedisClient(address, patience)) as client,
        closing(RedisTrackStore(client, 5.0, lease_s=LEASE_S)) as store,
    ):
        (track,) = store.put([new("a")])
        with store.writing():
            own_host.kill()
            with pytest.raises(StoreUnavailableError, match="cannot be reached"):
                store.get(track.id)
            own_host.start()
        assert store.get(track.id) == track
        with store.writing():
            own_host.kill()
        own_host.start()  # and what could not be given back then is given back now
        with closing(RedisTrackStore(client, 5.0)) as other, other.alone():
            pass
        own_host.kill()
        with pytest.raises(StoreUnavailableError, match="cannot be reached"), store.writing():
            raise AssertionError
