"""``/v1/webhooks`` over HTTP, and a real receiver that is told."""

from __future__ import annotations

import time

import pytest
from webhook_host import made_detection, receiving

from earmark.config import ServeSettings
from earmark.monitor.timeline import Happening


@pytest.fixture
def options():
    return ServeSettings(threads=2, rate_per_minute=0, grace_s=2.0, private_urls=True)


def logged(desk, name):
    where = {"source": "a", "station": "Radio", "origin": "stream:s1", "zero_at": 0.0}
    return desk.log(Happening("close", 1.0, made_detection(name)), **where)


def until(look, what):
    ends_s = time.monotonic() + 15
    while not (found := look()):
        assert time.monotonic() < ends_s, what
        time.sleep(0.02)
    return found


def test_a_webhook_is_made_tried_told_and_replayed(client, house_app):
    desk = house_app.state.house.monitoring.desk
    with receiving() as receiver:
        asked = {"url": receiver.url("/ok"), "events": ["detection.closed"], "note": "mine"}
        made = client.post("/v1/webhooks", json=asked)
        assert made.status_code == 201, made.text
        secret = made.json()["secret"]
        address = made.headers["Location"]
        kept = {name: value for name, value in made.json().items() if name != "secret"}
        assert client.get("/v1/webhooks").json() == {"webhooks": [kept]}
        assert secret not in client.get("/v1/webhooks").text

        test = client.post(f"{address}/test").json()
        assert (test["state"], test["status"], test["event"]) == ("delivered", 204, "webhook.test")
        logged(desk, "d1")
        told = until(
            lambda: [one for one in receiver.told if one.json["event"] == "detection.closed"],
            "told",
        )[0]
        assert told.signed(secret, time.time())
        assert told.json["detection"]["id"] == "d1"
        delivered = until(
            lambda: (
                client.get(f"{address}/deliveries?state=delivered&limit=1").json()["deliveries"]
                if len(receiver.told) == 2
                else None
            ),
            "listed",
        )[0]
        page = until(
            lambda: (
                len(
                    (found := client.get(f"{address}/deliveries?state=delivered").json())[
                        "deliveries"
                    ]
                )
                == 2
                and found
            ),
            "both",
        )
        delivered = page["deliveries"][0]
        assert (delivered["event"], delivered["body"]) == ("detection.closed", told.json)
        again = client.post(f"/v1/webhooks/deliveries/{delivered['id']}/replay")
        assert (again.status_code, again.json()["state"]) == (202, "pending")
        until(lambda: len(receiver.told) == 3, "replayed")
        assert client.delete(address).status_code == 204
    assert client.get(f"{address}/deliveries").json()["code"] == "webhook_not_found"
    assert client.delete(address).status_code == 404
    assert client.post(f"{address}/test").status_code == 404
    lost = client.post("/v1/webhooks/deliveries/none/replay")
    assert lost.json()["code"] == "delivery_not_found"


def test_what_makes_no_sense(client):
    for told in [
        {"url": "ftp://example.org/"},
        {"events": ["detection.lost"]},
        {"actions": ["burn"]},
        {"secret": "short"},
    ]:
        answer = client.post("/v1/webhooks", json={"url": "https://example.org/"} | told)
        assert answer.status_code == 422, told
    assert client.get("/v1/webhooks").json() == {"webhooks": []}
