"""The home of a library in Redis: a manifest that several change, a place that is remembered."""

from __future__ import annotations

import threading
import uuid
from contextlib import closing
from dataclasses import replace

import pytest

from earmark.errors import DamagedIndexError, LibraryLockedError, UsageError
from earmark.shared_home import FRESH_S, RedisHome
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_notes import RedisNotes


@pytest.fixture
def address(redis_host):
    return RedisAddress("127.0.0.1", redis_host.port, namespace=uuid.uuid4().hex)


@pytest.fixture
def client(address):
    with closing(RedisClient(address)) as client:
        yield client


@pytest.fixture
def home(address, client):
    home = RedisHome(address, client, "http://ann:hush@one:19530")
    home.create()
    return home


def test_the_first_to_create_it_says_where_vectors_are(address, client, home):
    assert home.exists()
    before = home.manifest()
    RedisHome(address, client, "http://two:19530").create()
    assert home.manifest() == before
    assert before.vectors["uri"] == "http://one:19530"
    assert b"hush" not in RedisNotes(client).manifest()


def test_a_place_is_remembered_and_may_get_another_name(address, client, home):
    kept = home.manifest().vectors["ns"]
    remembered = RedisHome(address, client)
    assert remembered.place().milvus.uri == "http://one:19530"
    assert remembered.place().milvus.namespace == kept
    renamed = RedisHome(replace(address, vectors="http://three:19530"), client, "http://two:19530")
    assert renamed.place().milvus.uri == "http://three:19530"  # the URL goes over the settings
    assert renamed.settle([]) is False  # the same vectors under another name: nothing is moved
    assert remembered.manifest().vectors == {"uri": "http://three:19530", "ns": kept}


def test_a_token_comes_from_the_settings(address, client, home):
    assert RedisHome(address, client, token="key").place().milvus.token == "key"


def test_without_a_milvus_nothing_is_made(address, client):
    for vectors in ("", "embedded"):
        nowhere = RedisHome(address, client, vectors)
        with pytest.raises(UsageError, match=r"needs a Milvus.*&vectors=http://HOST:19530"):
            nowhere.create()
        assert not nowhere.exists()


def test_changes_of_several_follow_each_other(address, client, home):
    def change(number: int) -> None:
        mine = RedisHome(address, client)
        for at in range(5):
            mine.change(lambda m, name=f"engine{number}.{at}": m.with_digest(name, "d"))

    threads = [threading.Thread(target=change, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(home.manifest().digests) == 15


def test_a_manifest_that_never_holds_still_is_given_up(home, monkeypatch):
    monkeypatch.setattr(RedisNotes, "put_manifest", lambda *_: False)
    with pytest.raises(LibraryLockedError, match="being changed all the time"):
        home.change(lambda manifest: manifest.switched("sound", False))


def test_what_another_switches_is_seen_a_moment_later(address, client, home, monkeypatch):
    mine = RedisHome(address, client)
    assert mine.latest().off == frozenset()
    home.change(lambda manifest: manifest.switched("sound", False))
    trips = client.round_trips
    assert mine.latest().off == frozenset()  # believed for a while, without a question
    assert client.round_trips == trips
    seen = mine._seen
    mine._seen = (seen[0] - FRESH_S - 0.1, seen[1])
    assert mine.latest().off == {"sound"}


def test_a_damaged_manifest_is_named(client, home):
    client.call("SET", client.key("manifest"), b"{")
    with pytest.raises(DamagedIndexError, match=r"the manifest of redis://127.0.0.1"):
        home.manifest()


def test_notes_are_agreed_on_by_the_first(client, home):
    room = home.room("sound", {"model": "auto"})
    assert room.shared
    assert room.note("statistics") is None
    assert room.agree("statistics", b"one") == b"one"
    assert room.agree("statistics", b"two") == b"one"
    room.keep("statistics", b"three")
    assert room.note("statistics") == b"three"
    room.keep("statistics", None)
    assert room.agree("statistics", b"four") == b"four"
    room.discard()
    assert room.note("statistics") is None
    assert (room.choice("model"), room.wish("model")) == (None, "auto")
