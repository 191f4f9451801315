"""Requests to real servers that refuse, are away, are full or are something else."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import closing

import pytest
from redis_host import RedisHost, free_port, wanted

from earmark.errors import DiskFullError, EarmarkError, StoreUnavailableError
from earmark.stores.redis_address import RedisAddress, redis_address
from earmark.stores.redis_client import RedisClient, RedisPatience, Script

SHORT = RedisPatience(connect_s=0.5, answer_s=2.0, total_s=0.5)


@pytest.fixture
def own_host(tmp_path):
    """Start servers of this test with options; they end with it."""
    wanted()
    hosts = []

    def started(*options: str, **how) -> RedisHost:
        hosts.append(RedisHost(tmp_path / str(len(hosts)), options=options, **how))
        hosts[-1].start()
        return hosts[-1]

    yield started
    for host in hosts:
        host.stop()


def client_of(port: int, **address) -> RedisClient:
    return RedisClient(RedisAddress("127.0.0.1", port, namespace="t", **address), SHORT)


def refusal(client: RedisClient, kind: type[EarmarkError] = StoreUnavailableError) -> str:
    """Return the one sentence that a request fails with."""
    with closing(client), pytest.raises(kind) as caught:
        client.call("SET", client.key("x"), "y" * 1000)
    message = caught.value.message
    assert "\n" not in message
    assert str(client.address.port) in message or client.address.host in message
    return message


@pytest.fixture
def client(redis_host):
    with closing(client_of(redis_host.port)) as client:
        yield client


# --- what works ----------------------------------------------------------------------------------


def test_keys_of_the_catalogue_share_a_slot_and_shards_have_their_own(client):
    assert client.key("meta") == "em:{t}:meta"
    assert client.key("has", "recording") == "em:{t}:has:recording"
    assert client.sharded("b17", "covers") == "em:{t.b17}:covers"


def test_several_commands_take_one_round_trip(client):
    client.call("PING")
    before = client.round_trips
    answers = client.calls([["SET", client.key("a"), 1], ["GET", client.key("a")], ["PING"]])
    assert answers[1] == b"1"
    assert client.round_trips == before + 1
    assert client.calls([]) == []


def test_a_script_that_a_server_forgot_is_sent_again(client):
    script = Script("return ARGV[1] .. '!'")
    client.know(script)
    assert client.run(script, [client.key("a")], "x") == b"x!"
    client.call("SCRIPT", "FLUSH")
    assert client.run(script, [client.key("a")], "y") == b"y!"
    client.call("SCRIPT", "FLUSH")
    commands = [script.command([client.key("a")], [word]) for word in ("p", "q", "r")]
    assert client.calls([*commands, ["PING"]])[:3] == [b"p!", b"q!", b"r!"]


def test_one_redis_is_no_cluster(client):
    assert not client.cluster
    assert client.primaries() == [client.address.server]
    assert list(client.everywhere("PING")) == client.primaries()


def test_a_cluster_is_found_out_by_asking(redis_cluster_host):
    with closing(client_of(redis_cluster_host.port)) as client:
        assert client.cluster
        assert len(client.primaries()) == 3
        assert len(client.everywhere("DBSIZE")) == 3
        keys = [client.sharded(f"b{at}", "x") for at in range(30)]
        client.calls(["SET", key, at] for at, key in enumerate(keys))
        script = Script("return redis.call('GET', KEYS[1])")
        client.know(script)
        before = client.round_trips
        got = client.calls(script.command([key], []) for key in keys)
        assert got == [b"%d" % at for at in range(30)]
        assert client.round_trips == before + 2  # once that the nodes did not know the script
        client.calls(["UNLINK", key] for key in keys)


def test_a_request_waits_for_a_server_that_comes_back(own_host):
    host = own_host()
    address = RedisAddress("127.0.0.1", host.port, namespace="t")
    with closing(RedisClient(address, RedisPatience(total_s=10.0))) as client:
        client.call("SET", client.key("x"), "kept")
        host.kill()
        timer = threading.Timer(0.5, host.start)
        timer.start()
        assert client.call("GET", client.key("x")) == b"kept"
        timer.join()


# --- what is refused -----------------------------------------------------------------------------


def test_a_server_that_is_away_is_named():
    started = time.monotonic()
    message = refusal(client_of(free_port()))
    assert message.endswith("cannot be reached; start it or check the address")
    assert time.monotonic() - started < 5


def test_a_host_without_a_name_is_named():
    client = RedisClient(RedisAddress("no-such-host.invalid"), SHORT)
    assert "no host is called 'no-such-host.invalid'" in refusal(client)


def test_a_server_that_stands_still_is_given_up(own_host):
    host = own_host()
    host.pause()
    try:
        patience = RedisPatience(connect_s=0.5, answer_s=0.5, total_s=0.5)
        address = RedisAddress("127.0.0.1", host.port)
        assert "cannot be reached" in refusal(RedisClient(address, patience))
    finally:
        host.resume()


@pytest.mark.parametrize("options", [("--requirepass", "secret"), ()])
@pytest.mark.parametrize(
    "credentials",
    [{"password": "wrong-one"}, {"user": "nobody", "password": "wrong-one"}],
)
def test_a_wrong_password_is_said_without_repeating_it(own_host, options, credentials):
    message = refusal(client_of(own_host(*options).port, **credentials))
    assert "refuses the user or the password" in message
    assert "EARMARK_REDIS_PASSWORD" in message
    assert "wrong-one" not in message


def test_no_password_where_one_is_needed(own_host):
    host = own_host("--requirepass", "secret")
    assert "refuses the user or the password" in refusal(client_of(host.port))
    with closing(client_of(host.port, password="secret")) as client:
        assert client.call("PING") in (True, b"PONG")


def test_rights_that_are_missing_are_named(own_host):
    rights = ["reader", "on", ">pw", "~em:*", "+@read", "+info", "+eval", "+evalsha"]
    host = own_host("--user", *rights)
    address = {"user": "reader", "password": "pw"}
    assert "does not let the user do what earmark needs" in refusal(client_of(host.port, **address))
    with closing(client_of(host.port, **address)) as client:
        script = Script("return redis.call('SET', KEYS[1], 1)")
        with pytest.raises(StoreUnavailableError, match="see docs/scaling"):
            client.run(script, [client.key("x")])


def test_a_database_that_is_not_there(redis_host, redis_cluster_host):
    for port in (redis_host.port, redis_cluster_host.port):
        assert "has no database 99" in refusal(client_of(port, database=99))
    with closing(client_of(redis_host.port, database=3)) as client:
        assert client.call("SET", client.key("x"), 1)
    assert "a cluster has database 0" in refusal(client_of(redis_cluster_host.port, database=1))


def test_a_full_server_is_a_full_disk(own_host):
    host = own_host("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    message = refusal(client_of(host.port), DiskFullError)
    assert "takes no more" in message
    with closing(client_of(host.port)) as client:
        script = Script("return redis.call('SET', KEYS[1], 1)")
        with pytest.raises(DiskFullError, match="nothing acknowledged is lost"):
            client.run(script, [client.key("x")])
        with pytest.raises(DiskFullError):
            client.calls([["PING"], ["SET", client.key("x"), 1]])


def test_a_read_only_replica_is_not_ready(own_host):
    first = own_host()
    second = own_host("--replicaof", f"127.0.0.1 {first.port}")
    assert "is not ready" in refusal(client_of(second.port))


def test_tls_asked_of_a_plain_server(redis_host):
    patience = RedisPatience(connect_s=0.5, answer_s=0.5, total_s=0.5)
    address = RedisAddress("127.0.0.1", redis_host.port, tls=True)
    assert "write redis:// for one without" in refusal(RedisClient(address, patience))


@pytest.fixture
def certificate(tmp_path):
    """A certificate that signs itself, for 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def test_tls_with_an_authority_of_ones_own(own_host, certificate):
    key, cert = certificate
    tls_port = free_port()
    own_host(
        "--tls-port", str(tls_port), "--tls-cert-file", str(cert), "--tls-key-file", str(key),
        "--tls-ca-cert-file", str(cert), "--tls-auth-clients", "no",
    )  # fmt: skip
    url = f"rediss://127.0.0.1:{tls_port}/0?ns=t"
    with closing(RedisClient(redis_address(f"{url}&ca={cert}"), SHORT)) as client:
        assert client.call("SET", client.key("x"), 1)
    assert "ca=FILE" in refusal(RedisClient(redis_address(url), SHORT))
    assert str(tls_port) in refusal(client_of(tls_port))


def test_a_port_that_speaks_something_else():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with pytest.raises(OSError):
                while True:
                    asker, _ = server.accept()
                    with asker:
                        asker.recv(1000)
                        asker.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        message = refusal(client_of(server.getsockname()[1]))
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert re.search(r"is no Redis \(.*\); check the port", message)
