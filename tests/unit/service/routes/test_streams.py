"""``/v1/streams`` over HTTP: real stations on this machine, heard faster than they would send."""

from __future__ import annotations

import threading
import time

import httpx
import numpy as np
import pytest
from radio import STALL, encoded, on_air
from sse_reader import listening_to

from earmark.bootstrap import open_stream_locks
from earmark.config import ServeSettings
from earmark.errors import StreamNotFoundError
from earmark.monitor.desk import Desk
from earmark.ports import Stream
from earmark.service.tasks.watching import watch

RATE_HZ = 16000


@pytest.fixture
def options(tmp_path):
    (tmp_path / "roots").mkdir(exist_ok=True)
    return ServeSettings(
        threads=2, rate_per_minute=0, grace_s=2.0, private_urls=True, roots=str(tmp_path / "roots")
    )


@pytest.fixture(scope="module")
def station(song):
    """A station that plays six seconds of nothing and song 1, and then goes on saying nothing."""
    sound = np.concatenate([np.zeros(6 * RATE_HZ, np.float32), song(1)])
    with on_air() as radio:
        radio.play("/live", encoded(sound, RATE_HZ, "mp3", "mp3"), STALL)
        yield radio.url + "/live"


@pytest.fixture
def service(served):
    with httpx.Client(
        base_url=f"http://127.0.0.1:{served[1]}", trust_env=False, timeout=20
    ) as found:
        yield found


def until(look, what, within_s=15.0):
    ends_s = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < ends_s, what
        time.sleep(0.02)
    return found


def test_a_stream_is_watched_from_beginning_to_end(service, station):
    with listening_to(f"{service.base_url}/v1/streams/events") as events:
        asked = {"name": "Radio", "url": station, "options": {"least_s": 3, "repeats": False}}
        made = service.post("/v1/streams", json=asked)
        assert made.status_code == 201, made.text
        address = made.headers["Location"]
        stream_id = made.json()["id"]
        opened = events.first("open")
        assert opened["track"]["source"].endswith("1.wav")
        assert (opened["origin"], opened["station"]) == (f"stream:{stream_id}", "Radio")
        assert opened["open"]
        assert events.first("level")["stream_id"] == stream_id
        shown = until(
            lambda: (now := service.get(address).json())["state"] == "live" and now, "live"
        )
        assert (shown["name"], shown["url"], shown["error"]) == ("Radio", station, "")
        metrics = service.get("/metrics").text
        assert "earmark_streams_live 1.0" in metrics
        assert "earmark_streams_here 1.0" in metrics

        # Whoever comes later is told how it stands.
        with listening_to(f"{service.base_url}{address}/events") as later:
            assert later.first("state")["state"] == "live"
            assert later.first("open")["id"] == opened["id"]

        off = service.patch(address, json={"wanted": False})
        assert (off.status_code, off.json()["wanted"]) == (200, False)
        closed = events.first("close")
        assert (closed["id"], closed["open"]) == (opened["id"], False)
        events.wait(lambda told: told.of("state")[-1]["state"] == "stopped")
        assert closed["evidence"]["duration_s"] > 3
        assert "earmark_streams_here 0.0" in until(
            lambda: "streams_here 0.0" in (text := service.get("/metrics").text) and text, "off"
        )
        assert service.get(f"/v1/detections/{closed['id']}/evidence").content[:4] == b"fLaC"

        assert service.delete(address).status_code == 204
        events.wait(lambda told: told.of("gone"))
    assert service.get(address).json()["code"] == "stream_not_found"
    assert service.get("/v1/streams").json() == {"streams": []}
    assert len(service.get("/v1/detections").json()["detections"]) == 1


def test_one_that_is_away_has_an_outage(service, station):
    made = service.post("/v1/streams", json={"name": "Gone", "url": f"{station}/nowhere"})
    address = made.headers["Location"]
    with listening_to(f"{service.base_url}{address}/events") as events:
        down = events.wait(lambda told: [one for one in told.of("state") if one["error"]])[0]
        assert down["state"] == "down"
        outage = events.first("outage") if events.of("outage") else None
    told = until(lambda: service.get(f"{address}/outages").json()["outages"], "an outage")
    assert told[0]["until"] is None
    assert outage is None or outage["stream_id"] == made.json()["id"]
    assert "earmark_streams_down 1.0" in service.get("/metrics").text


def test_a_file_that_ends_is_heard_once_until_it_is_wanted_again(service, write, song):
    path = write("roots/a.flac", song(2))
    asked = {"name": "File", "url": str(path), "options": {"repeats": False}}
    address = service.post("/v1/streams", json=asked).headers["Location"]
    state = lambda: service.get(address).json()["state"]  # noqa: E731
    until(lambda: state() == "ended", "it ends")
    found = service.get("/v1/detections").json()["detections"]
    assert [(one["station"], one["open"]) for one in found] == [("File", False)]
    changed = service.patch(address, json={"wanted": True, "name": "Again"})
    assert changed.json()["state"] == "stopped"
    until(lambda: len(service.get("/v1/detections").json()["detections"]) == 2, "heard again")


def test_what_may_not_be_watched_or_makes_no_sense(client):
    for url, status in [
        ("ftp://example.org/a", 422),
        ("file:///etc/passwd", 422),
        ("http://exa mple.org/", 422),
        ("/etc/passwd", 403),
        ("mic", 422),
        ("-", 422),
    ]:
        answer = client.post("/v1/streams", json={"name": "No", "url": url})
        assert answer.status_code == status, answer.text
    good = {"name": "a", "url": "http://example.org/"}
    for told in [
        {"name": ""},
        {"url": None},
        {"options": {"least_s": -1}},
        {"options": {"effort": 9}},
        {"wanted": "yes"},
        {"colour": "red"},
    ]:
        answer = client.post("/v1/streams", json=good | told)
        assert answer.json()["code"] == "invalid_request", told
    assert client.get("/v1/streams").json() == {"streams": []}


def test_streams_that_are_not_there(client):
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/outages")):
        answer = client.request(method, f"/v1/streams/none{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "stream_not_found")
    assert client.patch("/v1/streams/none", json={"name": "a"}).status_code == 404


def test_one_that_may_not_be_watched_any_more_says_so(client, house_app):
    monitoring = house_app.state.house.monitoring
    monitoring.desk.store.put_stream(Stream("s1", "Old", "/elsewhere/a.wav"))
    monitoring.streams.wake()
    until(lambda: client.get("/v1/streams/s1").json()["state"] == "failed", "failed")
    assert "outside the folders" in client.get("/v1/streams/s1").json()["error"]
    time.sleep(0.3)
    assert not monitoring.streams.running  # and is not tried again and again


def test_one_that_was_just_forgotten_does_not_come_back(client, house_app, stocked, options):
    monitoring = house_app.state.house.monitoring
    gone = Stream("s1", "Gone", "http://127.0.0.1:9/live")
    with pytest.raises(StreamNotFoundError):
        watch(stocked, monitoring.desk, gone, options, monitoring.news, threading.Event())
    assert client.get("/v1/streams").json() == {"streams": []}


def test_what_another_process_keeps_counts_and_what_it_watches_is_left_to_it(
    client, house_app, station, stocked, monkeypatch
):
    """As `earmark streams` and `earmark watch --all` beside the service do it."""
    monkeypatch.setattr("earmark.service.tasks.streams.LOOK_EVERY_S", 0.05)
    settings = house_app.state.house.settings
    locks = open_stream_locks(stocked.folder)
    with Desk.open(stocked, settings) as desk:
        held = Stream("s1", "Held", station)
        assert locks.hold("s1")
        desk.store.put_stream(held)
        other = desk.add_stream("Other", station, options={"least_s": 3.0})
        until(lambda: desk.stream(other.id).state == "live", "watched")
        assert desk.stream("s1").state == "stopped"
        locks.let_go("s1")
        until(lambda: desk.stream("s1").state == "live", "taken over")
        assert not locks.hold("s1")
        url = client.patch(f"/v1/streams/{other.id}", json={"url": station + "?b"}).json()["url"]
        assert url == station + "?b"
        wrong = client.patch(f"/v1/streams/{other.id}", json={"url": "ftp://h/x"})
        assert wrong.status_code == 422
        desk.edit_stream("s1", wanted=False)
        until(lambda: desk.stream("s1").state == "stopped", "switched off")
        desk.remove_stream(other.id)
        until(lambda: not house_app.state.house.monitoring.streams.running, "let go")
