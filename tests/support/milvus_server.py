"""A real Milvus server for tests: installed once, started once a session, ended by its id.

``EARMARK_TEST_MILVUS`` names the folder it is installed in (its own environment: its pins are not
earmark's); ``EARMARK_TEST_MILVUS=off`` skips what needs it. The server that is used is the one of
the wheel `milvus`, for Linux on x86-64.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import StoreError
from earmark.stores.milvus_address import MilvusAddress, milvus_address
from earmark.stores.milvus_client import Milvus, Patience, forget

VERSION = "2.3.5"
VARIABLE = "EARMARK_TEST_MILVUS"
CACHE = Path("~/.cache/earmark-tests").expanduser() / f"milvus-{VERSION}"
HOST = Path(__file__).with_name("milvus_host.py")
TOKEN = "root:Milvus"
START_S = 180.0
missing: list[str] = []
"""Why there is no server, once that is known."""


class NoServerError(Exception):
    """The server cannot be installed or started here."""


@dataclass
class Server:
    """One running Milvus; ``port`` is on loopback."""

    host: subprocess.Popen[str]
    port: int

    @property
    def place(self) -> str:
        """Its address without user and password."""
        return f"http://127.0.0.1:{self.port}"

    def uri(self, token: str = TOKEN) -> str:
        """Return an address with a namespace of its own."""
        return f"http://{token}@127.0.0.1:{self.port}?ns={uuid.uuid4().hex}"

    def order(self, what: str) -> None:
        """Have it killed, frozen, thawed or started again; returns when that is done."""
        assert self.host.stdin is not None
        self.host.stdin.write(what + "\n")
        self.host.stdin.flush()
        assert self._answer() == {"done": what}

    def ready(self, within_s: float = START_S) -> None:
        """Wait until it answers a question about what it holds."""
        until_s = time.monotonic() + within_s
        while True:
            address = milvus_address(self.uri())
            try:
                Milvus(address, Patience(connect_s=5, ask_s=5)).names()
            except StoreError as error:
                if self.host.poll() is not None or time.monotonic() > until_s:
                    raise NoServerError(f"Milvus does not answer: {error}") from error
                time.sleep(0.3)
            else:
                return
            finally:
                forget(address)

    def _answer(self) -> dict[str, object]:
        assert self.host.stdout is not None
        line = self.host.stdout.readline()
        if not line:
            error = self.host.stderr.read().strip() if self.host.stderr else ""
            raise NoServerError(error.splitlines()[-1] if error else "the server's host died")
        return json.loads(line)

    @classmethod
    def start(cls, folder: Path, data: Path) -> Server:
        """Start it with its data in ``data``."""
        python = installed(folder)
        host = subprocess.Popen(
            [python, HOST, folder / "programs", data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        server = cls(host, 0)
        server.port = int(str(server._answer()["port"]))
        return server

    def stop(self) -> None:
        """End it."""
        assert self.host.stdin is not None
        self.host.stdin.close()
        try:
            self.host.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.host.kill()
            self.host.wait()
        for pipe in (self.host.stdout, self.host.stderr):
            if pipe:
                pipe.close()


def installed(folder: Path) -> Path:
    """Return the Python of an environment that has the server; makes it where it is not there."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NoServerError(f"no Milvus {VERSION} for {sys.platform} {platform.machine()}")
    folder.mkdir(parents=True, exist_ok=True)
    python, whole = folder / "venv" / "bin" / "python", folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder / "venv", ignore_errors=True)
            _run([sys.executable, "-m", "venv", folder / "venv"])
            _run([python, "-m", "pip", "install", "--quiet", f"milvus=={VERSION}"])
            whole.touch()
    return python


def _run(command: list[object]) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise NoServerError(f"Milvus {VERSION} cannot be installed: {' '.join(last)}")


NEEDED_BY = frozenset(
    {
        "test_vector_store.py",
        "test_vectors_alike.py",
        "test_congruence.py",
        "test_milvus_failures.py",
        "test_milvus_library.py",
        "test_shared_library.py",
        "test_shared_troubles.py",
        "test_shared_writers.py",
        "test_shared_vectors.py",
        "test_shared_vectors_away.py",
        "test_shared_vectors_crowd.py",
    }
)
"""Files whose tests use the server; they come first, so that it need not run for the others."""
running: list[Server] = []
resting: list[Server] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that need the server first, all else in the order it has."""
    items.sort(key=lambda item: item.path.name not in NEEDED_BY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have one worker do all that needs the server, which waits much, and others the rest.

    There is one server then, and what waits for it is beside what needs the processor.
    """
    from xdist.scheduler import LoadFileScheduling

    class OneForTheServer(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "milvus" if Path(file).name in NEEDED_BY else file

    if config.getvalue("dist") != "loadfile":
        return None
    return OneForTheServer(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """End an idle server, which takes a seventh of a core; start it again where it is needed."""
    needed = item.path.name in NEEDED_BY
    while running and not needed:
        server = running.pop()
        server.order("kill")
        resting.append(server)
    while resting and needed:
        server = resting.pop()
        server.order("start")
        server.ready()
        running.append(server)


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running Milvus 2.3.5 that wants a password; tests that need it are skipped without."""
    wanted = os.environ.get(VARIABLE, "")
    folder = Path(wanted) if wanted else CACHE
    data = tmp_path_factory.mktemp("milvus")
    server: Server | None = None
    try:
        if wanted == "off":
            raise NoServerError(f"{VARIABLE} is off")
        if missing:
            raise NoServerError(missing[0])
        server = Server.start(folder, data)
        server.ready()
        running.append(server)
        yield server
    except NoServerError as error:
        missing.append(str(error))
        pytest.skip(f"NO MILVUS SERVER, the store was not tested on a real one: {error}")
    finally:
        running.clear()
        resting.clear()
        if server:
            server.stop()
        shutil.rmtree(data, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud that a whole store was not tested."""
    if missing:
        terminalreporter.section("Milvus", sep="!", red=True)
        terminalreporter.line(f"No tests ran on a real Milvus server: {missing[0]}")


@pytest.fixture(scope="session")
def server_address(milvus_server: Server) -> MilvusAddress:
    """A namespace on the server, one for the session."""
    address = milvus_address(milvus_server.uri())
    assert address is not None
    return address


@pytest.fixture(scope="session")
def lite_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusAddress]:
    """A namespace in a file of Milvus Lite, one for the session."""
    pytest.importorskip("milvus_lite", reason="the extra milvus is not installed")
    address = milvus_address(str(tmp_path_factory.mktemp("lite") / "vectors.db"))
    assert address is not None
    yield address.named("tests")
    forget(address.named("tests"))
