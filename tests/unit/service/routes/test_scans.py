"""``/v1/scans`` over HTTP: a little programme of two songs, from its upload to its reports."""

from __future__ import annotations

import csv
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from earmark.config import ServeSettings
from earmark.errors import StoreUnavailableError
from earmark.ports import Scan

RATE_HZ = 16000


@pytest.fixture
def options(tmp_path):
    (tmp_path / "roots").mkdir(exist_ok=True)
    return ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0, roots=str(tmp_path / "roots"))


@pytest.fixture
def programme(write, song):
    """Four seconds of nothing, all of song 1, four seconds of nothing, half of song 2."""
    quiet = np.zeros(4 * RATE_HZ, np.float32)
    return lambda name: write(name, np.concatenate([quiet, song(1), quiet, song(2)[: 8 * RATE_HZ]]))


def ended(client, address):
    until = time.monotonic() + 20
    while (scan := client.get(address).json())["state"] in {"queued", "running"}:
        assert time.monotonic() < until, scan
        time.sleep(0.02)
    return scan


def events_of(text):
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_file_from_upload_to_reports(client, house_app, programme):
    began_at = 1_795_000_000.0
    with programme("friday.wav").open("rb") as file:
        form = {"least_s": "3", "began_at": str(began_at), "station": "Radio"}
        sent = client.post("/v1/scans", files={"file": file}, data=form)
    assert sent.status_code == 202, sent.text
    address = sent.headers["Location"]
    assert sent.json()["state"] in {"queued", "running"}
    told = events_of(client.get(f"{address}/events").text)
    scan = ended(client, address)
    assert (scan["state"], scan["station"], scan["error"]) == ("done", "Radio", None)
    assert scan["progress"] == {"done_s": 28.0, "duration_s": 28.0, "left_s": None}
    timeline = scan["timeline"]
    assert timeline["input"] == "friday.wav"
    found = timeline["detections"]
    assert [one["track"]["source"][-5:] for one in found] == ["1.wav", "2.wav"]
    assert [one["start_s"] for one in found] == pytest.approx([4, 20], abs=1.5)
    assert told[-1] == ("end", scan)
    heard = [one for name, one in told if name == "detection"]
    assert [one["id"] for one in heard] == [one["id"] for one in found]
    assert {name for name, _ in told} <= {"progress", "detection", "end"}

    (listed,) = client.get("/v1/scans").json()["scans"]
    assert listed == {**scan, "timeline": None}
    page = client.get("/v1/detections", params={"origin": f"scan:{scan['id']}"}).json()
    assert [one["id"] for one in page["detections"]] == [one["id"] for one in found[::-1]]
    assert page["detections"][0]["began_at"] == pytest.approx(began_at + found[1]["start_s"])

    table = list(csv.DictReader(io.StringIO(client.get(f"{address}?form=csv").text)))
    assert [row["id"] for row in table] == [one["id"] for one in found]
    assert client.get(f"{address}?form=cue").text.count("TRACK") == 2
    assert client.get(f"{address}?form=srt").text.count("-->") == 2
    assert client.get(f"{address}?form=audacity").text.count("\n") == 2
    page = client.get(f"{address}?form=html")
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert "friday.wav" in page.text
    assert client.get(f"{address}?form=xlsx").content[:2] == b"PK"

    folder = house_app.state.house.media.folder
    assert not [path for path in folder.rglob("*") if path.is_file()]
    (job,) = client.get("/v1/jobs").json()["jobs"]
    assert (job["kind"], job["state"], job["report"]["audio_s"]) == ("scan", "done", 28.0)
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["code"] == "scan_not_found"
    assert len(client.get("/v1/detections").json()["detections"]) == 2


def test_a_raw_body_takes_parameters(client, programme):
    body = programme("a.wav").read_bytes()
    sent = client.post(
        "/v1/scans?station=Two&least_s=10",
        content=body,
        headers={"Content-Type": "audio/wav"},
    )
    assert sent.status_code == 202, sent.text
    scan = ended(client, sent.headers["Location"])
    assert scan["station"] == "Two"
    assert [one["track"]["source"][-5:] for one in scan["timeline"]["detections"]] == ["1.wav"]


def test_a_path_below_the_roots_and_the_same_again(client, programme, write, tmp_path):
    path = programme("roots/b.wav")
    asked = {"path": str(path), "repeats": False}
    first = client.post("/v1/scans", json=asked)
    address = first.headers["Location"]
    scan = ended(client, address)
    assert scan["source"] == str(path)
    ids = [one["id"] for one in scan["timeline"]["detections"]]
    assert client.post(f"/v1/detections/{ids[0]}/decision", json={"ruling": "confirm"}).is_success
    again = client.post("/v1/scans", json=asked)
    assert again.headers["Location"] == address
    assert [one["id"] for one in ended(client, address)["timeline"]["detections"]] == ids
    assert client.get(f"/v1/detections/{ids[0]}").json()["ruling"] == "confirm"
    assert len(client.get("/v1/detections").json()["detections"]) == 2
    outside = client.post("/v1/scans", json={"path": str(write("c.wav", 1))})
    assert (outside.status_code, outside.json()["code"]) == (403, "forbidden")


def test_what_makes_no_sense_is_refused(client):
    url = {"url": "https://example.org/a.wav"}
    for asked in [
        {},
        url | {"path": "/a.wav"},
        {"url": "rtmp://example.org/a"},
        url | {"least_confidence": 2},
        url | {"also": ["recording"]},
        url | {"repeats": "no"},
        url | {"colour": "red"},
    ]:
        answer = client.post("/v1/scans", json=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), asked
    assert client.get("/v1/scans").json()["scans"] == []


def test_what_cannot_be_had_or_heard_fails(client, write):
    private = client.post("/v1/scans", json={"url": "http://127.0.0.1:9/a.wav"})
    scan = ended(client, private.headers["Location"])
    assert (scan["state"], scan["error"]["code"]) == ("failed", "fetch_failed")
    told = client.get(f"{private.headers['Location']}/events").text
    assert events_of(told) == [("end", scan)]
    broken = client.post("/v1/scans", files={"file": ("a.mp3", b"\x00\x01" * 3000)})
    assert ended(client, broken.headers["Location"])["state"] == "failed"
    report = client.get(f"{broken.headers['Location']}?form=csv")
    assert (report.status_code, report.json()["code"]) == (409, "conflict")


def test_one_that_waits_is_stopped_and_forgotten(client, house_app, programme, song, write):
    long = write("long.wav", np.tile(song(5), 60))
    body = programme("d.wav").read_bytes()
    going = client.post("/v1/scans", files={"file": ("long.wav", long.read_bytes())})
    waiting = client.post("/v1/scans", files={"file": ("d.wav", body)})
    for sent in (waiting, going):
        assert sent.status_code == 202, sent.text
        address = sent.headers["Location"]
        stopped = client.delete(address)
        assert stopped.status_code == 202, stopped.text
        assert ended(client, address)["state"] == "stopped"
        assert client.delete(address).status_code == 204
    until = time.monotonic() + 5
    folder = house_app.state.house.media.folder
    while [path for path in folder.rglob("*") if path.is_file()] and time.monotonic() < until:
        time.sleep(0.02)
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_scans_that_are_not_there(client):
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        answer = client.request(method, f"/v1/scans/none{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "scan_not_found")


def test_two_that_ask_for_the_same_at_once_get_the_same(client, house_app, programme, monkeypatch):
    scans = house_app.state.house.monitoring.scans
    new = scans.new

    def slowly(request):
        time.sleep(0.2)
        return new(request)

    monkeypatch.setattr(scans, "new", slowly)
    asked = {"path": str(programme("roots/e.wav")), "repeats": False}
    with ThreadPoolExecutor(2) as both:
        sent = both.map(lambda _: client.post("/v1/scans", json=asked), range(2))
    (address,) = {one.headers["Location"] for one in sent}
    assert ended(client, address)["state"] == "done"


def test_jobs_of_many_scans_are_looked_for_once(client, house_app, monkeypatch):
    house = house_app.state.house
    for number in range(5):
        told = Scan(f"s{number}", f"k{number}", "/a.wav", "A", 1.0, 1.0, state="stopped")
        house.monitoring.desk.store.put_scan(told)
    looked = []
    jobs = house.jobs.jobs
    monkeypatch.setattr(house.jobs, "jobs", lambda **how: looked.append(how) or jobs(**how))
    assert [one["state"] for one in client.get("/v1/scans").json()["scans"]] == ["stopped"] * 5
    assert len(looked) == 1


def test_whoever_watches_is_let_go_where_the_store_is_away(
    client, house_app, write, song, monkeypatch
):
    long = write("roots/long.wav", np.tile(song(5), 60))
    address = client.post("/v1/scans", json={"path": str(long)}).headers["Location"]

    async def away(job_id):
        raise StoreUnavailableError("it is away")
        yield

    monkeypatch.setattr(house_app.state.house.jobs, "events", away)
    assert events_of(client.get(f"{address}/events").text)[-1][0] == "end"
    client.delete(address)
    ended(client, address)


def test_who_asks_again_is_told_again(client, house_app, programme):
    desk = house_app.state.house.monitoring.desk
    desk.add_webhook("http://192.0.2.1:9/", ["scan.done"])
    asked = {"path": str(programme("roots/f.wav")), "repeats": False}
    for count in (1, 2):
        ended(client, client.post("/v1/scans", json=asked).headers["Location"])
        until = time.monotonic() + 5
        while len(desk.deliveries()) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(desk.deliveries()) == count
