from __future__ import annotations

import contextlib
import socket
import time

import pytest

from earmark.config import ServeSettings
from earmark.service import server
from earmark.service.door import deadlines


@pytest.fixture
def options():
    return ServeSettings(threads=2, rate_per_minute=0, grace_s=1.0, body_stall_s=0.4)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(deadlines, "HEAD_S", 0.4)
    monkeypatch.setattr(deadlines, "LINGER_S", 0.4)


@pytest.fixture
def line(served):
    """Return a connection to the service."""
    with socket.create_connection(served, timeout=5) as opened:
        yield opened


def rest(line):
    """Return all that comes until the service hangs up, and how long that took."""
    started, got = time.monotonic(), b""
    with contextlib.suppress(ConnectionResetError):
        while more := line.recv(65536):
            got += more
    return got, time.monotonic() - started


def answer(line):
    """Return one answer; every one here ends with its document."""
    got = b""
    while not got.endswith(b"}"):
        got += line.recv(65536)
    return got


def trickle(line, data, seconds=3.0):
    """Send a byte now and then until the service hangs up; return when it did."""
    started = time.monotonic()
    for byte in data:
        if time.monotonic() - started > seconds:
            pytest.fail("the service is still listening")
        try:
            line.sendall(bytes([byte]))
            line.settimeout(0.05)
            if line.recv(65536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - started


def test_a_connection_that_says_nothing_is_closed(line):
    got, took_s = rest(line)
    assert got == b""
    assert 0.3 < took_s < 2.0


def test_a_head_that_trickles_is_closed_however_busy_it_looks(line):
    line.sendall(b"GET /v1 HTTP/1.1\r\nHost: localhost\r\n")
    took_s = trickle(line, b"X-Slow: " + b"a" * 1000)
    assert 0.3 < took_s < 2.0


def test_a_head_that_stops_is_told_why(line):
    line.sendall(b"GET /v1 HTTP/1.1\r\nHost: loc")
    got, _ = rest(line)
    assert got.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "timed_out"' in got


def test_the_second_head_of_a_connection_has_a_deadline_too(line):
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b'{"status":"ok"}' in answer(line)
    line.sendall(b"GET /healthz HTT")
    got, took_s = rest(line)
    assert got.startswith(b"HTTP/1.1 408 ")
    assert took_s < 2.0


def test_an_honest_connection_is_kept(line):
    for _ in range(2):
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b'{"status":"ok"}' in answer(line)
        time.sleep(0.5)


def test_a_body_that_stops_is_408(line):
    head = b"PATCH /v1/engines HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    line.sendall(head + b'Content-Length: 50\r\n\r\n{"sound"')
    got, took_s = rest(line)
    assert got.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"timed_out"' in got
    assert took_s < 3.0


def test_a_body_that_nobody_wants_is_not_waited_for(line):
    head = b"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    line.sendall(head)
    assert answer(line).startswith(b"HTTP/1.1 404 ")
    assert trickle(line, b"a" * 1000) < 2.0


def test_a_small_body_that_is_too_large_is_413(line):
    head = b"PATCH /v1/engines HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    line.sendall(head + b"Content-Length: 1048577\r\n\r\n" + b" " * 1_048_577)
    got = answer(line)
    assert got.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in got


def test_a_head_without_end_is_refused(line):
    line.sendall(b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
    for _ in range(100):
        line.sendall(b"a" * 1024)
    got, took_s = rest(line)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "bad_request"' in got
    assert took_s < 2.0


def test_what_breaks_after_its_answer_is_not_answered_again(line, caplog):
    head = b"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    line.sendall(head)
    assert answer(line).startswith(b"HTTP/1.1 404 ")
    line.sendall(b"no chunk at all\r\n")
    got, took_s = rest(line)
    assert got == b""
    assert took_s < 2.0
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_client_that_sends_on_reads_its_refusal_to_the_end(line):
    """Nothing resets the connection over a body that is still coming."""
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    line.sendall(head + b"Content-Length: 8000000\r\n\r\n")
    sent = 0
    while sent < 4_000_000:
        line.sendall(b" " * 65_536)
        sent += 65_536
    got = b""
    while more := line.recv(65_536):
        got += more
    assert got.startswith(b"HTTP/1.1 413 ")
    assert got.endswith(b"}")


def test_small_answers_do_not_wait_for_acknowledgements(line):
    """Head and body are two writes: by Nagle's rule the second would come 40 ms later."""
    took_s = []
    for _ in range(10):
        started = time.monotonic()
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer(line)
        took_s.append(time.monotonic() - started)
    assert min(took_s) < 0.03


def test_sockets_beyond_the_limit_of_connections_are_refused(monkeypatch, request):
    monkeypatch.setattr(server, "_connections", lambda: 2)
    address = request.getfixturevalue("served")
    asked = (
        b"GET /v1/listen HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        told = []
        for _ in range(3):
            line = stack.enter_context(socket.create_connection(address, timeout=5))
            line.sendall(asked)
            told.append(line.recv(12))
    assert told == [b"HTTP/1.1 101", b"HTTP/1.1 101", b"HTTP/1.1 503"]
