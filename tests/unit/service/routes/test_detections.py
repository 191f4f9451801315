"""``/v1/detections`` and ``/v1/rules`` over HTTP: entries of a real desk, logged by hand."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from sse_reader import listening_to
from webhook_host import made_detection

from earmark.monitor.timeline import Happening
from earmark.types import Clip

RATE_HZ = 16000
ZERO_AT = 1_795_000_000.0


@pytest.fixture
def desk(house_app):
    house_app.state.house.monitoring.open()
    return house_app.state.house.monitoring.desk


@pytest.fixture
def log(desk, stocked):
    """Log a detection of song 1 from its beginning to its end; returns its entry."""
    track = next(one for one in stocked.tracks() if one.source.endswith("1.wav"))

    def logged(name, start_s=10.0, *, station="Radio", until="close", **how):
        found = made_detection(name, start_s, start_s + 6.0, 2.0, track=track, **how)
        clip = Clip(np.full(2 * RATE_HZ, 0.1, np.float32), RATE_HZ, start_s=start_s)
        where = {"source": "http://me:pw@host/live", "station": station, "origin": "stream:s1"}
        entry = None
        for kind in ("open", "close"):
            told = Happening(kind, start_s, found, clip if kind == "close" else None)
            entry = desk.log(told, **where, zero_at=ZERO_AT)
            if kind == until:
                break
        return entry

    return logged


def test_pages_filters_and_one(client, log):
    for at in range(5):
        log(f"d{at}", 10.0 * at, station="One" if at % 2 else "Two")
    log("now", 90.0, until="open")
    page = client.get("/v1/detections?limit=4").json()
    assert [one["id"] for one in page["detections"]] == ["now", "d4", "d3", "d2"]
    rest = client.get("/v1/detections", params={"limit": 4, "before": page["next"]}).json()
    assert ([one["id"] for one in rest["detections"]], rest["next"]) == (["d1", "d0"], None)
    for asked, ids in [
        ("station=One", ["d3", "d1"]),
        ("open=true", ["now"]),
        (f"since={ZERO_AT + 20}&until={ZERO_AT + 40}", ["d3", "d2"]),
        ("least_s=7", []),
        ("ruling=none&limit=1", ["now"]),
        ("action=block", []),
        ("origin=stream:s2", []),
    ]:
        found = client.get(f"/v1/detections?{asked}").json()["detections"]
        assert [one["id"] for one in found] == ids, asked
    one = client.get("/v1/detections/d3").json()
    assert one == page["detections"][2]
    assert one["source"] == "http://host/live"
    assert one["began_at"] == ZERO_AT + 30.0
    assert client.get("/v1/detections/none").json()["code"] == "detection_not_found"
    assert client.delete("/v1/detections/d3").status_code == 204
    assert client.get("/v1/detections/d3").status_code == 404


def test_a_table_of_any_length(client, log):
    for at in range(3):
        log(f"d{at}", 10.0 * at, station="=cmd()" if at else "Radio")
    answer = client.get("/v1/detections?form=csv&limit=1")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == ["d2", "d1", "d0"]
    assert [row["station"] for row in rows] == ["'=cmd()", "'=cmd()", "Radio"]
    assert rows[2]["began_at"] == "2026-11-18T11:06:40.000+00:00"
    assert client.get("/v1/detections?form=csv&station=None").text.count("\n") == 1


def test_sums(client, log):
    for at in range(3):
        log(f"d{at}", 10.0 * at, station="One" if at else "Two")
    told = client.get("/v1/detections/totals?by=station").json()
    assert told["by"] == "station"
    assert [(t["key"], t["count"], t["played_s"]) for t in told["totals"]] == [
        ("One", 2, 12.0),
        ("Two", 1, 6.0),
    ]
    assert client.get("/v1/detections/totals?by=colour").status_code == 422


def test_both_sides_can_be_heard(client, log):
    entry = log("d1")
    clip = client.get("/v1/detections/d1/evidence")
    assert clip.headers["Content-Type"] == "audio/flac"
    assert clip.headers["ETag"] == f'"{entry.evidence.sha256}"'
    assert hashlib.sha256(clip.content).hexdigest() == entry.evidence.sha256
    part = client.get("/v1/detections/d1/evidence", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"fLaC")
    same = {"If-None-Match": clip.headers["ETag"]}
    assert client.get("/v1/detections/d1/evidence", headers=same).status_code == 304
    other = client.get("/v1/detections/d1/reference")
    assert (other.status_code, other.content[:4]) == (200, b"RIFF")
    seconds = (len(other.content) - 44) / 2 / 32_000
    assert seconds == pytest.approx(entry.evidence.reference.duration_s, abs=0.01)
    log("d2", 50.0, until="open")
    assert client.get("/v1/detections/d2/evidence").json()["code"] == "no_media"
    assert client.get("/v1/detections/d2/reference").status_code == 200


def test_decisions_are_kept_and_a_rejected_pair_does_not_come_again(client, log, desk):
    log("d1")
    asked = {"ruling": "unsure", "note": "too short", "by": "ann"}
    told = client.post("/v1/detections/d1/decision", json=asked).json()
    assert told["ruling"] == "unsure"
    told = client.post("/v1/detections/d1/decision", json={"ruling": "reject"}).json()
    trail = [(one["ruling"], one["by"], one["note"]) for one in told["decisions"]]
    assert trail == [("unsure", "ann", "too short"), ("reject", "anyone", "")]
    assert log("d2", 40.0) is None
    assert client.post("/v1/detections/d9/decision", json=asked).status_code == 404
    assert client.post("/v1/detections/d1/decision", json={"ruling": "no"}).status_code == 422


def test_who_decides_is_the_key_s_name(keyed, log):
    log("d1")
    asked = {"ruling": "confirm", "by": "somebody else"}
    assert keyed("read").post("/v1/detections/d1/decision", json=asked).status_code == 403
    told = keyed("write").post("/v1/detections/d1/decision", json=asked).json()
    assert told["decisions"][0]["by"] == "write"
    assert keyed("write").delete("/v1/detections/d1").status_code == 403
    assert keyed("write").post("/v1/rules", json={"action": "block"}).status_code == 403
    assert keyed("read").get("/v1/webhooks").status_code == 403


def test_what_is_old_is_given_up_by_who_may(keyed, client, log, desk, monkeypatch):
    kept = [log(name, at) for name, at in (("d1", 10.0), ("d2", 90.0))]
    desk.decide("d2", "confirm", "ann")
    for entry in kept:
        os.utime(desk.room.find(entry), (time.time() - 9000.0,) * 2)
    assert keyed("write").post("/v1/detections/prune", json={}).status_code == 403
    admin = keyed("admin")
    asked = admin.post("/v1/detections/prune", json={})
    assert (asked.status_code, asked.json()["code"]) == (422, "usage")
    assert admin.post("/v1/detections/prune", json={"older_than_days": -1}).status_code == 422
    # What was logged a moment ago is as old as that.
    old = {"older_than_days": 1.0, "evidence_only": True}
    assert admin.post("/v1/detections/prune", json=old).json()["clips"] == 0
    monkeypatch.setattr(desk, "clock", lambda: time.time() + 2 * 86_400.0)
    told = admin.post("/v1/detections/prune", json=old | {"dry_run": True}).json()
    # The file stays: what was confirmed was made from the same sound.
    assert told == {"detections": 0, "clips": 1, "files": 0, "bytes": 0, "dry_run": True}
    assert admin.post("/v1/detections/prune", json=old).json() == told | {"dry_run": False}
    shown = admin.get("/v1/detections/d1").json()
    assert shown["evidence"]["pruned_at"] > time.time() + 86_400.0
    gone = admin.get("/v1/detections/d1/evidence")
    assert (gone.status_code, gone.json()["code"]) == (404, "no_media")
    assert admin.get("/v1/detections/d1/reference").status_code == 200
    assert admin.get("/v1/detections/d2/evidence").status_code == 200
    all_old = {"older_than_days": 1, "decided": True}
    told = admin.post("/v1/detections/prune", json=all_old).json()
    assert (told["detections"], told["files"], told["bytes"]) == (2, 1, kept[0].evidence.bytes)
    assert admin.get("/v1/detections").json()["detections"] == []


def test_rules_say_what_is_to_happen(client, log, stocked):
    track = next(one for one in stocked.tracks() if one.source.endswith("1.wav"))
    general = client.post("/v1/rules", json={"action": "allow"}).json()
    own = client.post("/v1/rules", json={"action": "block", "track_id": track.id, "least_s": 3.0})
    assert own.headers["Location"] == f"/v1/rules/{own.json()['id']}"
    log("d1")
    told = client.get("/v1/detections/d1").json()
    assert (told["action"], told["rule_id"]) == ("block", own.json()["id"])
    assert client.get("/v1/rules").json()["rules"] == [general, own.json()]
    assert client.delete(own.headers["Location"]).status_code == 204
    log("d2", 50.0)
    assert client.get("/v1/detections/d2").json()["action"] == "allow"
    assert client.delete(own.headers["Location"]).json()["code"] == "rule_not_found"
    both = {"action": "block", "track_id": "a", "tag": "b"}
    assert client.post("/v1/rules", json=both).status_code == 422
    assert "earmark_detections_total" in client.get("/metrics").text


def test_news_come_as_they_happen_and_from_other_processes(served, log, desk):
    log("d0")
    address = f"http://127.0.0.1:{served[1]}/v1/detections/events?station=Radio"
    with listening_to(address) as events:
        time.sleep(0.2)
        log("d1", 40.0)
        log("elsewhere", 60.0, station="Other")
        desk.decide("d1", "confirm", "ann")
        # Another process writes to the store, and tells nobody here.
        entry = desk.entry("d1")
        other = replace(entry.detection, id="d2")
        desk.store.put_entry(replace(entry, detection=other, decisions=()))
        events.wait(lambda told: told.told and told.told[-1][1]["id"] == "d2")
    kinds = [(kind, one["id"]) for kind, one in events.told]
    assert kinds[-2:] == [("decided", "d1"), ("close", "d2")]
    assert {one["id"] for _, one in events.told} == {"d1", "d2"}
