"""URLs of libraries in Redis: what they mean, and what they never show."""

from __future__ import annotations

import pytest

from earmark.errors import UsageError
from earmark.stores.milvus_address import milvus_address
from earmark.stores.redis_address import RedisAddress, is_redis, redis_address


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("redis://db", RedisAddress("db")),
        ("redis://db/", RedisAddress("db")),
        ("redis://db:7000/3?ns=music", RedisAddress("db", 7000, 3, "music")),
        ("valkey://db", RedisAddress("db")),
        ("rediss://db?ca=/etc/ca.pem", RedisAddress("db", tls=True, ca="/etc/ca.pem")),
        ("valkeys://db", RedisAddress("db", tls=True)),
        ("REDISS://db", RedisAddress("db", tls=True)),
        ("redis://:p%40ss%2F@db", RedisAddress("db", password="p@ss/")),
        ("redis://ann:pw@db", RedisAddress("db", user="ann", password="pw")),
        ("redis://[::1]:7000", RedisAddress("::1", 7000)),
        (
            "redis://db?ns=a_B-1&vectors=http://u:p@milvus:19530",
            RedisAddress("db", namespace="a_B-1", vectors="http://u:p@milvus:19530"),
        ),
    ],
)
def test_urls_are_understood(text, wanted):
    assert is_redis(text)
    assert redis_address(text) == wanted


def test_a_password_beside_the_url_counts_where_it_has_none():
    assert redis_address("redis://db", "beside").password == "beside"
    assert redis_address("redis://:own@db", "beside").password == "own"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("redis://", "no such address"),
        ("http://db", "no such address"),
        ("redis://db:port", "redis(s)://"),
        ("redis://db:70000", "redis(s)://"),
        ("redis://db/music", "a database is a number; write / ? # @ :"),
        ("redis://db/-1", "a database is a number"),
        ("redis://db?ns=", "not ''"),
        ("redis://db?ns=a b", "not 'a b'"),
        ("redis://db?ns=a{b}", "a namespace is"),
        ("redis://db?ns=" + "x" * 41, "1 to 40 letters"),
        ("redis://db?colour=red", "only ns, vectors and ca"),
        ("redis://db#part", "only ns, vectors and ca"),
    ],
)
def test_what_makes_no_sense_is_refused(text, told):
    with pytest.raises(UsageError) as caught:
        redis_address(text)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_secrets_are_never_shown():
    text = "redis://ann:secret@db/2?ns=music&vectors=http://u:hidden@milvus:19530"
    address = redis_address(text)
    for shown in (str(address), repr(address), address.uri, address.server):
        assert "secret" not in shown
        assert "hidden" not in shown
    for wrong in (text.replace("/2", "/x"), text + "&what=1", text.replace("db", "db:x")):
        with pytest.raises(UsageError) as caught:
            redis_address(wrong)
        assert "secret" not in caught.value.message


@pytest.mark.parametrize("scheme", ["redis", "http"])
@pytest.mark.parametrize("password", ["se/cret", "secret/", "secret", "se?cret", "se#cret"])
def test_a_password_that_ends_the_host_early_is_not_repeated(scheme, password):
    read = redis_address if scheme == "redis" else milvus_address
    host = "/" if password == "secret" else "@db:6379"  # the password as a port, or what follows
    with pytest.raises(UsageError) as caught:
        read(f"{scheme}://ann:{password}{host}")
    for part in ("secret", "'se", "cret"):
        assert part not in caught.value.message.replace("secrets", "")


@pytest.mark.parametrize(
    "text", ["redis://ann@db:6379/2?ns=music", "rediss://[::1]:7000/0?ns=earmark"]
)
def test_what_is_shown_means_the_same_again(text):
    assert redis_address(text).uri == text


@pytest.mark.parametrize("text", ["music", "/srv/redis", "http://db", "redis:db", "rediss", ""])
def test_other_places_are_no_redis(text):
    assert not is_redis(text)
