"""deploy/haproxy.cfg does what compose.yaml promises: HAProxy itself runs it, on loopback.

The services are two small servers under one name, which a small DNS server tells; both stand in
for Docker's. Skipped where `haproxy` is not installed (Debian has it).
"""

from __future__ import annotations

import http.client
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "haproxy.cfg"
NAME = "earmark-scaled"
PATIENCE_S = 20.0
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")


class Service:
    """Answers with its address; ready or not."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.ready = address, True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status = 503 if self.path == "/readyz" and not outer.ready else 200
                body = f"{outer.address} {self.headers['X-Forwarded-For']}".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer((address, port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Names(socketserver.UDPServer):
    """Answers every question for an address with ``addresses``."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        super().__init__(("127.0.0.1", 0), Asked)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Asked(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, answer_by = self.request
        end = data.index(b"\0", 12) + 5  # the name, its type and class
        told = self.server.addresses if data[end - 4 : end - 2] == b"\0\1" else []
        head = data[:2] + b"\x81\x80\0\1" + len(told).to_bytes(2, "big") + b"\0\0\0\0"
        row = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4"
        rows = b"".join(row + socket.inet_aton(address) for address in told)
        answer_by.sendto(head + data[12:end] + rows, self.client_address)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def written(folder: Path, door: int, services: int, names: int) -> Path:
    """Write the configuration with the addresses of this machine, and nothing else changed."""
    text = CONFIG.read_text(encoding="utf-8")
    changes = (
        ("bind :8645", f"bind 127.0.0.1:{door}"),
        (f"{NAME}:8645", f"{NAME}:{services}"),
        ("127.0.0.11:53", f"127.0.0.1:{names}"),
    )
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    return path


def asked(port: int, path: str = "/", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, "the door did not follow"
        time.sleep(0.1)


@pytest.fixture
def names() -> Iterator[Names]:
    with Names() as server:
        yield server
        server.shutdown()


def test_haproxy_takes_the_configuration_as_it_is():
    done = subprocess.run([HAPROXY, "-c", "-f", CONFIG], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower()


def test_the_door_asks_who_is_ready_and_follows_the_names(tmp_path, names):
    port, door = free_port(), free_port()
    first, second = Service("127.0.0.2", port), Service("127.0.0.3", port)
    config = written(tmp_path, door, port, names.server_address[1])
    process = subprocess.Popen([HAPROXY, "-db", "-f", config], stdout=subprocess.DEVNULL)

    def seen(times: int = 8) -> Counter[str]:
        answers = [asked(door) for _ in range(times)]
        return Counter(body.split()[0] for status, body in answers if status == 200)

    def state() -> int:
        try:
            return asked(door, "/doorz")[0]
        except OSError:
            return 0

    try:
        until(lambda: state() == 503)  # it stands, and nobody is behind it
        names.addresses = [first.address, second.address]
        until(lambda: state() == 200)
        until(lambda: set(seen()) == {first.address, second.address})
        assert asked(door)[1].split()[1] == "127.0.0.1"
        told = {"X-Forwarded-For": "203.0.113.9"}
        assert asked(door, **told)[1].split()[1] == "203.0.113.9"
        first.ready = False
        until(lambda: set(seen()) == {second.address})
        first.ready = True
        names.addresses = [first.address]
        until(lambda: set(seen()) == {first.address})
    finally:
        process.terminate()
        process.wait(timeout=10)
        first.close()
        second.close()
