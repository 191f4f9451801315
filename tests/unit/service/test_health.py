from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import httpx
from prometheus_client.parser import text_string_to_metric_families

from earmark.service.routes import health
from earmark.service.warming import warm


def figures(client):
    text = client.get("/metrics").text
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_alive_and_ready(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    checks = dict.fromkeys(("library", "ledger", "disk", "workers"), "ok")
    assert ready.json() == {"status": "ready", "checks": checks}
    assert client.head("/healthz").status_code == client.head("/readyz").status_code == 200


def test_health_needs_no_key_and_metrics_do(keyed):
    client = keyed(None)
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    assert client.get("/metrics").status_code == 401
    assert keyed("read").get("/metrics").status_code == 200


def test_a_closed_ledger_is_not_ready(client, ledger):
    ledger.close()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert answer.json()["checks"]["ledger"] != "ok"
    assert answer.json()["checks"]["library"] == "ok"
    assert client.get("/healthz").status_code == 200


def test_a_full_disk_is_not_ready(client, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 1000))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "1000 bytes are free" in answer.json()["checks"]["disk"]


def test_a_check_that_hangs_is_bounded(client, house_app, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(health, "CHECK_S", 0.1)
    monkeypatch.setattr(health, "_library", lambda here: free.wait(10))
    started = time.monotonic()
    answer = client.get("/readyz")
    free.set()
    assert time.monotonic() - started < 2.0
    assert answer.json()["checks"]["library"] == "no answer within 0.1 s"


def test_it_is_ready_once_its_engines_are_open(client, house_app):
    house = house_app.state.house
    loop = asyncio.new_event_loop()
    house.warming = loop.create_future()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "engines" in answer.json()["checks"]["library"]
    house.warming.set_result(None)
    loop.close()
    assert client.get("/readyz").status_code == 200


def test_warming_opens_every_engine(client, house_app):
    house = house_app.state.house
    assert not house.library._indexes._engines
    asyncio.run(warm(house))
    assert set(house.library._indexes._engines) == set(house.library._indexes.names)


def test_many_who_ask_at_once_cost_one_look(served, monkeypatch):
    looks = []

    def look(here):
        looks.append(time.sleep(0.3))
        return "ok"

    monkeypatch.setattr(health, "_ledger", look)
    address = f"http://{served[0]}:{served[1]}/readyz"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: httpx.get(address).status_code, range(6)))
    assert answers == [200] * 6
    assert 1 <= len(looks) <= 2


def test_requests_are_counted_by_route(client):
    for path in ("/v1", "/healthz", "/static/docs/docs.js", "/x/1", "/x/2"):
        client.get(path)
    seen = figures(client)
    total = "earmark_http_requests_total"
    assert seen[(total, "/v1", "200", "GET")] == 1
    assert seen[(total, "/static", "200", "GET")] == 1
    assert seen[(total, "404", "GET", "other")] == 2
    assert seen[("earmark_rejected_total", "no_such_page")] == 2
    assert seen[("earmark_http_request_seconds_count", "/v1")] == 1


def test_methods_that_are_made_up_are_one_series(client):
    for number in range(5):
        assert client.request(f"MADE{number}", "/v1").status_code == 405
    seen = figures(client)
    assert seen[("earmark_http_requests_total", "/v1", "405", "other")] == 5
    assert not [labels for labels in seen if "MADE1" in labels]


def test_answers_are_counted_by_outcome_and_stage(client, house_app, write, song, stock):
    metrics = house_app.state.house.metrics
    library = house_app.state.house.library
    metrics.answered(library.identify(stock / "1.wav", mode="sound"))
    metrics.answered(library.identify(write("other.wav", song(77)), mode="sound"))
    seen = figures(client)
    assert seen[("earmark_answers_total", "match", "sound")] == 1
    assert seen[("earmark_answers_total", "no_match", "none")] == 1
    assert seen[("earmark_stage_seconds_count", "search")] == 2


def test_what_is_there_and_what_goes_on(client):
    seen = figures(client)
    assert seen[("earmark_library_tracks",)] == 3
    for name in ("work_running", "changes_waiting", "jobs_pending", "listening"):
        assert seen[(f"earmark_{name}",)] == 0
