"""A job is followed through cuts, and however its events are cut up."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.client.service import Service
from earmark.client.sse import Watch
from earmark.errors import JobNotFoundError, ServiceError


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("earmark.client.service._FIRST_PAUSE_S", 0.001)


def event(job, done, state="running"):
    shape = job | {"state": state, "progress": {"done": done, "total": 3}}
    kind = "progress" if state == "running" else "end"
    return f": ping\n\nevent: {kind}\r\ndata: {json.dumps(shape)}\r\n\r\n".encode()


def test_a_stream_that_is_cut_is_opened_again(stage, ask, job):
    stage.says(200, event(job, 1) + event(job, 2)[:40], Content_Length="9999")
    stage.hangs_up()
    stage.refuses(503, "shutting_down")
    stage.says(200, event(job, 1) + event(job, 2))  # it ends before the job does
    stage.says(200, event(job, 2) + event(job, 3, "done"))
    states = ask(stage.url, "follow", "j1", retries=3)
    assert [(state.progress.done, state.state) for state in states] == [
        (1, "running"),
        (2, "running"),
        (3, "done"),
    ]
    assert len(stage.asked) == 5
    assert stage.asked[0].headers["accept"] == "text/event-stream"


def test_a_service_that_stays_away_is_given_up(stage, ask, job):
    stage.says(200, event(job, 1)).hangs_up()
    with pytest.raises(ServiceError):
        ask(stage.url, "follow", "j1", retries=2)
    assert len(stage.asked) == 3


def test_what_is_no_stream(stage, ask):
    stage.refuses(404, "job_not_found", "no job 'j1'")
    with pytest.raises(JobNotFoundError):
        ask(stage.url, "follow", "j1", retries=2)
    assert len(stage.asked) == 1
    stage.script[:] = []
    stage.says(200, b"data: {nonsense\n\n")
    with pytest.raises(ServiceError, match="an event of"):
        ask(stage.url, "follow", "j1")


def test_an_event_without_an_end_is_not_kept(monkeypatch):
    monkeypatch.setattr("earmark.client.sse._LONGEST", 1000)
    watch = Watch(Service("http://x", None, 5.0, 0))
    with pytest.raises(ServiceError, match="without an end"):
        for _ in range(20):
            list(watch.feed(b"data: " + b"x" * 100))
    with pytest.raises(ServiceError, match="without an end"):
        for _ in range(20):
            list(watch.feed(b"data: " + b"x" * 100 + b"\n"))


JOB = {"id": "j1", "kind": "ingest", "state": "running", "created_at": "2026-01-01T00:00:00Z"}
STREAM = event(JOB, 1) + event(JOB, 2) + event(JOB, 2) + event(JOB | {"id": "ü"}, 3, "done")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_the_same_however_they_are_cut(cuts):
    watch = Watch(Service("http://x", None, 5.0, 0))
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [
        job.progress.done for start, end in pairwise(edges) for job in watch.feed(STREAM[start:end])
    ]
    assert found == [1, 2, 3]
    assert watch.ended
