"""Real redis-server processes on loopback: one, or a cluster of three masters; ended by pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

SLOTS = 16384


def free_port() -> int:
    """A port that is free now, and whose cluster bus' (10000 more) is too."""
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        if port > 50_000:
            continue
        with socket.socket() as bus, suppress(OSError):
            bus.bind(("127.0.0.1", port + 10_000))
            return port


class RedisHost:
    """One redis-server; every write is on disk before it is acknowledged."""

    def __init__(
        self, folder: Path, *, cluster: bool = False, options: Sequence[str] = (), port: int = 0
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.cluster = cluster
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program is not None
        command = [
            program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder),
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            "--logfile", str(self.folder / "log"), "--daemonize", "no",
        ]  # fmt: skip
        if self.cluster:
            command += [
                "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
                "--cluster-node-timeout", "2000",
            ]  # fmt: skip
        self._process = subprocess.Popen([*command, *self._options])
        self._await()

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(number)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)

    def _await(self) -> None:
        """Wait until it takes connections (a server that wants TLS or a password does too)."""
        for _ in range(400):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())


class RedisClusterHost:
    """Three masters that share the slots; no replicas."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.nodes = [RedisHost(folder / str(at), cluster=True) for at in range(count)]

    @property
    def port(self) -> int:
        return self.nodes[0].port

    def start(self) -> None:
        import redis

        for node in self.nodes:
            node.start()
        clients = [redis.Redis(port=node.port) for node in self.nodes]
        bounds = [SLOTS * at // len(clients) for at in range(len(clients) + 1)]
        for at, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[at], bounds[at + 1] - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", at + 1)
        for client in clients[1:]:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        self.wait_until_whole()
        for client in clients:
            client.close()

    def wait_until_whole(self, wait_s: float = 30.0) -> None:
        """Wait until every node says that all slots are served, and knows all others."""
        import redis

        until = time.monotonic() + wait_s
        for node in self.nodes:
            told = ""
            while time.monotonic() < until:
                with suppress(redis.RedisError), redis.Redis(port=node.port) as client:
                    told = str(client.execute_command("CLUSTER", "INFO"))
                    if "cluster_state:ok" in told and f"known_nodes:{len(self.nodes)}" in told:
                        break
                time.sleep(0.05)
            else:
                raise AssertionError(told)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


def wanted() -> None:
    """Skip, visibly, where there is no redis-server."""
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("redis-server is not installed (Debian package redis-server)")
    pytest.importorskip("redis")


@pytest.fixture(scope="session")
def redis_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisHost]:
    """One Redis that the tests of a worker share; each takes a namespace of its own."""
    wanted()
    host = RedisHost(tmp_path_factory.mktemp("redis"))
    host.start()
    yield host
    host.stop()


@pytest.fixture(scope="session")
def redis_cluster_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterHost]:
    """A cluster of three masters that the tests of a worker share."""
    wanted()
    host = RedisClusterHost(tmp_path_factory.mktemp("cluster"))
    host.start()
    yield host
    host.stop()
