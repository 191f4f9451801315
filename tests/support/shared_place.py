"""Libraries in Redis for tests: their settings, and the real program writing to them."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from milvus_server import TOKEN, Server
from redis_host import RedisHost

from earmark import Settings
from earmark.stores.milvus_connection import _connected, forget

SOURCE = Path(__file__).parents[2] / "src"
LEASE_S = 1.5
"""After how long a writer that a test kills is taken for dead."""
PROGRAM = f"""
import sys
import earmark.bootstrap
earmark.bootstrap.LEASE_S = {LEASE_S}
if __name__ == "__main__":
    from earmark.cli.main import run
    sys.argv[0] = "earmark"
    run()
"""


def forget_place(place: str) -> None:
    """Close every connection to a Milvus, of whatever namespace."""
    for address in [one for one in _connected if one.place == place]:
        forget(address)


def url(host: RedisHost, password: str = "") -> str:
    """A namespace of its own."""
    secret = f":{password}@" if password else ""
    return f"redis://{secret}127.0.0.1:{host.port}/0?ns={uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The file of a Milvus Lite, for the libraries of a module."""
    pytest.importorskip("milvus_lite", reason="the extra milvus is not installed")
    place = str(tmp_path_factory.mktemp("lite") / "vectors.db")
    yield place
    forget_place(place)


@pytest.fixture
def shared(redis_host: RedisHost, lite: str) -> Settings:
    """A library in Redis that is not made yet; all of it is used from this process."""
    return Settings(library=url(redis_host), workers=1, lock_wait_s=5.0, vectors=lite)


@pytest.fixture
def apart(redis_host: RedisHost, milvus_server: Server) -> Settings:
    """A library in Redis that is not made yet, for several processes."""
    place = f"{url(redis_host)}&vectors={milvus_server.place}"
    return Settings(library=place, workers=1, lock_wait_s=20.0, milvus_token=TOKEN)


def program(settings: Settings, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start the real program, whose leases and claims end soon after its death."""
    told = {
        "EARMARK_LIBRARY": settings.library,
        "EARMARK_VECTORS": settings.vectors,
        "EARMARK_MILVUS_TOKEN": settings.milvus_token,
        "EARMARK_LOCK_WAIT_S": str(settings.lock_wait_s),
    }
    paths = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *map(str, arguments)],
        env=os.environ | told | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
