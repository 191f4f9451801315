"""Clients that are slow, vanish, or are a thousand, at a real service."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from rough_service import LISTENS, Rough, asked_raw, soon
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.usefixtures("nothing_is_left")
CROWD = 1000
CONNECTIONS = 16  # each thread that asks keeps one; six after a crowd on a loaded machine


@pytest.fixture(scope="module", autouse=True)
def slow_heads(rough):
    """Heads that trickle from the first test on; the last one looks what became of them."""
    closed: list[float] = []

    def trickle() -> None:
        started = time.monotonic()
        with rough.line() as line, suppress(OSError):
            line.sendall(b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            while time.monotonic() - started < 25:
                line.sendall(b"a")
                line.settimeout(0.25)
                with suppress(TimeoutError):
                    if not line.recv(4096):
                        break
        closed.append(time.monotonic() - started)

    threads = [threading.Thread(target=trickle) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield threads, closed
    for thread in threads:
        thread.join()


def test_a_body_that_stops_is_closed_in_time(rough):
    for path in ("/v1/identify", "/v1/tracks", "/v1/jobs"):
        with rough.line() as line:
            kind = "application/json" if path == "/v1/jobs" else "audio/wav"
            head = asked_raw(rough, path, "Content-Length: 100000")
            line.sendall(head.replace(b"audio/wav", kind.encode()) + b"RIFF")
            started, got = time.monotonic(), b""
            while more := line.recv(65536):
                got += more
            assert got.startswith(b"HTTP/1.1 408 "), (path, got)
            assert b'"code":"timed_out"' in got
            assert 0.8 < time.monotonic() - started < 8


def test_two_hundred_half_open_connections(rough, clip):
    with ExitStack() as stack:
        for number in range(200):
            line = stack.enter_context(rough.line())
            head = asked_raw(rough, "/v1/identify", "Content-Length: 1000000")
            line.sendall(head[: -4 if number % 2 else None])
        with rough.client() as http:
            started = time.monotonic()
            answer = http.post("/v1/identify", files={"file": ("a.wav", clip)})
            assert answer.json()["outcome"] == "match"
            assert http.get("/readyz").status_code == 200
            assert time.monotonic() - started < 10


def test_clients_that_vanish(rough, clip):
    """In the middle of a body, of work, of an answer: all is given back."""

    def form(path: str, cut: int | None) -> bytes:
        body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        body += clip + b"\r\n--x--\r\n"
        head = asked_raw(rough, path, f"Content-Length: {len(body)}")
        return head.replace(b"audio/wav", b"multipart/form-data; boundary=x") + body[:cut]

    with rough.client() as http:
        http.get("/healthz")
        before = rough.descriptors
        for number in range(30):
            path = ("/v1/identify", "/v1/tracks", "/v1/jobs")[number % 3]
            cut = 100_000 if number % 2 or path != "/v1/identify" else None
            line = rough.line()
            line.sendall(form(path, cut))
            if number % 4 == 0:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            line.close()
        assert soon(lambda: "earmark_work_running 0.0" in http.get("/metrics").text)
        assert soon(lambda: rough.descriptors <= before + 2), (before, rough.descriptors)
    assert 0 < rough.connections <= CONNECTIONS


async def crowd(rough: Rough) -> Counter[str]:
    """Open all sockets at once and return how each was told to begin; then they all leave."""
    told: Counter[str] = Counter()
    here, enough = 0, asyncio.Event()

    async def one() -> None:
        nonlocal here
        address = f"ws://127.0.0.1:{rough.port}/v1/listen"
        async with connect(address, open_timeout=60, proxy=None, compression=None) as line:
            start = {"type": "start", "format": "pcm_s16le", "mode": "recording", "key": rough.key}
            await line.send(json.dumps(start))
            event = json.loads(await line.recv())
            told[event.get("code", event["type"])] += 1
            here += 1
            if here == CROWD:
                enough.set()
            if event["type"] == "ready":
                while not enough.is_set():
                    await line.send(bytes(3200))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(enough.wait(), 0.3)
            else:
                with suppress(ConnectionClosed):
                    while True:
                        await line.recv()
                assert line.close_code == 1013

    async with asyncio.TaskGroup() as group:
        for _ in range(CROWD):
            group.create_task(one())
    return told


def test_a_thousand_listen_at_once(rough):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2 * CROWD:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * CROWD, hard), hard))
    slowest, over = 0.0, threading.Event()

    def watch() -> None:
        nonlocal slowest
        with rough.client() as http:
            while not over.is_set():
                started = time.monotonic()
                assert http.get("/healthz").status_code == 200
                slowest = max(slowest, time.monotonic() - started)
                time.sleep(0.1)

    before = rough.descriptors
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            told = asyncio.run(crowd(rough))
        finally:
            over.set()
        watching.result()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert told == {"ready": LISTENS, "busy": CROWD - LISTENS}
    assert slowest < 10
    assert soon(lambda: rough.descriptors <= before + 2), (before, rough.descriptors)
    assert 0 < rough.connections <= CONNECTIONS


def test_slow_heads_were_cut_off(slow_heads):
    threads, closed = slow_heads
    for thread in threads:
        thread.join(30)
    assert len(closed) == 3
    assert all(9 < seconds < 20 for seconds in closed), closed
