"""The truth in Redis: what its checks find, what it asks of Redis, and how little."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace

import pytest
from redis_host import RedisHost

from earmark.errors import (
    DamagedIndexError,
    DiskFullError,
    StoreUnavailableError,
    TrackNotFoundError,
)
from earmark.ports import NewTrack, StoredFeatures, TrackChanges
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient, RedisPatience
from earmark.stores.redis_persistence import persistence_faults
from earmark.stores.redis_tracks import RedisTrackStore

SHORT = RedisPatience(connect_s=0.5, answer_s=5.0, total_s=0.5)
USER = "earmark"
# As docs/scaling.md gives them; the order counts.
RIGHTS = [
    USER, "on", ">pw", "~em:*", "-@all", "+@read", "+@write", "-@dangerous", "+eval", "+evalsha",
    "+time", "+info", "+ping", "+config|get", "+command", "+cluster|slots", "+select",
]  # fmt: skip


def new(name: str, audio: str | None = None, **fields: object) -> NewTrack:
    audio = audio or f"audio-{name}"
    features = {"recording": StoredFeatures("d1", f"peaks of {audio}".encode())}
    track = NewTrack(f"/music/{name}.ogg", f"content-{name}", audio, 12.5, features)
    return replace(track, **fields)


@pytest.fixture(params=["redis_host", "redis_cluster_host"])
def client(request):
    host = request.getfixturevalue(request.param)
    address = RedisAddress("127.0.0.1", host.port, namespace=uuid.uuid4().hex)
    with closing(RedisClient(address, SHORT)) as client:
        yield client


@pytest.fixture
def store(client):
    with closing(RedisTrackStore(client, 5.0)) as store:
        yield store


@pytest.fixture
def own_host(tmp_path):
    """Start servers of this test with options; they end with it."""
    hosts = []

    def started(*options: str) -> RedisHost:
        hosts.append(RedisHost(tmp_path / str(len(hosts)), options=options))
        hosts[-1].start()
        return hosts[-1]

    yield started
    for host in hosts:
        host.stop()


# --- tags ----------------------------------------------------------------------------------------


def test_tags_are_looked_up(store):
    tracks = store.put(
        [new(f"t{at}", tags=("all", "even" if at % 2 == 0 else "odd")) for at in range(40)]
    )
    even = [track.number for track in tracks[::2]]
    assert store.by_tags(["even"]).tolist() == even
    assert store.by_tags(["all", "even"]).tolist() == even
    assert store.by_tags(["odd", "even"]).tolist() == []
    assert store.by_tags(["no"]).tolist() == []
    store.delete([tracks[0].id])
    store.update(tracks[2].id, TrackChanges(tags=("odd", "\udcff")))
    assert store.by_tags(["even"]).tolist() == even[2:]
    assert store.by_tags(["\udcff", "odd"]).tolist() == [even[1]]


def test_tags_are_a_tracks_and_not_a_numbers(store):
    one, two = store.put([new("x", "same", tags=("p",)), new("y", "same", tags=("q", "r"))])
    assert one.number == two.number
    assert store.by_tags(["p", "q"]).tolist() == []
    assert store.by_tags(["q", "r"]).tolist() == [one.number]


def test_tags_reach_over_chunks(store, client):
    store.put([new("first", tags=("t",))])
    client.call("HSET", client.key("meta"), "next_place", 5000)
    (far,) = store.put([new("far", tags=("t",))])
    assert store.by_tags(["t"]).tolist() == [1, far.number]
    assert [track.source for track in store.page(None, 9)] == ["/music/first.ogg", "/music/far.ogg"]


# --- round trips ---------------------------------------------------------------------------------


@pytest.fixture
def trips(client, store):
    """Count how often a call waits for Redis, the scripts being known."""
    tracks = store.put([new(f"w{at}", tags=("t",)) for at in range(64)])
    store.put([new("w0", "other audio")])
    store.update(tracks[1].id, TrackChanges(title="x"))
    store.delete([tracks[2].id])
    store.get(tracks[1].id), store.page(None, 1), store.by_number([1])

    def counted(call) -> int:
        before = client.round_trips
        call(tracks)
        return client.round_trips - before

    return counted


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (lambda s, t: s.get(t[1].id), 1),
        (lambda s, t: s.by_number([track.number for track in t[3:8]]), 1),
        (lambda s, t: s.page(None, 50), 1),
        (lambda s, t: s.page(t[9].id, 50), 1),
        (lambda s, t: s.source_state("/music/w5.ogg"), 1),
        (lambda s, t: s.by_content("content-w5"), 1),
        (lambda s, t: list(s.features("recording", [x.number for x in t])), 1),
        (lambda s, t: s.numbers("recording"), 1),
        (lambda s, t: s.revision(), 1),
        (lambda s, t: s.totals(), 1),
        (lambda s, t: s.put([new(f"n{at}") for at in range(32)]), 5),
        (lambda s, t: s.update(t[4].id, TrackChanges(title="y")), 1),
        (lambda s, t: s.delete([x.id for x in t[10:40]]), 6),
    ],
)
def test_what_is_asked_takes_few_round_trips(store, trips, call, most):
    assert trips(lambda tracks: call(store, tracks)) <= most


# --- check ---------------------------------------------------------------------------------------


@pytest.fixture
def two_tracks(store):
    return store.put([new("a", "x", tags=("t",), cover=b"c"), new("b", "y")])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (("HDEL", "sources", "*"), "is not found by its source"),
        (("HDEL", "contents", "*"), "is not found by its content"),
        (("HDEL", "audios", "1"), "refers to audio 1, which is missing"),
        (("HDEL", "audio_ids", "*"), "audio 2 is not found by its audio id"),
        (("HDEL", "rows", "1"), "points to no track"),
        (("HDEL", "rows", "1"), "the lookup of sources points to place 1, where no track is"),
        (("HDEL", "rows", "1"), "audio 1 refers to a track that is missing"),
        (("HSET", "rows", "1", "rot"), "the row at place 1 makes no sense"),
        (("HSET", "ids", "ghost", "77"), "the id 'ghost' points to no track"),
        (("HSET", "audio_ids", "ghost", "77"), "points to audio 77, which is missing"),
        (("SETBIT", "live", 1, 0), "is not found in the listing"),
        (("SETBIT", "live", 9, 1), "3 tracks are listed and 2 are there"),
        (("SETRANGE", "numbers", 4, "zzzz"), "is not found in the listing"),
        (("SETBIT", "has:recording", 9, 1), "audio 9 has lost its features of 'recording'"),
        (("SETBIT", "has:recording", 1, 0), "features of 'recording' are left of audio 1"),
        (("HINCRBY", "meta", "tracks", 5), "7 tracks are counted and 2 are there"),
        (("HINCRBY", "meta", "audios", -1), "1 audios are counted and 2 are there"),
    ],
)
def test_check_finds(store, client, two_tracks, harm, told):
    assert store.check() == []
    command, name, *rest = harm
    if rest == ["*"]:
        rest = client.call("HKEYS", client.key(name))
    client.call(command, client.key(name), *rest)
    faults = store.check()
    assert any(told in fault for fault in faults), faults
    assert all("\n" not in fault and client.address.uri in fault for fault in faults)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (("features", "recording"), "audio 1 has lost its features of 'recording'"),
        (("covers",), "the cover 1 of a track is missing"),
    ],
)
def test_check_finds_what_the_shards_have_lost(store, client, two_tracks, name, told):
    client.call("HDEL", client.sharded("b0", *name), 1)
    (fault,) = store.check()
    assert told in fault


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (("features", "recording"), "features of 'recording' are left of audio 258"),
        (("covers",), "the cover 258 is left of a track that is gone"),
    ],
)
def test_check_finds_what_nobody_refers_to(store, client, two_tracks, name, told):
    client.call("HSET", client.sharded("b4", *name), 258, "left over")
    (fault,) = store.check()
    assert told in fault


def test_many_are_hidden_in_parts_or_none_is(store, monkeypatch):
    monkeypatch.setattr("earmark.stores.redis_tracks.HIDDEN_AT_ONCE", 3)
    tracks = store.put([new(name) for name in "abcdefgh"])
    ids = [track.id for track in tracks]
    with pytest.raises(TrackNotFoundError, match="nobody"):
        store.hide([*ids[:6], "nobody"])
    assert store.count() == 8
    assert store.hide([*ids[:7], ids[0]]) == sorted(track.number for track in tracks[:7])
    assert [track.id for track in store.page(None, 10)] == ids[7:]
    store.forget(store.leftovers())
    assert store.check() == []


def test_what_nobody_refers_to_is_deleted_when_asked(store, client, two_tracks):
    with store.writing():
        stage = store.stage([new("staged", cover=b"d")])
        for name in (("features", "recording"), ("covers",)):
            client.call("HSET", client.sharded("b4", *name), 258, "left over")
        assert len(store.check()) == 2
        assert len(store.mend()) == 2
        assert (store.check(), store.mend()) == ([], [])
        (track,) = store.publish(stage).tracks  # what is on its way is left alone
    assert store.cover(track.id) == b"d"
    assert len(list(store.features("recording", [1, 2, track.number]))) == 3


def test_check_tells_many_faults_of_a_kind_together(store, client, two_tracks):
    client.call("HSET", client.key("ids"), *(word for at in range(80) for word in (f"g{at}", 99)))
    faults = store.check()
    assert len(faults) == 51
    assert "30 more faults like" in faults[-1]


def test_features_that_are_cut_short_are_damage(store, client, two_tracks):
    client.call("HSET", client.sharded("b0", "features", "recording"), 1, b"\xff\xffshort")
    with pytest.raises(DamagedIndexError, match="number 1 for 'recording'"):
        list(store.features("recording", [1]))


# --- what Redis refuses --------------------------------------------------------------------------


def test_a_full_redis_is_a_full_disk_and_loses_nothing(own_host):
    host = own_host("--maxmemory-policy", "noeviction")
    address = RedisAddress("127.0.0.1", host.port, namespace="t")
    with closing(RedisClient(address, SHORT)) as client:
        store = RedisTrackStore(client, 5.0)
        kept = store.put([new("a")])
        client.call("CONFIG", "SET", "maxmemory", 1)
        with pytest.raises(DiskFullError, match="takes no more"):
            store.put([new("b")])
        assert store.page(None, 9) == kept
        client.call("CONFIG", "SET", "maxmemory", 0)
        store.put([new("b")])
        assert store.count() == 2
        store.forget(store.leftovers())
        assert store.check() == []
        store.close()


@pytest.mark.parametrize("cluster", [False, True])
def test_the_rights_that_are_written_down_suffice(request, cluster):
    host = request.getfixturevalue("redis_cluster_host" if cluster else "redis_host")
    nodes = host.nodes if cluster else [host]
    for node in nodes:
        with closing(RedisClient(RedisAddress("127.0.0.1", node.port))) as root:
            root.everywhere("ACL", "SETUSER", *RIGHTS)
    address = RedisAddress("127.0.0.1", host.port, namespace=uuid.uuid4().hex)
    mine = replace(address, user=USER, password="pw")
    with closing(RedisClient(mine, SHORT)) as client, closing(RedisTrackStore(client)) as store:
        tracks = store.put([new("a", tags=("t",), cover=b"c"), new("b")])
        store.update(tracks[0].id, TrackChanges(title="x"))
        store.claim(["/a"])
        with store.alone():
            store.replace_features("recording", {tracks[0].number: StoredFeatures("d", b"x")})
        assert store.cover(tracks[0].id) == b"c"
        assert len(store.page(None, 9, "x")) == 1
        store.delete([tracks[1].id])
        assert (store.leftovers(), store.check()) == ([], [])
        assert persistence_faults(client) == []
        with pytest.raises(StoreUnavailableError, match="does not let the user"):
            client.call("FLUSHALL")


# --- restarts ------------------------------------------------------------------------------------


def test_numbers_that_a_restart_may_have_lost_are_not_given_again(own_host):
    host = own_host("--appendfsync", "everysec")
    address = RedisAddress("127.0.0.1", host.port, namespace="t")
    with closing(RedisClient(address)) as client, closing(RedisTrackStore(client)) as store:
        assert [track.number for track in store.put([new("a"), new("b")])] == [1, 2]
        assert [track.number for track in store.put([new("c")])] == [3]
        host.stop()
        host.start()
        (track,) = store.put([new("d")])
        assert track.number == 3 + 100_000 + 1
        (track,) = store.put([new("e")])
        assert track.number == 3 + 100_000 + 2
        assert store.check() == []


# --- persistence ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), []),
        (("--appendonly", "no"), ["`appendonly yes`"]),
        (("--appendfsync", "everysec"), []),
        (("--appendfsync", "no"), ["`appendfsync everysec`"]),
        (("--maxmemory-policy", "allkeys-lru"), ["may delete tracks"]),
        (
            ("--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb", "--appendonly", "no"),
            ["deletes tracks when its memory is full", "`appendonly yes`"],
        ),
    ],
)
def test_settings_that_lose_tracks_are_told(own_host, options, told):
    host = own_host(*options)
    with closing(RedisClient(RedisAddress("127.0.0.1", host.port), SHORT)) as client:
        faults = persistence_faults(client)
    assert len(faults) == len(told)
    for fault, words in zip(faults, told, strict=True):
        assert words in fault
        assert client.address.server in fault


def test_settings_that_may_not_be_read_are_taken_as_good(own_host):
    host = own_host("--appendonly", "no", "--rename-command", "CONFIG", "")
    with closing(RedisClient(RedisAddress("127.0.0.1", host.port), SHORT)) as client:
        assert persistence_faults(client) == []
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        persistence_faults(RedisClient(RedisAddress("127.0.0.1", 1), SHORT))
