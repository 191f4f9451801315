"""What is asked again, how often, and what is not."""

from __future__ import annotations

import os
import time

import pytest

from earmark.client.service import Service
from earmark.client.wire import Call
from earmark.errors import (
    BusyError,
    ConflictError,
    LibraryLockedError,
    RateLimitedError,
    ServiceError,
    ShuttingDownError,
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("earmark.client.service._FIRST_PAUSE_S", 0.001)


def test_a_service_that_restarts_is_asked_again(stage, ask, track):
    stage.hangs_up().refuses(503, "shutting_down").says(200, track, ETag='"e"')
    assert ask(stage.url, "get", "t1", retries=2).etag == '"e"'
    assert len(stage.asked) == 3


def test_only_as_often_as_was_said(stage, ask):
    stage.refuses(503, "shutting_down")
    for retries in (0, 2):
        stage.asked.clear()
        with pytest.raises(ShuttingDownError):
            ask(stage.url, "get", "t1", retries=retries)
        assert len(stage.asked) == retries + 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "rate_limited", RateLimitedError),
        (429, "busy", BusyError),
        (503, "library_locked", LibraryLockedError),
        (409, "conflict", ConflictError),
    ],
)
def test_it_waits_as_long_as_it_is_told(stage, ask, track, status, code, kind):
    stage.refuses(status, code, Retry_After="0").says(201, track)
    assert ask(stage.url, "add", b"RIFF", retries=1).created
    stage.script.clear()
    stage.asked.clear()
    stage.refuses(status, code, Retry_After="31").says(201, track)
    with pytest.raises(kind):
        ask(stage.url, "add", b"RIFF", retries=1)
    assert len(stage.asked) == 1


def test_the_pause_is_the_one_that_is_told(stage, ask, track):
    stage.refuses(503, "busy", Retry_After="1").says(200, track)
    begun_s = time.monotonic()
    ask(stage.url, "get", "t1", retries=1)
    assert time.monotonic() - begun_s > 0.95


def test_a_conflict_that_stays_is_not_asked_again(stage, ask):
    stage.refuses(409, "conflict")
    with pytest.raises(ConflictError):
        ask(stage.url, "add", b"RIFF", retries=2)
    assert len(stage.asked) == 1


@pytest.mark.parametrize(
    ("method", "args", "named"),
    [
        ("add_key", ("me",), {}),
        ("feedback", (True,), {}),
        ("update", ("t1",), {"title": "x", "if_match": '"e"'}),
        ("detach", ("t1",), {}),
    ],
)
def test_what_may_do_harm_twice_is_asked_once(stage, ask, method, args, named):
    stage.refuses(503, "shutting_down")
    with pytest.raises(ServiceError):
        ask(stage.url, method, *args, retries=3, **named)
    assert len(stage.asked) == 1


@pytest.mark.parametrize("method", ["add", "submit"])
def test_what_is_sent_again_is_the_same(stage, ask, track, job, method, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(os.urandom(600_000))
    stage.hangs_up().says(201, track if method == "add" else job)
    ask(stage.url, method, path, tags=["x"], retries=1)
    first, second = stage.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert path.read_bytes() in second.body
    ask(stage.url, method, path, tags=["x"])
    assert stage.asked[-1].headers["idempotency-key"] != first.headers["idempotency-key"]


def test_the_same_request_by_name_is_the_same_to_the_byte(stage, ask, track):
    stage.says(201, track)
    for _ in range(2):
        ask(stage.url, "add", b"RIFF", idempotency_key="mine", tags=["x"])
    assert stage.asked[0].body == stage.asked[1].body
    assert stage.asked[0].headers["idempotency-key"] == "mine"


def test_a_pipe_is_sent_once(stage, ask):
    stage.hangs_up()
    reading, writing = os.pipe()
    os.write(writing, b"RIFF and more")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(ServiceError):
        ask(stage.url, "add", pipe, retries=3)
    assert len(stage.asked) == 1
    assert stage.asked[0].headers["transfer-encoding"] == "chunked"
    assert b"RIFF and more" in stage.asked[0].body


def test_pauses_double_and_stay_bounded(monkeypatch):
    monkeypatch.setattr("earmark.client.service._FIRST_PAUSE_S", 0.2)
    service = Service("http://x", None, 5.0, 50)
    call = Call("GET", "/v1", lambda reply: None)
    pauses = [service.pause_s(call, tried, ServiceError("x")) for tried in range(50)]
    assert all(0.75 * 0.2 * 2**n <= pauses[n] <= 1.25 * 0.2 * 2**n for n in range(6))
    assert max(pauses) <= 30.0 * 1.25
