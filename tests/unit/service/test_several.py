"""Several services of one library: what one knows the others know, through a real Redis."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from pathlib import Path

import pytest
from redis_host import RedisHost, wanted
from starlette.testclient import TestClient

from earmark import Library, Settings
from earmark.bootstrap import open_ledger
from earmark.config import ServeSettings
from earmark.errors import UsageError
from earmark.keys import make_key
from earmark.ports.ledger import Reply
from earmark.service import idempotency
from earmark.service.app import create_app
from earmark.service.sweeping import sweep
from earmark.service.tasks import jobtaker
from earmark.stores import redis_queue
from earmark.stores.redis_address import redis_address
from earmark.stores.redis_client import RedisClient, RedisPatience
from earmark.stores.redis_ledger import RedisLedger

HEAD = {"Idempotency-Key": "once"}


@pytest.fixture
def service_of(stocked, settings, tmp_path, monkeypatch):
    """Make one more service of the library and of a namespace: a client, and its ledger."""
    monkeypatch.setattr(redis_queue, "_WAIT_S", 0.1)
    monkeypatch.setattr(jobtaker, "HOLD_EVERY_S", 0.1)
    opened = []

    def service(host, namespace, **told):
        url = f"redis://127.0.0.1:{host.port}/0?ns={namespace}"
        ledger = RedisLedger(RedisClient(redis_address(url), RedisPatience(total_s=3.0)))
        told = {"media": str(tmp_path / "media"), "rate_per_minute": 0, "grace_s": 2.0} | told
        app = create_app(stocked, ledger, options=ServeSettings(**told), settings=settings)
        client = TestClient(app, base_url="http://localhost")
        client.__enter__()
        opened.append((client, ledger))
        return client, ledger

    yield service
    for client, ledger in opened:
        client.__exit__(None, None, None)
        ledger.close()


@pytest.fixture
def service(service_of, redis_host):
    namespace = uuid.uuid4().hex
    return lambda **told: service_of(redis_host, namespace, **told)


def job_events(client, job_id):
    told = []
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                told.append(json.loads(line[5:]))
    return told


def test_a_job_of_one_is_done_by_another_and_watched_anywhere(service, write):
    (asked, _), (doing, _) = service(jobs=False), service()
    paths = [write("a.wav", 7), write("b.wav", 8)]
    form = [("file", (path.name, path.read_bytes())) for path in paths]
    job = asked.post("/v1/jobs", files=form).json()
    told = job_events(asked, job["id"])
    assert told[-1]["state"] == "done"
    assert told[-1] == doing.get(f"/v1/jobs/{job['id']}").json()
    ids = told[-1]["report"]["track_ids"]
    assert len(ids) == 2
    for client in (asked, doing):  # the uploads are in the folder that they share
        audio = client.get(f"/v1/tracks/{ids[0]}/audio")
        assert audio.content in [path.read_bytes() for path in paths]
    assert asked.get("/v1/jobs").json() == doing.get("/v1/jobs").json()


def test_a_key_made_at_one_opens_the_other(service):
    (one, ledger), (other, _) = service(), service()
    assert other.get("/v1/jobs").status_code == 200
    record, text = make_key("ann", ["read"], None, time.time())
    ledger.add_key(record)
    for client in (one, other):
        client.app.state.house.keys.forget()
        assert client.get("/v1/jobs").status_code == 401
        head = {"Authorization": f"Bearer {text}"}
        assert client.get("/v1/jobs", headers=head).status_code == 200


def test_an_answer_given_once_is_given_again_by_another(service, write):
    (one, _), (other, _) = service(), service()
    form = {"file": ("a.wav", write("a.wav", 7).read_bytes())}
    first = one.post("/v1/tracks", files=form, headers=HEAD)
    again = other.post("/v1/tracks", files=form, headers=HEAD)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"


def test_what_another_is_answering_is_not_done_twice(service, write, monkeypatch):
    """A service that has just started does not take what another began before for lost."""
    (one, ledger), _ = service(), service()
    monkeypatch.setattr(idempotency, "_fingerprint", lambda *arguments: "same")
    ledger.begin(":once", Reply("same", time.time() - 2.0))
    monkeypatch.setattr(idempotency, "_STARTED_AT", time.time())
    form = {"file": ("a.wav", write("a.wav", 7).read_bytes())}
    answer = one.post("/v1/tracks", files=form, headers=HEAD)
    assert answer.status_code == 409
    assert "still being answered" in answer.json()["detail"]


def test_uploads_of_a_job_that_waits_are_not_swept_by_another(service, write):
    (one, _), (other, _) = service(jobs=False), service(jobs=False)
    form = [("file", ("a.wav", write("a.wav", 7).read_bytes()))]
    job = one.post("/v1/jobs", files=form).json()
    room = one.app.state.house.media
    (held,) = one.app.state.house.ledger.job(job["id"]).request["uploads"]
    unnamed = room.folder / "ab" / ("ab" + "0" * 30) / "old.wav"
    unnamed.parent.mkdir(parents=True)
    unnamed.write_bytes(b"nobody names it")
    long_ago = time.time() - 90_000.0
    for path in (held, unnamed):
        os.utime(Path(path).parent, (long_ago, long_ago))
    sweep(other.app.state.house)
    assert room.find(held) is not None
    assert not unnamed.exists()
    assert one.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert other.app.state.house.media.find(held) is None


def test_a_library_has_one_folder_of_uploads_and_no_others(service_of, redis_host, tmp_path):
    first, second = uuid.uuid4().hex, uuid.uuid4().hex
    service_of(redis_host, first)
    with pytest.raises(UsageError, match="another library"):
        service_of(redis_host, second)
    other = tmp_path / "other"
    for _ in range(2):
        with pytest.raises(UsageError, match="is not the folder in which") as caught:
            service_of(redis_host, first, media=str(other))
    said = re.search(r"write ([\w.]+) into '(.+)'", str(caught.value))
    Path(said[2]).write_text(said[1])  # as it says for a folder that is lost
    service_of(redis_host, first, media=str(other))
    service_of(redis_host, second, media=str(tmp_path / "third"))
    assert [path.name for path in other.iterdir()] == [".library"]


def test_it_is_not_ready_while_redis_is_away_and_ready_again_after(service_of, tmp_path):
    wanted()
    host = RedisHost(tmp_path / "redis")
    host.start()
    try:
        client, _ = service_of(host, "away", jobs=False)
        assert client.get("/readyz").status_code == 200
        host.stop()
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["ledger"].startswith(("no answer within 2 s", "Redis at"))
        assert answer.json()["checks"]["disk"] == "ok"
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/jobs").json()["code"] == "store_unavailable"
        host.start()
        until = time.monotonic() + 15
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert client.get("/v1/jobs").json() == {"jobs": [], "next": None}
    finally:
        host.stop()


def test_a_library_in_redis_is_ready_where_its_milvus_is(redis_host, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(redis_queue, "_WAIT_S", 0.1)
    namespace = uuid.uuid4().hex
    url = f"redis://127.0.0.1:{redis_host.port}/0?ns={namespace}"
    options = ServeSettings(rate_per_minute=0, grace_s=2.0)
    settings = Settings(library=url, vectors="http://127.0.0.1:1", workers=1)
    with Library.open(create=True, settings=settings) as library:
        ledger = open_ledger(url, settings)
        app = create_app(library, ledger, options=options, settings=settings)
        with TestClient(app, base_url="http://localhost") as client:
            assert client.get("/readyz").json()["checks"]["library"] == "ok"
            library.stats()  # opens the engines; two of them keep vectors
            until = time.monotonic() + 20  # the first look has pymilvus to import
            while "Milvus at" not in (told := client.get("/readyz").json()["checks"]["library"]):
                assert told != "ok"
                assert time.monotonic() < until
            assert "http://127.0.0.1:1" in told
            assert client.get("/readyz").status_code == 503
            for name in ("melody", "sound"):
                library.switch(name, on=False)
            assert client.get("/readyz").status_code == 200
        ledger.close()
    assert (tmp_path / "earmark-media" / ".library").is_file()
