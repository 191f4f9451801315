"""What every store of monitoring owes its callers: the log, rules, streams, scans, webhooks."""

from __future__ import annotations

import random
import threading
import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import numpy as np
import pytest
from monitor_records import (
    DAY_S,
    DELIVERY,
    NO_TEXT,
    OUTAGE,
    REJECTION,
    RULE,
    SCAN,
    STREAM,
    WEBHOOK,
    make_decision,
    make_entry,
)

from earmark.errors import (
    DamagedIndexError,
    DeliveryNotFoundError,
    DetectionNotFoundError,
    RuleNotFoundError,
    ScanNotFoundError,
    StreamNotFoundError,
    WebhookNotFoundError,
)
from earmark.ports import Decision, Outage, Wanted
from earmark.stores.memory_monitor import MemoryMonitorStore
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_monitor import RedisMonitorStore
from earmark.stores.sqlite_monitor import SqliteMonitorStore
from earmark.types import Span

GROUPINGS = ("track", "artist", "day", "hour", "station", "action", "ruling")
ENTRIES = [make_entry(seed) for seed in range(80)]


class TwiceClient(RedisClient):
    """Sends every request again, as if the first answer had been lost on the way."""

    def call(self, *command):
        super().call(*command)
        return super().call(*command)


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster", "twice"])
def opening(request, tmp_path):
    """Open the same store again; in memory there is but one."""
    held, namespace = [], uuid.uuid4().hex
    names = {"redis": "redis_host", "cluster": "redis_cluster_host", "twice": "redis_host"}
    host = request.getfixturevalue(names[request.param]) if request.param in names else None

    def opened():
        if request.param == "memory":
            held.append(held[0] if held else MemoryMonitorStore())
        elif request.param == "sqlite":
            held.append(SqliteMonitorStore(tmp_path / "monitor", 10.0))
        else:
            kind = TwiceClient if request.param == "twice" else RedisClient
            address = RedisAddress("127.0.0.1", host.port, namespace=namespace)
            held.append(RedisMonitorStore(kind(address)))
        return held[-1]

    yield opened
    for store in held:
        store.close()


@pytest.fixture
def store(opening):
    return opening()


@pytest.fixture
def full(store):
    for entry in ENTRIES:
        store.put_entry(entry)
    return store


def latest_first(entries):
    return sorted(entries, key=lambda entry: (entry.began_at, entry.id), reverse=True)


def ids(entries):
    return [entry.id for entry in entries]


def together(*runs):
    """Run functions at once, and raise what one of them raises."""
    gate, wrong = threading.Barrier(len(runs)), []

    def run(one):
        gate.wait()
        try:
            one()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- entries -----------------------------------------------------------------------------


def test_entries_come_back_as_they_were_kept(full, opening):
    assert full.entries(Wanted(), limit=1000) == latest_first(ENTRIES)
    again = opening()
    assert [again.entry(entry.id) for entry in ENTRIES] == ENTRIES
    assert again.entry("d0001").detection.track.number == ENTRIES[1].detection.track.number > 0


def test_numbers_of_numpy_are_numbers(store):
    entry = ENTRIES[0]
    piece = replace(entry.detection.pieces[0], score=np.float32(0.5), query=Span(np.float64(1), 2))
    store.put_entry(
        replace(entry, detection=replace(entry.detection, pieces=(piece,), score=np.int64(3)))
    )
    assert store.entry(entry.id).detection.pieces == (piece,)


def test_what_is_not_there(full):
    for missing in (
        full.entry,
        full.delete_entry,
        lambda name: full.entries(Wanted(), before=name),
        lambda name: full.decide(name, Decision("reject", "Ann", 1.0)),
    ):
        for name in ("d9999", "", "\udcff"):
            with pytest.raises(DetectionNotFoundError, match="no detection '"):
                missing(name)


def test_overwriting_keeps_decisions_and_nothing_else(store, opening):
    first = replace(ENTRIES[0], decisions=())
    store.put_entry(first)
    decision = Decision("reject", "Ann", 5.5, "not it")
    assert store.decide(first.id, decision) == replace(first, decisions=(decision,))
    later = replace(
        make_entry(777), detection=replace(first.detection, open=not first.detection.open)
    )
    later = replace(later, decisions=(replace(decision, by="Bo"), decision))
    opening().put_entry(later)
    assert store.entry(first.id) == replace(later, decisions=(decision,))
    assert ids(store.entries(Wanted(ruling="reject"))) == ids(store.entries(Wanted())) == ["d0000"]
    assert store.entries(Wanted(ruling="none")) == []
    assert store.entries(Wanted(open=first.detection.open)) == []
    assert [t.key for t in store.totals(Wanted(station=later.station), "ruling")] == ["reject"]
    store.delete_entry(first.id)
    assert store.entries(Wanted()) == store.totals(Wanted(), "track") == []
    store.put_entry(first)
    assert store.entry(first.id) == first


def test_what_an_entry_was_is_not_found_any_more(store):
    """A detection that goes on may turn out to be of another track, and to begin earlier."""
    kept = next(entry for entry in ENTRIES if entry.detection.track.id == "t3")
    store.put_entry(kept)
    other = next(entry for entry in ENTRIES if entry.detection.track.id == "t8")
    assert (kept.detection.track.tags, other.detection.track.tags) == (("tag0", "tag1", "tag2"), ())
    detection = replace(kept.detection, track=other.detection.track)
    moved = replace(kept, detection=detection, began_at=10.5, station="S", origin="o")
    store.put_entry(moved)
    was = (
        Wanted(track_id="t3"),
        Wanted(tag="tag0"),
        Wanted(station=kept.station),
        Wanted(origin=kept.origin),
        Wanted(since=11.0),
        Wanted(text=kept.detection.track.title),
    )
    assert [store.entries(wanted) for wanted in was] == [[]] * len(was)
    for wanted in (
        Wanted(track_id="t8"),
        Wanted(station="S"),
        Wanted(origin="o"),
        Wanted(until=11),
    ):
        assert store.entries(wanted) == [moved]
    assert [total.count for total in store.totals(Wanted(), "track")] == [1]


def test_a_decision_is_found_by_the_last_ruling(store):
    store.put_entry(replace(ENTRIES[0], decisions=()))
    rng = random.Random(1)
    made = [make_decision(rng) for _ in range(6)]
    for count, decision in enumerate(made, 1):
        assert store.decide("d0000", decision).decisions == tuple(made[:count])
        for ruling in ("confirm", "reject", "unsure", "none"):
            wanted = Wanted(ruling=ruling)
            assert len(store.entries(wanted)) == (ruling == decision.ruling)
            assert len(store.totals(wanted, "track")) == (ruling == decision.ruling)


def test_no_decision_is_lost_among_many(store, opening):
    store.put_entry(replace(ENTRIES[0], decisions=()))
    other = opening()

    def deciding(by, where):
        for at in range(8):
            where.decide("d0000", Decision("unsure", by, float(at)))

    def putting():
        for _ in range(8):
            other.put_entry(replace(ENTRIES[0], decisions=()))

    together(
        lambda: deciding("a", store), lambda: deciding("b", store),
        lambda: deciding("c", other), putting,
    )  # fmt: skip
    trail = store.entry("d0000").decisions
    assert len(trail) == 24
    for by in "abc":
        assert [decision.at for decision in trail if decision.by == by] == list(range(8))


WISHES = (
    Wanted(),
    Wanted(station="Radio 1"),
    Wanted(station=NO_TEXT, action="review"),
    Wanted(station="", text="", tag="", track_id=""),
    Wanted(station="none of them"),
    Wanted(origin="stream:1", ruling="none"),
    Wanted(origin="stream:1", track_id="t3"),
    Wanted(track_id="t5", station="Straße FM"),
    Wanted(tag="tag2"),
    Wanted(tag="tag"),
    Wanted(action="block", ruling="confirm"),
    Wanted(ruling="none", action="review"),
    Wanted(open=True),
    Wanted(open=False, least_confidence=0.5),
    Wanted(least_s=60.0, ruling="reject"),
    Wanted(since=1.76e9 + DAY_S, until=1.76e9 + 2 * DAY_S),
    Wanted(since=1.76e9 + DAY_S, station="Radio 1"),
    Wanted(until=1.76e9 + DAY_S),
    Wanted(since=3e9),
    Wanted(text="STRASSE"),
    Wanted(text="titel 音楽"),
    Wanted(text="'\"\\"),
)


def is_wanted(entry, wanted):
    """Say it again, in the plainest way."""
    detection, track = entry.detection, entry.detection.track
    words = [track.title, track.artist, entry.station, entry.source, track.source]
    return not (
        (wanted.station and wanted.station != entry.station)
        or (wanted.origin and wanted.origin != entry.origin)
        or (wanted.track_id and wanted.track_id != track.id)
        or (wanted.tag and wanted.tag not in track.tags)
        or (wanted.action and wanted.action != entry.action)
        or (wanted.ruling and wanted.ruling != (entry.ruling or "none"))
        or (wanted.open is not None and wanted.open != detection.open)
        or (wanted.since is not None and entry.began_at < wanted.since)
        or (wanted.until is not None and entry.began_at >= wanted.until)
        or detection.confidence < wanted.least_confidence
        or detection.played_s < wanted.least_s
        or (wanted.text and all(wanted.text.casefold() not in word.casefold() for word in words))
    )


def test_what_is_wanted_is_found_and_nothing_else(full):
    counts = []
    for wanted in WISHES:
        expected = ids(latest_first(entry for entry in ENTRIES if is_wanted(entry, wanted)))
        counts.append(len(expected))
        assert ids(full.entries(wanted, limit=1000)) == expected, wanted
        pages, before = [], None
        while page := ids(full.entries(wanted, before=before, limit=7)):
            pages += page
            before = page[-1]
            assert len(pages) <= len(expected), wanted
        assert pages == expected, wanted
    assert sorted(counts)[:3] == [0, 0, 0]
    assert sum(0 < count < 40 for count in counts) > 12


def test_a_page_begins_at_the_exact_time(full):
    at = ENTRIES[5].began_at
    assert "d0005" in ids(full.entries(Wanted(since=at), limit=1000))
    assert "d0005" not in ids(full.entries(Wanted(until=at), limit=1000))


def test_every_entry_is_met_once_while_others_come_and_are_decided(full):
    """The queue of what is undecided: each one decided leaves it, the page's last one too."""
    wanted, met, before, added = Wanted(ruling="none"), [], None, 0
    due = {entry.id for entry in ENTRIES if not entry.decisions}
    while page := full.entries(wanted, before=before, limit=5):
        for entry in page:
            full.decide(entry.id, Decision("confirm", "Ann", 1.0))
            added += 1
            full.put_entry(make_entry(1000 + added))
        met += ids(page)
        before = met[-1]
        assert len(met) == len(set(met))
    assert due <= set(met)


# --- totals ------------------------------------------------------------------------------


def keyed(entry, by):
    at = datetime.fromtimestamp(entry.began_at // 3600 * 3600, UTC)
    track = entry.detection.track
    return {
        "track": (track.id, track.label),
        "artist": (track.artist,) * 2,
        "day": (at.strftime("%Y-%m-%d"),) * 2,
        "hour": (at.strftime("%Y-%m-%dT%H"), at.strftime("%Y-%m-%d %H:%M")),
        "station": (entry.station.replace("\udcff\udc80", "??"),) * 2,
        "action": (entry.action,) * 2,
        "ruling": (entry.ruling or "none",) * 2,
    }[by]


def test_totals_are_what_adding_up_gives(full):
    wishes = (Wanted(), Wanted(station="Radio 1", action="review"), Wanted(tag="tag1"))
    for by, wanted in product(GROUPINGS, wishes):
        sums = defaultdict(list)
        for entry in ENTRIES:
            if is_wanted(entry, wanted):
                sums[keyed(entry, by)].append(entry.detection.played_s)
        told = full.totals(wanted, by, 1000)
        assert {(total.key, total.label): total.count for total in told} == {
            key: len(played) for key, played in sums.items()
        }
        for total in told:
            assert total.played_s == pytest.approx(sum(sums[total.key, total.label]))
        if by in ("day", "hour"):
            assert [total.key for total in told] == sorted(total.key for total in told)
            assert full.totals(wanted, by, 3) == told[-3:]
        else:
            played = [total.played_s for total in told]
            assert played == sorted(played, reverse=True)
            assert full.totals(wanted, by, 3) == told[:3]


def test_a_track_is_called_what_it_was_called_last(store):
    for at in (3, 9, 1):
        detection = replace(ENTRIES[0].detection, id=f"d{at}")
        detection = replace(detection, track=replace(detection.track, artist="A", title=f"T{at}"))
        store.put_entry(replace(ENTRIES[0], detection=detection, began_at=float(at)))
    (total,) = store.totals(Wanted(), "track")
    assert (total.label, total.count) == ("A - T9", 3)
    assert [t.key for t in store.totals(Wanted(), "day")] == ["1970-01-01"]


# --- rejected pairs, rules ---------------------------------------------------------------


def test_rejected_pairs(store):
    other = replace(REJECTION, detection_id="d2", reference=Span(0.0, 5.0))
    store.put_rejection(REJECTION)
    store.put_rejection(other)
    store.put_rejection(replace(REJECTION, detection_id="d3", station=NO_TEXT))
    assert store.rejections("Radio 1", "t1") == [REJECTION, other]
    assert [r.station for r in store.rejections(NO_TEXT, "t1")] == [NO_TEXT]
    assert store.rejections("Radio 1", "t2") == store.rejections("Radio", "1t1") == []
    moved = replace(REJECTION, track_id="t2")
    store.put_rejection(moved)
    assert store.rejections("Radio 1", "t1") == [other]
    assert store.rejections("Radio 1", "t2") == [moved]
    store.delete_rejection("d1")
    store.delete_rejection("d1")
    assert store.rejections("Radio 1", "t2") == []


def test_rules(store, opening):
    others = [replace(RULE, id=f"r{n}", track_id=None, created_at=9.0 - n) for n in (3, 2)]
    for rule in (RULE, *others, replace(RULE, note="new")):
        store.put_rule(rule)
    assert opening().rules() == [replace(RULE, note="new"), *others]
    store.delete_rule("r3")
    assert [rule.id for rule in store.rules()] == ["r1", "r2"]
    with pytest.raises(RuleNotFoundError, match="'r3'"):
        store.delete_rule("r3")


# --- streams, outages, scans -------------------------------------------------------------


def test_streams(store, opening):
    assert store.streams() == []
    second = replace(STREAM, id="s0", created_at=1.0, wanted=False)
    store.put_stream(STREAM)
    store.put_stream(second)
    assert opening().streams() == [STREAM, second]
    asked = replace(STREAM, name="New", url="http://other", wanted=False, options={})
    store.put_stream(asked)
    store.tell_stream(replace(STREAM, state="down", state_at=9.0, heard_s=1.5, error=""))
    told = store.stream("s1")
    assert (told.name, told.url, told.wanted, told.options) == ("New", "http://other", False, {})
    assert (told.state, told.state_at, told.heard_s, told.reconnects) == ("down", 9.0, 1.5, 2)
    assert (told.error, told.created_at) == ("", STREAM.created_at)
    assert [stream.id for stream in store.streams()] == ["s1", "s0"]


def test_a_forgotten_stream_stays_forgotten(store):
    store.put_stream(STREAM)
    store.put_stream(replace(STREAM, id="s2"))
    store.put_outage(OUTAGE)
    store.put_outage(replace(OUTAGE, id="o2", stream_id="s2"))
    store.delete_stream("s1")
    store.tell_stream(STREAM)
    assert [stream.id for stream in store.streams()] == ["s2"]
    assert store.outages("s1") == []
    assert len(store.outages("s2")) == 1
    for missing in (store.stream, store.delete_stream):
        with pytest.raises(StreamNotFoundError, match="'s1'"):
            missing("s1")


def test_outages_end(store):
    store.put_stream(STREAM)
    made = [Outage(f"o{n}", "s1", 10.0 * n, None, "stalled") for n in range(5)]
    for outage in (*made, replace(made[2], until=25.5), replace(made[0], id="x", stream_id="s2")):
        store.put_outage(outage)
    assert store.outages("s1", 3) == [made[4], made[3], replace(made[2], until=25.5)]
    assert len(store.outages("s1")) == 5


def test_scans(store, opening):
    made = [replace(SCAN, id=f"c{n}", created_at=9.0 - n, key=f"k{n % 2}") for n in range(5)]
    for scan in made:
        store.put_scan(scan)
    done = replace(made[1], state="done", duration_s=60.5, done_s=60.5, error={"code": "x"})
    store.put_scan(done)
    made[1] = done
    again = opening()
    assert [again.scan(scan.id) for scan in made] == made
    assert [again.scan_of(key) for key in ("k0", "k1", "k")] == [made[4], made[3], None]
    short = [replace(scan, checkpoint=None, timeline=None) for scan in reversed(made)]
    assert again.scans() == short
    assert again.scans(limit=2) == short[:2]
    assert again.scans(before="c3", limit=2) == short[2:4]
    assert again.scans(before="c0") == []
    store.delete_scan("c3")
    assert again.scan_of("k1") == done
    for missing in (store.scan, store.delete_scan, lambda name: store.scans(before=name)):
        with pytest.raises(ScanNotFoundError, match="'c3'"):
            missing("c3")


# --- webhooks ----------------------------------------------------------------------------


def test_webhooks(store, opening):
    second = replace(WEBHOOK, id="w0", active=False, events=(), actions=())
    for webhook in (WEBHOOK, second, replace(WEBHOOK, secret="other")):
        store.put_webhook(webhook)
    assert opening().webhooks() == [replace(WEBHOOK, secret="other"), second]
    store.put_delivery(DELIVERY)
    store.put_delivery(replace(DELIVERY, id="e2", webhook_id="w0"))
    store.delete_webhook("w1")
    assert [delivery.id for delivery in store.deliveries()] == ["e2"]
    assert [d.id for d in store.claim_deliveries(1e9, 2e9)] == ["e2"]
    assert store.webhooks() == [second]
    with pytest.raises(WebhookNotFoundError, match="'w1'"):
        store.delete_webhook("w1")


def test_deliveries_are_paged_by_arrival(store):
    states = ("pending", "delivered", "dead")
    made = [
        replace(DELIVERY, id=f"e{n}", webhook_id=f"w{n % 2}", state=states[n % 3], status=n)
        for n in range(12)
    ]
    for delivery in made:
        store.put_delivery(delivery)
    made[0] = replace(made[0], state="dead", attempts=8, error="no \udcff")
    store.put_delivery(made[0])
    for webhook_id in (None, "w0", "w1", "w"):
        for asked in ((), ("dead",), ("pending", "dead"), ("delivered", "delivered")):
            expected = [
                delivery
                for delivery in reversed(made)
                if webhook_id in (None, delivery.webhook_id)
                and (not asked or delivery.state in asked)
            ]
            assert store.deliveries(webhook_id, asked) == expected
            assert store.deliveries(webhook_id, asked, limit=1) == expected[:1]
            later = [delivery for delivery in expected if delivery.status < 7]
            assert store.deliveries(webhook_id, asked, before="e7") == later
    assert store.delivery("e0") == made[0]
    for missing in (store.delivery, lambda name: store.deliveries(before=name)):
        with pytest.raises(DeliveryNotFoundError, match="'e99'"):
            missing("e99")


def test_what_is_due_is_claimed_and_comes_again(store):
    times = {"e1": 30.0, "e2": 10.0, "e3": 10.0, "e10": 10.0, "e4": 40.0, "e5": 10.0}
    for name, at in times.items():
        state = "dead" if name == "e5" else "pending"
        store.put_delivery(replace(DELIVERY, id=name, next_at=at, state=state))

    def claimed(now, until, limit=20):
        told = store.claim_deliveries(now, until, limit)
        assert {delivery.next_at for delivery in told} <= {until}
        return [delivery.id for delivery in told]

    assert claimed(9.0, 100.0) == []
    assert claimed(30.0, 100.5, 3) == ["e2", "e3", "e10"]
    assert claimed(30.0, 100.25) == ["e1"]
    assert claimed(39.0, 100.0) == []
    assert store.delivery("e2") == replace(DELIVERY, id="e2", next_at=100.5)
    assert [d.next_at for d in store.deliveries()] == [10.0, 40.0, 100.5, 100.5, 100.5, 100.25]
    store.put_delivery(replace(DELIVERY, id="e2", state="delivered", next_at=0.0))
    store.put_delivery(replace(DELIVERY, id="e3", attempts=1, next_at=70.0))
    assert claimed(200.0, 300.0) == ["e4", "e3", "e1", "e10"]
    assert store.delivery("e3").attempts == 1


def test_each_is_claimed_once_by_many(store, opening):
    names = [f"e{n}" for n in range(60)]
    for name in names:
        store.put_delivery(replace(DELIVERY, id=name, next_at=0.0))
    claimed = []

    def claiming(where):
        while told := where.claim_deliveries(100.0, 200.0, 4):
            claimed.extend(delivery.id for delivery in told)

    other = opening()
    together(*[lambda where=where: claiming(where) for where in (store, other, store)])
    assert sorted(claimed) == sorted(names)


def test_old_deliveries_are_forgotten(store):
    for number, state in enumerate(("delivered", "dead", "pending", "delivered", "delivered")):
        made = replace(DELIVERY, id=f"e{number}", state="pending", created_at=10.0 * number)
        store.put_delivery(made)
        store.put_delivery(replace(made, state=state))
    assert (store.forget_deliveries(40.0), store.forget_deliveries(40.0)) == (2, 0)
    assert [delivery.id for delivery in store.deliveries()] == ["e4", "e2", "e1"]
    assert [delivery.id for delivery in store.deliveries(states=["delivered"])] == ["e4"]
    with pytest.raises(DeliveryNotFoundError):
        store.delivery("e0")


# --- what only Redis owes ----------------------------------------------------------------


@pytest.fixture
def bare(redis_host):
    client = RedisClient(RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex))
    store = RedisMonitorStore(client)
    yield store, client
    store.close()


def test_nothing_is_left_of_what_was_forgotten(bare):
    store, client = bare
    for entry in ENTRIES[:5]:
        store.put_entry(entry)
    store.put_rejection(REJECTION)
    store.put_stream(STREAM)
    store.put_outage(OUTAGE)
    store.put_scan(SCAN)
    store.put_webhook(WEBHOOK)
    store.put_delivery(DELIVERY)
    store.claim_deliveries(100.0, 200.0)
    for entry in ENTRIES[:5]:
        for ruling in ("unsure", "confirm"):
            store.decide(entry.id, Decision(ruling, "Ann", 1.0))
        store.delete_entry(entry.id)
    store.delete_rejection("d1")
    store.delete_stream("s1")
    store.delete_scan("c1")
    store.delete_webhook("w1")
    keys = {key.decode().partition("}:")[2] for key in client.call("KEYS", client.key("*"))}
    answered = {key for key in keys if ":done:" in key or ":claimed:" in key}
    assert keys - answered == {"monitor:seq"}
    assert all(client.call("PTTL", client.key(key)) > 0 for key in answered)


def test_a_record_that_makes_no_sense_is_damage(bare):
    store, client = bare
    store.put_entry(ENTRIES[0])
    store.put_rule(RULE)
    client.call("HSET", client.key("monitor:entries:one:d0000"), "record", "[1]")
    client.call("HSET", client.key("monitor:rules:one:r1"), "record", '{"id": "r1", "newer": 1}')
    for use in (lambda: store.entry("d0000"), store.rules):
        with pytest.raises(
            DamagedIndexError, match=r"the monitoring log in redis://.* cannot read"
        ):
            use()


# --- what grows old ----------------------------------------------------------------------

FEW = ENTRIES[:36]


@pytest.fixture
def few(store, monkeypatch):
    """Some entries, more than one request looks at."""
    monkeypatch.setattr("earmark.stores.sqlite_monitor_aging._AT_ONCE", 3)
    monkeypatch.setattr("earmark.stores.sqlite_monitor_aging._PAGE", 7)
    monkeypatch.setattr("earmark.stores.redis_monitor_aging.PAGE", 7)
    for entry in FEW:
        store.put_entry(entry)
    return store


def test_old_entries_are_forgotten_but_not_what_goes_on_was_confirmed_or_came_late(few, opening):
    middle = sorted(entry.began_at for entry in FEW)[24]
    late = replace(make_entry(200), began_at=middle - 9.0, logged_at=middle + 1.0, decisions=())
    few.put_entry(replace(late, detection=replace(late.detection, open=False)))
    old = [one for one in FEW if one.began_at < middle and not one.detection.open]
    confirmed = {one.id for one in old if one.ruling == "confirm"}
    rejected = next(one for one in old if one.ruling == "reject")
    pair = replace(REJECTION, station=rejected.station, detection_id=rejected.id)
    few.put_rejection(pair)
    assert confirmed
    assert len(confirmed) < len(old) < 24

    assert few.forget_entries(middle) == len(old) - len(confirmed)
    left = {one.id for one in few.entries(Wanted(), limit=1000)}
    assert left == ({one.id for one in FEW} - {one.id for one in old}) | confirmed | {late.id}
    assert opening().rejections(rejected.station, "t1") == [pair]
    for by in GROUPINGS:
        assert sum(total.count for total in few.totals(Wanted(), by)) == len(left)
    tagged = sum(len(few.entries(Wanted(tag=f"tag{n}"), limit=1000)) for n in range(3))
    assert tagged == sum(len(few.entry(one).detection.track.tags) for one in left)

    assert few.forget_entries(middle) == 0
    assert few.forget_entries(middle, confirmed=True) == len(confirmed)
    assert few.entry(late.id).logged_at == middle + 1.0


def test_clips_are_told_and_given_up(few, opening):
    with_clip = [one for one in latest_first(FEW) if one.evidence is not None]
    told = list(few.clips())
    assert [
        (one.entry_id, one.sha256, one.bytes, one.aged_from, one.ruling, one.open) for one in told
    ] == [
        (e.id, e.evidence.sha256, e.evidence.bytes, e.began_at, e.ruling, e.detection.open)
        for e in with_clip
    ]
    first, second, *_ = told
    changed = replace(second, sha256="ab" * 32)  # another run has kept another clip of it
    gone = replace(first, entry_id="nobody")
    decided = replace(told[2], ruling="unsure" if told[2].ruling != "unsure" else None)
    assert few.drop_clips([first, changed, gone, decided], 77.5) == [first]
    assert few.drop_clips([first], 88.5) == []
    again = opening()
    entry = again.entry(first.entry_id)
    assert entry == replace(with_clip[0], evidence=replace(with_clip[0].evidence, pruned_at=77.5))
    assert entry in again.entries(Wanted(), limit=1000)
    assert list(again.clips()) == told[1:]
    again.put_entry(with_clip[0])  # it is heard once more
    assert next(iter(few.clips())) == first


def test_a_scan_and_what_is_told_of_it_are_one(store, opening):
    store.put_webhook(WEBHOOK)
    told = [replace(DELIVERY, id=name, next_at=at) for name, at in (("e7", 7.0), ("e8", 8.0))]
    store.put_scan(replace(SCAN, state="done"), told)
    again = opening()
    assert again.scan("c1").state == "done"
    assert again.scan_of(SCAN.key) == again.scan("c1")
    assert ids(again.deliveries(WEBHOOK.id, ("pending",))) == ["e8", "e7"]
    (claimed,) = again.claim_deliveries(7.5, 70.0)
    again.put_delivery(replace(claimed, state="delivered", next_at=0.0))
    # Told once more, it stays what it is; what is new is added.
    more = replace(told[0], id="e9", next_at=9.0)
    store.put_scan(replace(SCAN, state="failed"), [*told, more])
    assert again.delivery("e7").state == "delivered"
    assert ids(again.claim_deliveries(10.0, 70.0)) == ["e8", "e9"]
    assert again.forget_deliveries(60.0) == 1


def test_a_scan_that_cannot_be_kept_tells_nothing(store):
    with pytest.raises((TypeError, AttributeError)):
        store.put_scan(replace(SCAN, state="done"), [replace(DELIVERY, id="e7"), None])
    assert store.deliveries() == []
    assert store.scans() == []
