"""The real `earmark serve`, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

SOURCE = Path(__file__).parents[2] / "src"


@dataclass
class Serving:
    """A service that accepts: where it is, and how to end it."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def get(self, path: str, **how) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=10, trust_env=False, **how)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def lines(self) -> list[dict]:
        texts = self.log.read_text().splitlines()
        return [json.loads(text) for text in texts if text.startswith("{")]


@pytest.fixture
def serving(tones: None, tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start the program; the library lies in the test's folder."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **environment: str) -> Serving:
        paths = os.pathsep.join([str(SOURCE), os.environ["PYTHONPATH"]])
        log = tmp_path / "serve.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "error",
                    "-m",
                    "earmark",
                    "serve",
                    "--port",
                    "0",
                    *arguments,
                ],
                stderr=file,
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": paths} | environment,
            )
        running.append(process)
        ends_at = time.monotonic() + 30
        while " at http://" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends_at, "it never accepted"
            time.sleep(0.05)
        return Serving(process, log.read_text().split(" at ")[1].split()[0], log)

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def test_it_starts_answers_and_ends(serving, tmp_path):
    service = serving()
    assert service.get("/healthz").json() == {"status": "ok"}
    ends_at = time.monotonic() + 30
    while service.get("/readyz").status_code != 200:  # its engines are being opened
        assert time.monotonic() < ends_at, service.get("/readyz").text
        time.sleep(0.05)
    assert service.get("/readyz").json()["status"] == "ready"
    assert service.get("/v1").json()["tracks"] == 0
    assert "earmark_library_tracks 0.0" in service.get("/metrics").text
    assert "<!doctype html>" in service.get("/").text
    assert service.get("/v1?api_key=hunter2", headers={"X-Request-ID": "mine"}).status_code == 200
    headers = {"Host": "rebind.example"}
    assert service.get("/v1", headers=headers).status_code == 403
    with httpx.Client(base_url=service.address, trust_env=False) as idle:
        idle.get("/healthz")
        started = time.monotonic()
        assert service.end(signal.SIGTERM) == 0
        assert time.monotonic() - started < 10, "an idle connection held the end up"
    assert (tmp_path / "earmark-library" / "library.json").is_file()
    line = next(line for line in service.lines() if line.get("request_id") == "mine")
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1", 200)
    assert "hunter2" not in service.log.read_text()
    assert "Traceback" not in service.log.read_text()


def test_ctrl_c_ends_it_in_order_and_text_is_for_people(serving):
    service = serving("--log", "text")
    service.get("/healthz")
    assert service.end(signal.SIGINT) == 0
    assert ' info GET "/healthz" 200 ' in service.log.read_text()


def test_a_port_in_use_is_one_sentence(earmark):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = earmark("serve", "--port", str(port))
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == (
        f"earmark: port {port} at '127.0.0.1' is taken by another program; choose one with --port\n"
    )


def test_it_does_not_let_strangers_in_unasked(earmark):
    ran = earmark("serve", "--port", "0", "--host", "0.0.0.0")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "earmark keys add" in ran.err
    assert "earmark serve --open" in ran.err


def test_with_a_key_it_serves_other_machines_and_wants_it(serving, earmark, write):
    assert earmark("add", write("0.wav", 0)).code == 0
    assert earmark("keys", "add", "me", "--json").code == 0
    service = serving("--host", "0.0.0.0")
    address = service.address.replace("0.0.0.0", "127.0.0.1")
    about = httpx.get(f"{address}/v1", trust_env=False).json()
    assert (about["needs_key"], about["tracks"], about["scopes"]) == (True, 1, [])
    assert httpx.get(f"{address}/metrics", trust_env=False).status_code == 401
    assert service.end() == 0
