"""Requests made up after the service's own description, right ones and wrong ones, by schemathesis.

The service is a real one on a socket, in this process, with a key of every scope.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import soundfile
import uvicorn
from schemathesis.engine import events, from_schema

from earmark import Library, Settings
from earmark.bootstrap import open_ledger
from earmark.config import ServeSettings
from earmark.keys import SCOPES, make_key
from earmark.service.app import create_app
from earmark.service.bodies.media import files_of
from earmark.service.context import House
from earmark.service.server import _config

PLUGINS = Path(__file__).parents[1] / "plugins"
RATE_HZ = 16000
SEED = int(os.environ.get("EARMARK_OPENAPI_SEED", "5"))
EXAMPLES = int(os.environ.get("EARMARK_OPENAPI_EXAMPLES", "4"))
PROBLEM = "application/problem+json"
# Who may do what, beside the routes that everyone may ask; all others need only `read`.
WRITE = {
    "POST /v1/tracks",
    "PUT /v1/tracks/{track_id}",
    "PATCH /v1/tracks/{track_id}",
    "DELETE /v1/tracks/{track_id}",
    "PUT /v1/tracks/{track_id}/score",
    "DELETE /v1/tracks/{track_id}/score",
    "POST /v1/jobs",
    "DELETE /v1/jobs/{job_id}",
    "POST /v1/scans",
    "DELETE /v1/scans/{scan_id}",
    "POST /v1/detections/{detection_id}/decision",
}
ADMIN = {
    "PATCH /v1/engines",
    "GET /v1/check",
    "POST /v1/check",
    "GET /v1/export",
    "POST /v1/import",
    "GET /v1/keys",
    "POST /v1/keys",
    "DELETE /v1/keys/{key_id}",
    "GET /v1/feedback",
    "POST /v1/streams",
    "PATCH /v1/streams/{stream_id}",
    "DELETE /v1/streams/{stream_id}",
    "DELETE /v1/detections/{detection_id}",
    "POST /v1/detections/prune",
    "POST /v1/rules",
    "DELETE /v1/rules/{rule_id}",
    "GET /v1/webhooks",
    "POST /v1/webhooks",
    "DELETE /v1/webhooks/{webhook_id}",
    "POST /v1/webhooks/{webhook_id}/test",
    "GET /v1/webhooks/{webhook_id}/deliveries",
    "POST /v1/webhooks/deliveries/{delivery_id}/replay",
}
# They send until somebody hangs up; tests of their own read them.
ENDLESS = {"/v1/streams/events", "/v1/detections/events"}
NOBODY = {"GET /v1", "GET /healthz", "GET /readyz"}


@dataclass(frozen=True)
class Place:
    """A service that answers: its address, the texts of its keys by scope, what it works with."""

    address: str
    keys: dict[str, str]
    house: House


@pytest.fixture(scope="module")
def place(tmp_path_factory, song) -> Iterator[Place]:
    """A service over three songs."""
    folder = tmp_path_factory.mktemp("openapi")
    files = [folder / f"{seed}.wav" for seed in range(3)]
    for seed, file in enumerate(files):
        soundfile.write(file, song(seed), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1, lock_wait_s=5.0)
    options = ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        patch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
        with Library.open(create=True, settings=settings) as library:
            assert library.add(files).added == 3
            ledger = open_ledger(settings.library, settings)
            keys = {}
            for scope in SCOPES:
                record, keys[scope] = make_key(scope, [scope], None, time.time())
                ledger.add_key(record)
            app = create_app(library, ledger, options=options, settings=settings)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                server = uvicorn.Server(_config(app, options))
                thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
                thread.start()
                while not server.started:
                    assert thread.is_alive()
                    time.sleep(0.01)
                port = listener.getsockname()[1]
                yield Place(f"http://127.0.0.1:{port}", keys, app.state.house)
                server.should_exit = True
                thread.join(20)
            ledger.close()


def test_every_operation_asks_for_its_scope(place):
    """Each with a wrong key, without one, and with a key that just does not suffice."""
    document = httpx.get(f"{place.address}/openapi.json", trust_env=False).json()
    wrong = place.keys["admin"][:-1] + ("A" if place.keys["admin"][-1] != "A" else "B")
    seen = set()
    with httpx.Client(base_url=place.address, trust_env=False, timeout=20) as client:
        for path, item in document["paths"].items():
            for method in item:
                name = f"{method.upper()} {path}"
                seen.add(name)
                scope = "write" if name in WRITE else "admin" if name in ADMIN else "read"
                lower = SCOPES[SCOPES.index(scope) - 1] if scope != "read" else None
                tries = [(wrong, 401), (None, 401), (lower and place.keys[lower], 403)]
                for key, status in tries[: 3 if lower else 2]:
                    head = {"Authorization": f"Bearer {key}"} if key else {}
                    answer = client.request(
                        method, path.replace("{", "").replace("}", ""), headers=head
                    )
                    if name in NOBODY:
                        assert answer.status_code == (401 if key and path == "/v1" else 200), name
                        continue
                    assert answer.status_code == status, (name, answer.text)
                    assert answer.headers["Content-Type"] == PROBLEM
                    if status == 401:
                        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert seen >= WRITE | ADMIN | NOBODY
    assert len(seen) > 30


@dataclass
class Found:
    """What all the requests came to."""

    faults: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    def take(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError | events.FatalError):
            trouble = getattr(event, "value", None) or getattr(event, "exception", event)
            told = (
                traceback.format_exception(trouble) if isinstance(trouble, Exception) else [trouble]
            )
            self.faults.append(f"{getattr(event, 'label', '')}: {''.join(map(str, told))[-3000:]}")
        if not isinstance(event, events.ScenarioFinished):
            return
        for case, interaction in event.recorder.interactions.items():
            said = f"{interaction.request.method} {interaction.request.uri}"[:300]
            self.asked[event.recorder.label] += 1
            if interaction.response is None:
                self.faults.append(f"{said}: no answer")
                continue
            self.statuses[interaction.response.status_code] += 1
            head = {name: value[0] for name, value in interaction.response.headers.items()}
            for fault in wrong_with(interaction.response, head):
                self.faults.append(f"{said}: {fault}")
            for check in event.recorder.checks.get(case, ()):
                if check.failure_info is not None:
                    message = check.failure_info.failure.message[:500]
                    self.faults.append(f"{said}: {check.name}: {message}")


def wrong_with(answer: Any, head: dict[str, str]) -> Iterator[str]:
    """Yield what an answer lacks that every one has."""
    status = answer.status_code
    if "x-request-id" not in head or head.get("x-content-type-options") != "nosniff":
        yield f"headers {sorted(head)}"
    if status >= 400 and answer.content:
        document = answer.json()
        if head["content-type"] != PROBLEM or document["status"] != status or not document["code"]:
            yield f"no problem document: {document}"
        if document["request_id"] != head["x-request-id"]:
            yield "another request's id"
    if status in (429, 503) and not int(head["retry-after"]) >= 1:
        yield "no Retry-After"


def nowhere(context: Any, case: Any, kwargs: Any) -> None:
    """Let addresses that are made up lead to this machine: nothing is asked of the network."""
    body = case.body
    if isinstance(body, dict):
        for name, value in list(body.items()):
            if name == "url" and isinstance(value, str) and value.lower().startswith("http"):
                body[name] = "http://127.0.0.1:9/clip.wav"
            elif name == "urls" and isinstance(value, list):
                body[name] = ["http://127.0.0.1:9/clip.wav" for _ in value]


def test_nothing_that_is_sent_breaks_it_or_its_description(place):
    told = {
        "seed": SEED,
        "headers": {"Authorization": f"Bearer {place.keys['admin']}"},
        "continue-on-failure": True,
        "generation": {
            "max-examples": EXAMPLES,
            "deterministic": True,
            "no-shrink": True,
            "database": "none",
        },
        "phases": {"stateful": {"enabled": False}},
        "checks": {
            # What a description allows may still be no sound, no known id, no such model.
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 409, 412, 413, 415, 416, 422]
            },
        },
    }
    schema = schemathesis.openapi.from_url(
        f"{place.address}/openapi.json", config=schemathesis.Config.from_dict(told)
    )
    for path in ENDLESS:
        schema = schema.exclude(path=path)
    found = Found()
    schemathesis.hook("before_call")(nowhere)
    try:
        for event in from_schema(schema).execute():
            found.take(event)
    finally:
        schemathesis.hooks.unregister(nowhere)
    assert not found.faults, "\n".join(found.faults[:20])
    operations = {
        f"{method.upper()} {path}"
        for path, item in schema.raw_schema["paths"].items()
        for method in item
        if path not in ENDLESS
    }
    assert set(found.asked) == operations
    assert sum(found.asked.values()) > 1000
    assert {200, 201, 202, 204, 401, 404, 405, 409, 415, 422} <= set(found.statuses)
    assert max(found.statuses) < 500
    house = place.house
    until = time.monotonic() + 10
    while house.work.running + house.jobs.pending() and time.monotonic() < until:
        time.sleep(0.05)
    assert (house.work.running, house.work.waiting, house.media.memory_bytes) == (0, 0, 0)
    kept = {path for path in house.media.folder.rglob("*") if path.is_file()}
    used = {Path(file) for track in house.library.tracks() for file in files_of(track)}
    assert kept <= used
    assert house.library.check() == []
