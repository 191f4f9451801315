"""The courier, against a real receiver; only time is made up."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace

import pytest
from webhook_host import made_detection, receiving

from earmark.audio.post import PostLimits
from earmark.errors import ConflictError, StoreUnavailableError, UsageError, WebhookNotFoundError
from earmark.monitor import webhooks
from earmark.monitor.delivering import Sender
from earmark.monitor.desk import Desk
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.outbox import delivery_shape, webhook_shape
from earmark.monitor.timeline import Happening
from earmark.monitor.webhooks import Courier
from earmark.stores.memory_monitor import MemoryMonitorStore

START = 1_700_000_000.0
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def host():
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch, host):
    monkeypatch.setenv("no_proxy", "*")
    host.told.clear()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def desk(tmp_path, clock):
    made = Desk(MemoryMonitorStore(), EvidenceRoom(tmp_path), library=None, clock=clock)
    made.sender = Sender(PostLimits(stall_s=0.4, total_s=0.8))
    return made


@pytest.fixture
def courier(desk):
    return Courier(desk, tick_s=0.02)


def soon(true, wait_s=5.0):
    until = time.monotonic() + wait_s
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def tell(desk, *numbers):
    for number in numbers:
        desk.tell("stream.down", {"stream": {"id": number}})


def test_a_delivery_is_signed_and_delivered_once(desk, courier, host):
    webhook = desk.add_webhook(host.url("/ok"))
    happening = Happening("close", 40.0, made_detection())
    entry = desk.log(happening, source="s", station="radio", origin="scan:1", zero_at=START)
    assert courier.run_due() == 1
    assert courier.run_due() == 0
    (told,) = host.told
    assert told.signed(webhook.secret, START)
    assert not told.signed(webhook.secret + "x", START)
    (delivery,) = desk.deliveries()
    assert told.headers["X-Earmark-Event"] == told.json["event"] == "detection.closed"
    assert told.headers["X-Earmark-Delivery"] == told.json["id"] == delivery.id
    assert told.headers["X-Earmark-Timestamp"] == str(int(START))
    assert told.headers["Content-Type"] == "application/json"
    assert told.json["detection"] == json.loads(json.dumps(entry.as_dict()))
    assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 1, 204)


@pytest.mark.parametrize("path", ["/status/500/3", "/status/404/3", "/status/429/3"])
def test_what_fails_is_tried_again_later_each_time(desk, courier, host, clock, path):
    webhook = desk.add_webhook(host.url(path))
    tell(desk, 1)
    for wait_s in (10, 30, 90):
        assert courier.run_due() == 1
        (delivery,) = desk.deliveries()
        assert (delivery.state, delivery.next_at) == ("pending", clock.now + wait_s)
        assert delivery.error.startswith(f"answered {path.split('/')[2]} ")
        clock.now += wait_s - 0.1
        assert courier.run_due() == 0
        clock.now += 0.1
    assert courier.run_due() == 1
    (delivery,) = desk.deliveries()
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 4, "")
    # Signed anew each time: a receiver that refuses old signatures takes it all the same.
    for told, at in zip(host.told, (0, 10, 40, 130), strict=True):
        assert told.headers["X-Earmark-Timestamp"] == str(int(START) + at)
        assert told.signed(webhook.secret, START + at)
    assert len({told.body for told in host.told}) == 1


def test_after_nine_hours_it_is_given_up_and_may_be_replayed(desk, courier, host, clock, caplog):
    webhook = desk.add_webhook(host.url("/status/503/9"))
    tell(desk, 1)
    tries = 0
    with caplog.at_level(logging.WARNING, logger="earmark.monitor"):
        while (delivery := desk.deliveries()[0]).state == "pending":
            clock.now = delivery.next_at
            tries += courier.run_due()
    assert (delivery.state, delivery.attempts, tries) == ("dead", 9, 9)
    assert clock.now - START == pytest.approx(9.11 * HOUR_S, rel=0.01)
    assert f"delivery {delivery.id} to webhook {webhook.id} is given up" in caplog.text
    clock.now += 1000 * HOUR_S
    assert courier.run_due() == 0
    assert desk.deliveries(states=["dead"]) == [delivery]
    again = desk.replay(delivery.id)
    assert (again.id, again.body, again.attempts) == (delivery.id, delivery.body, 0)
    assert courier.run_due() == 1
    assert desk.deliveries()[0].state == "delivered"
    assert len({told.headers["X-Earmark-Delivery"] for told in host.told}) == 1


@pytest.mark.parametrize(
    ("asked", "wait_s"), [("25", 25.0), ("3", 10.0), ("99999", HOUR_S), ("soon", 10.0)]
)
def test_retry_after_is_heeded_up_to_an_hour(desk, courier, host, clock, asked, wait_s):
    desk.add_webhook(host.url(f"/status/429/9/{asked}/x"))
    tell(desk, 1)
    courier.run_due()
    assert desk.deliveries()[0].next_at == clock.now + wait_s


def test_gone_is_gone_until_a_test_succeeds(desk, courier, host, clock):
    webhook = desk.add_webhook(host.url("/status/410/2/0/gone"))
    tell(desk, 1, 2)
    assert courier.run_due() == 1
    first, second = reversed(desk.deliveries())
    assert (first.state, first.status, second.state) == ("dead", 410, "dead")
    assert second.error == "the webhook is switched off"
    assert desk.webhook(webhook.id).active is False
    tell(desk, 3)
    assert len(desk.deliveries()) == 2
    with pytest.raises(ConflictError, match="switched off"):
        desk.replay(first.id)
    assert desk.test_webhook(webhook.id).state == "dead"  # the second 410
    assert desk.test_webhook(webhook.id).state == "delivered"
    assert desk.webhook(webhook.id).active is True
    desk.replay(first.id)
    assert courier.run_due() == 1
    assert desk.store.delivery(first.id).state == "delivered"


def test_redirects_early_ends_and_refused_lines_are_failures(desk, courier, host):
    for path in ("/moved", "/close", "/garbage"):
        desk.add_webhook(host.url(path))
    desk.add_webhook("http://127.0.0.1:9/x")
    tell(desk, 1)
    assert courier.run_due() == 4
    assert {one.state for one in desk.deliveries()} == {"pending"}
    errors = " | ".join(one.error for one in reversed(desk.deliveries()))
    assert "answered 302 Found, and redirects are not followed" in errors
    assert errors.count("cannot be reached") == 3
    assert "/ok/moved" not in host.paths()


def test_one_that_hangs_holds_up_nobody_and_is_asked_once_a_round(desk, courier, host, clock):
    desk.add_webhook(host.url("/hang"))
    desk.add_webhook(host.url("/drip"))
    fine = desk.add_webhook(host.url("/ok"))
    tell(desk, *range(20))
    desk.sender = Sender(PostLimits(stall_s=1.0, total_s=1.0))
    courier.start()
    assert soon(lambda: len(desk.deliveries(fine.id, ["delivered"])) == 20)
    # Before the first one has run out of time.
    assert all(one.attempts == 0 for one in desk.deliveries(states=["pending"]))
    assert soon(lambda: not any(one.attempts == 0 for one in desk.deliveries()))
    courier.stop()
    assert (host.paths().count("/hang"), host.paths().count("/drip")) == (1, 1)
    waiting = desk.deliveries(states=["pending"])
    assert len(waiting) == 40
    assert {one.attempts for one in waiting} == {1}
    assert {one.next_at for one in waiting} == {clock.now + 10}
    assert sum("not tried" in one.error for one in waiting) == 38


def test_four_are_asked_at_once(desk, courier, host, monkeypatch):
    for number in range(8):
        desk.add_webhook(host.url(f"/hang/{number}"))
    tell(desk, 1)
    done = threading.Thread(target=courier.run_due)
    done.start()
    assert soon(lambda: len(host.told) == 4)
    time.sleep(0.1)
    assert len(host.told) == 4
    done.join()
    assert len(host.told) == 8


def test_a_test_is_delivered_at_once_and_once(desk, courier, host):
    webhook = desk.add_webhook(host.url("/ok"), ["scan.done"])
    tried = desk.test_webhook(webhook.id)
    assert (tried.state, tried.event, tried.attempts) == ("delivered", "webhook.test", 1)
    assert host.told[0].signed(webhook.secret, START)
    assert host.told[0].json["webhook"] == {"id": webhook.id, "note": ""}
    failing = desk.add_webhook(host.url("/status/500"))
    tried = desk.test_webhook(failing.id)
    assert (tried.state, tried.error) == ("dead", "answered 500 Internal Server Error")
    assert courier.run_due(START + 1000 * HOUR_S) == 0
    with pytest.raises(WebhookNotFoundError, match="no webhook 'x'"):
        desk.test_webhook("x")


def test_a_webhook_that_is_removed_is_told_nothing(desk, courier, host):
    webhook = desk.add_webhook(host.url("/ok"))
    tell(desk, 1)
    desk.remove_webhook(webhook.id)
    assert (courier.run_due(), desk.deliveries()) == (0, [])
    with pytest.raises(WebhookNotFoundError):
        desk.remove_webhook(webhook.id)
    hanging = desk.add_webhook(host.url("/hang"))
    tell(desk, 1)
    courier.start()
    assert soon(lambda: host.told)
    desk.remove_webhook(hanging.id)
    courier.stop()
    assert desk.deliveries() == []


def test_what_a_killed_courier_had_in_hand_comes_again(desk, courier, host, clock):
    desk.add_webhook(host.url("/ok"))
    tell(desk, 1)
    assert len(desk.store.claim_deliveries(clock.now, clock.now + webhooks.HELD_S, 20)) == 1
    assert courier.run_due() == 0
    clock.now += webhooks.HELD_S
    assert courier.run_due() == 1
    assert desk.deliveries()[0].state == "delivered"


def test_more_than_fits_in_memory_waits_in_the_store(desk, courier, host, clock, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_WAITING", 3)
    desk.add_webhook(host.url("/ok"))
    tell(desk, *range(60))
    courier.run_due()
    assert {one.next_at for one in desk.deliveries(states=["pending"])} == {
        clock.now + webhooks.COME_AGAIN_S
    }
    while courier.run_due() or desk.deliveries(states=["pending"]):
        clock.now += webhooks.COME_AGAIN_S
    assert sorted(told.json["stream"]["id"] for told in host.told) == list(range(60))


def test_a_stopped_courier_lets_go_and_starts_again(desk, courier, host, clock):
    hanging = desk.add_webhook(host.url("/hang"))
    fine = desk.add_webhook(host.url("/ok"))
    tell(desk, 1, 2)
    with courier:
        courier.start()  # twice is once
        assert soon(lambda: len(desk.deliveries(fine.id, ["delivered"])) == 2)
    assert not [one for one in threading.enumerate() if one.name.startswith("earmark-")]
    later, now = (one.next_at for one in reversed(desk.deliveries(hanging.id)))
    assert (later, now) == (clock.now + 10, clock.now)  # one was in hand, one waited
    tell(desk, 3)
    courier.start()
    assert soon(lambda: len(desk.deliveries(fine.id, ["delivered"])) == 3)
    courier.stop()


def test_a_store_that_is_away_for_a_while_stops_nothing(desk, courier, host, monkeypatch, caplog):
    fine = desk.add_webhook(host.url("/ok"))
    away = threading.Event()
    real = desk.store.claim_deliveries

    def claim(*asked):
        if not away.is_set():
            raise StoreUnavailableError("the store is away")
        return real(*asked)

    monkeypatch.setattr(desk.store, "claim_deliveries", claim)
    tell(desk, 1)
    with caplog.at_level(logging.WARNING, logger="earmark.monitor"), courier:
        assert soon(lambda: "webhooks wait: the store is away" in caplog.text)
        away.set()
        assert soon(lambda: desk.deliveries(fine.id, ["delivered"]))


def test_what_was_delivered_is_forgotten_in_the_end(desk, courier, host, clock):
    desk.add_webhook(host.url("/ok"))
    tell(desk, 1)
    courier.run_due()
    clock.now += webhooks.KEPT_S + 1
    with courier:
        assert soon(lambda: desk.deliveries() == [])


def test_secrets_are_shown_nowhere(desk, courier, host, caplog):
    mine = desk.add_webhook(host.url("/status/500"), secret="s3cret-s3cret-s3cret")
    made = desk.add_webhook(host.url("/ok"))
    tell(desk, 1)
    with caplog.at_level(logging.DEBUG):
        courier.run_due()
    shown = [
        *map(repr, desk.webhooks()), *map(str, map(webhook_shape, desk.webhooks())),
        *map(repr, desk.deliveries()), *map(str, map(delivery_shape, desk.deliveries())),
        repr(desk), repr(courier), caplog.text,
    ]  # fmt: skip
    assert not [text for text in shown if mine.secret in text or made.secret in text]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"events": ["detection.close"]},
            "no event 'detection.close'; there are: detection.opened",
        ),
        ({"actions": ["ban"]}, "no action 'ban'"),
        ({"secret": "short"}, "16 to 200 ASCII"),
        ({"secret": "with a blank in it all"}, "16 to 200 ASCII"),
        ({"url": "ftp://host"}, "not an http or https URL"),
    ],
)
def test_what_makes_no_webhook_is_said(desk, how, words):
    with pytest.raises(UsageError, match=words) as caught:
        desk.add_webhook(**({"url": "http://host/"} | how))
    assert "blank in it all" not in caught.value.message
    assert desk.webhooks() == []


def test_private_hosts_only_where_they_are_allowed(tmp_path, clock, host):
    desk = Desk(
        MemoryMonitorStore(), EvidenceRoom(tmp_path), library=None, clock=clock, public_only=True
    )
    with pytest.raises(UsageError, match="public internet"):
        desk.add_webhook(host.url("/ok"))
    sneaky = desk.add_webhook(f"http://ip6-localhost.example:{host.port}/ok")
    desk.store.put_webhook(replace(sneaky, url=host.url("/ok")))  # its name leads here now
    tell(desk, 1)
    Courier(desk).run_due()
    assert "not an address of the public internet" in desk.deliveries()[0].error
    assert host.told == []


def test_those_that_hang_are_waited_for_together_not_one_by_one(desk, courier, host):
    for number in range(4):
        desk.add_webhook(host.url(f"/hang/{number}"))
    tell(desk, 1)
    desk.sender = Sender(PostLimits(stall_s=2.5, total_s=2.5))
    courier.start()
    assert soon(lambda: len(host.told) == 4)
    began_s = time.monotonic()
    courier.stop(0.4)
    assert time.monotonic() - began_s < 1.2
