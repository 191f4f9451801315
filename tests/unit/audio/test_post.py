"""Bytes sent to a server on this machine."""

from __future__ import annotations

import socket
import time

import pytest
from webhook_host import receiving

from earmark.audio._guard import Guard
from earmark.audio.post import PostLimits, post, refuse_address
from earmark.errors import UsageError

QUICK = PostLimits(stall_s=0.3, total_s=0.6)


@pytest.fixture(scope="module")
def host():
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def sent(host, path, limits=QUICK, **how):
    return post(host.url(path), b"hello", {"X-A": "b"}, limits, **how)


def test_a_body_arrives_with_its_headers(host):
    assert (sent(host, "/ok").status, sent(host, "/ok").error) == (204, "")
    told = host.told[-1]
    assert (told.body, told.headers["X-A"], told.headers["Content-Length"]) == (b"hello", "b", "5")


def test_statuses_are_told(host):
    assert sent(host, "/status/503").error == "answered 503 Service Unavailable"
    assert sent(host, "/status/799").error == "answered 799 an unknown status"
    assert sent(host, "/status/429/9/17").retry_after_s == 17.0
    assert sent(host, "/status/429/9/soon").retry_after_s is None
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    assert sent(host, f"/status/503/9/{date}").retry_after_s == pytest.approx(100, abs=5)


def test_redirects_are_not_followed(host):
    reply = sent(host, "/moved")
    assert (reply.status, reply.error) == (
        302,
        "answered 302 Found, and redirects are not followed",
    )
    assert "/ok/moved" not in host.paths()


def test_what_goes_wrong_is_told_without_the_address(host):
    told = {path: sent(host, path) for path in ("/hang", "/drip", "/close", "/garbage")}
    assert {path: reply.slow for path, reply in told.items()} == {
        "/hang": True, "/drip": True, "/close": False, "/garbage": False,
    }  # fmt: skip
    assert told["/hang"].error == "did not answer within 0.3 s"
    assert told["/drip"].error == "was not done after 0.6 s"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told["refused"] = post(f"http://127.0.0.1:{port}/s3cret", b"", {}, QUICK)
    told["nobody"] = post("http://nobody.invalid/s3cret", b"", {}, QUICK)
    told["file"] = post("file:///s3cret", b"", {}, QUICK)
    for reply in told.values():
        assert reply.status == 0
        assert reply.error
        assert "s3cret" not in reply.error
        assert "127.0.0.1" not in reply.error


def test_private_hosts_are_refused_where_only_public_ones_may_be(host):
    before = len(host.told)
    reply = sent(host, "/ok", PostLimits(public_only=True))
    assert "not an address of the public internet" in reply.error
    assert len(host.told) == before
    guard = Guard(
        resolve=lambda name, port: ["93.184.215.14"],
        dial=lambda at, wait: socket.create_connection(("127.0.0.1", at[1]), wait),
    )
    assert sent(host, "/ok", PostLimits(public_only=True), guard=guard).status == 204


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/a", "not an http or https URL"),
        ("host/a", "not an http or https URL"),
        ("http://host/a b", "not an http or https URL"),
        ("http://host/a\nb", "not an http or https URL"),
        ("http://", "has no host"),
        ("http:///path", "has no host"),
        ("http://host:99999/", "no proper host and port"),
        ("http://[::1/", "no proper host and port"),
        ("https://me:pw@host/", "no user name and password"),
    ],
)
def test_addresses_that_nobody_can_post_to(url, words):
    with pytest.raises(UsageError, match=words) as caught:
        refuse_address(url, public_only=False)
    assert "pw" not in caught.value.message


def test_private_addresses_are_named_at_once_where_they_are_not_allowed():
    for host in ("127.0.0.1", "localhost", "10.1.2.3", "[::1]"):
        refuse_address(f"http://{host}:8080/x", public_only=False)
        with pytest.raises(UsageError, match="public internet"):
            refuse_address(f"http://{host}:8080/x", public_only=True)
    refuse_address("https://example.org/hook?token=1", public_only=True)
