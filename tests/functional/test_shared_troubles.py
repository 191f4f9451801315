"""Redis or Milvus goes away while a library is used: told in a sentence, nothing in halves."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from redis_host import RedisHost
from shared_place import url

from earmark import Library, Settings
from earmark.errors import DiskFullError, StoreUnavailableError
from earmark.stores import redis_client, shared_vectors
from earmark.stores.milvus_client import Patience
from earmark.stores.redis_client import RedisPatience

RATE_HZ = 16_000
TOTAL_S = 1.5
pytestmark = pytest.mark.usefixtures("tones")


@pytest.fixture
def files(write, music) -> list[Path]:
    """Four tracks."""
    return [write(f"music/{seed}.wav", music(1000 + seed, 5.0)) for seed in range(4)]


def heard(library: Library, clip: Path) -> str:
    """The name of the track that is found, or nothing."""
    best = library.identify(clip, "recording").best
    return Path(best.track.source).stem if best else ""


@pytest.fixture
def own(tmp_path):
    """A Redis that may be killed."""
    host = RedisHost(tmp_path / "redis")
    host.start()
    yield host
    host.stop()


@pytest.fixture
def soon(monkeypatch) -> None:
    """Patience that a test has."""
    told = {
        (redis_client, "RedisPatience"): lambda: RedisPatience(1.0, 1.0, TOTAL_S),
        (shared_vectors, "Patience"): lambda: Patience(2.0, 2.0, 2.0, 30.0),
    }
    for (where, name), made in told.items():
        monkeypatch.setattr(where, name, made)


def test_redis_is_away_for_a_while(own, lite, files, soon):
    settings = Settings(library=url(own), vectors=lite, lock_wait_s=5.0, workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.add(files[:2])
        assert heard(library, files[0]) == "0"
        for away in (own.kill, own.pause):
            away()
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=rf"127.0.0.1:{own.port} cannot be rea"):
                library.identify(files[0], "recording")
            assert time.monotonic() - began < 3 * TOTAL_S
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError, match="cannot be reached"):
                library.add(files[2:])
            assert time.monotonic() - began < 4 * TOTAL_S
            own.start() if away == own.kill else own.resume()
            assert heard(library, files[0]) == "0"
            assert len(library) == 2
        assert library.add(files).added == 2
        assert [heard(library, path) for path in files] == ["0", "1", "2", "3"]
        assert library.check() == []


def test_redis_goes_away_while_something_is_added(own, lite, files, soon, monkeypatch):
    settings = Settings(library=url(own), vectors=lite, lock_wait_s=5.0, workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.add(files[0])
        lead = library._indexes.lead

        def killed(stage) -> None:
            lead(stage)
            own.kill()

        with monkeypatch.context() as patched:
            patched.setattr(library._indexes, "lead", killed)
            with pytest.raises(StoreUnavailableError, match="cannot be reached"):
                library.add(files[1:])
        own.start()
        assert len(library) == 1
        assert [heard(library, path) for path in files] == ["0", "", "", ""]
        assert library.add(files).added == 3
        assert library.check() == []
        assert [heard(library, path) for path in files] == ["0", "1", "2", "3"]


def test_milvus_is_away_while_something_is_added(apart, milvus_server, files, soon):
    with Library.open(create=True, settings=replace(apart, lock_wait_s=5.0)) as library:
        library.add(files[0])
        milvus_server.order("freeze")
        try:
            with pytest.raises(StoreUnavailableError, match=r"Milvus at .* try again") as caught:
                library.add(files[1:])
            assert "Milvus at http://127.0.0.1" in str(caught.value)
            assert len(library) == 1
            # What needs no Milvus goes on.
            assert [heard(library, path) for path in files] == ["0", "", "", ""]
        finally:
            milvus_server.order("thaw")
            milvus_server.ready()
        assert library.repair().sound
        assert library.add(files).added == 3
        assert library.check() == []
        assert [heard(library, path) for path in files] == ["0", "1", "2", "3"]


def test_a_full_redis_takes_nothing_in_halves(lite, files, tmp_path):
    host = RedisHost(tmp_path / "redis", options=["--maxmemory-policy", "noeviction"])
    host.start()
    try:
        settings = Settings(library=url(host), vectors=lite, lock_wait_s=5.0, workers=1)
        with Library.open(create=True, settings=settings) as library:
            library.add(files[0])
            client = library._parts.home.client
            client.call("CONFIG", "SET", "maxmemory", "1mb")
            with pytest.raises(DiskFullError, match="takes no more") as caught:
                library.add(files[1:])
            assert "0 tracks added before are kept" in str(caught.value)
            assert [heard(library, path) for path in files] == ["0", "", "", ""]
            assert len(library) == 1
            client.call("CONFIG", "SET", "maxmemory", "0")
            assert library.add(files).added == 3
            assert library.check() == []
            assert [heard(library, path) for path in files] == ["0", "1", "2", "3"]
    finally:
        host.stop()
