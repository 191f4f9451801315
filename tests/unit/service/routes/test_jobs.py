"""``/v1/jobs`` over HTTP."""

from __future__ import annotations

import json
import time

import pytest

from earmark.config import ServeSettings


@pytest.fixture
def options(tmp_path):
    return ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0, roots=str(tmp_path / "roots"))


@pytest.fixture
def short(write, song):
    return lambda name, seed: write(name, song(seed, 2.0))


def ended(client, address):
    until = time.monotonic() + 20
    while (job := client.get(address).json())["state"] not in {"done", "failed", "cancelled"}:
        assert time.monotonic() < until, job
        time.sleep(0.02)
    return job


def events_of(text):
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_many_files_at_once(client, short):
    files = [("file", (f"{n}.wav", short(f"{n}.wav", 70 + n).read_bytes())) for n in range(2)]
    sent = client.post("/v1/jobs", files=files, data={"tags": "live, radio"})
    assert sent.status_code == 202
    address = sent.headers["Location"]
    job = ended(client, address)
    assert address == f"/v1/jobs/{job['id']}"
    assert (job["kind"], job["state"], job["error"]) == ("ingest", "done", None)
    assert job["report"]["added"] == 2
    assert (job["progress"]["done"], job["progress"]["total"]) == (2, 2)
    assert job["created_at"].endswith("+00:00")
    tracks = [client.get(f"/v1/tracks/{name}").json() for name in job["report"]["track_ids"]]
    assert sorted(track["source"][-5:] for track in tracks) == ["0.wav", "1.wav"]
    assert all(track["uploaded"] and track["tags"] == ["live", "radio"] for track in tracks)
    assert client.get(f"/v1/tracks/{tracks[0]['id']}/audio").status_code == 200
    (end,) = events_of(client.get(f"{address}/events", headers={"Last-Event-ID": "7"}).text)
    assert end == ("end", job)
    assert client.delete(address).json()["code"] == "conflict"


def test_files_of_the_machine_below_the_roots_only(client, short, tmp_path):
    short("roots/music/a.wav", 80)
    short("outside.wav", 81)
    job = client.post("/v1/jobs", json={"paths": [str(tmp_path / "roots" / "music")]})
    assert ended(client, job.headers["Location"])["report"]["added"] == 1
    refused = client.post("/v1/jobs", json={"paths": [str(tmp_path / "outside.wav")]})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    (tmp_path / "roots" / "l.m3u").write_text(str(tmp_path / "outside.wav"))
    refused = client.post("/v1/jobs", json={"paths": [str(tmp_path / "roots" / "l.m3u")]})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_it_is_watched_while_it_goes_on(client, short, tmp_path):
    for seed in range(3):
        short(f"roots/{seed}.wav", 90 + seed)
    address = client.post("/v1/jobs", json={"paths": [str(tmp_path / "roots")]}).headers["Location"]
    answer = client.get(f"{address}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    *before, (last, job) = events_of(answer.text)
    assert {name for name, _ in before} <= {"progress"}
    assert before
    assert (last, job["state"], job["report"]["added"]) == ("end", "done", 3)


def test_the_same_request_again_is_one_job(client, short, tmp_path):
    short("roots/a.wav", 95)
    asked = {"json": {"paths": [str(tmp_path / "roots")]}, "headers": {"Idempotency-Key": "k"}}
    first, second = client.post("/v1/jobs", **asked), client.post("/v1/jobs", **asked)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    ended(client, first.headers["Location"])
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_jobs_are_listed_by_page_and_state(client, tmp_path):
    (tmp_path / "roots").mkdir()
    ids = []
    for _ in range(3):
        ids.append(client.post("/v1/jobs", json={"paths": [str(tmp_path / "roots")]}).json()["id"])
        ended(client, f"/v1/jobs/{ids[-1]}")
    page = client.get("/v1/jobs?limit=2").json()
    assert ([job["id"] for job in page["jobs"]], page["next"]) == (ids[:0:-1], ids[1])
    rest = client.get(f"/v1/jobs?limit=2&before={page['next']}").json()
    assert ([job["id"] for job in rest["jobs"]], rest["next"]) == ([ids[0]], None)
    assert client.get("/v1/jobs?state=queued").json() == {"jobs": [], "next": None}
    assert page["jobs"][0]["report"]["failed"][0]["code"] == "not_audio"


def test_a_job_that_is_not_there(client):
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        answer = client.request(method, f"/v1/jobs/none{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert client.get("/v1/jobs?before=none").status_code == 404


def test_what_makes_no_sense_is_told(client):
    for body, words in [
        ({}, "got 0"),
        ({"paths": ["relative.wav"]}, "absolute"),
        ({"urls": ["file:///etc/passwd"]}, "urls"),
        ({"paths": "x"}, "paths"),
        ({"kind": "rebuild", "paths": ["/x"]}, "only model"),
        ({"kind": "rebuild", "model": "none"}, "no sound model"),
        ({"kind": "dance"}, "kind"),
        ({"urls": ["http://[a/b"]}, "http"),
        ({"urls": ["http://a/b"], "tags": ["x" * 201]}, "tags"),
        ({"urls": ["http://a/b"], "uploads": ["/etc/passwd"]}, "uploads"),
        ({"urls": ["http://a/b"], "model": "mn04"}, "rebuild"),
    ]:
        answer = client.post("/v1/jobs", json=body)
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_rebuild_is_for_admins(keyed):
    refused = keyed("write").post("/v1/jobs", json={"kind": "rebuild"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert keyed("read").post("/v1/jobs", json={"urls": ["http://a/b"]}).status_code == 403
    job = keyed("admin").post("/v1/jobs", json={"kind": "rebuild"})
    assert ended(keyed("admin"), job.headers["Location"])["report"]["unchanged"] == 3


def test_uploads_of_a_refused_job_do_not_stay(client, short, house_app, monkeypatch):
    monkeypatch.setattr("earmark.service.tasks.jobs.MOST_PENDING", 0)
    media = house_app.state.house.media
    sent = client.post("/v1/jobs", files={"file": ("a.wav", short("a.wav", 70).read_bytes())})
    assert (sent.status_code, sent.json()["code"]) == (429, "busy")
    assert int(sent.headers["Retry-After"]) >= 1
    assert not [path for path in media.folder.rglob("*") if path.is_file()]
