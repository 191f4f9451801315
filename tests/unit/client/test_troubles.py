"""Whatever a service or the network does, an earmark error of one sentence comes of it."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import time
import traceback

import pytest

from earmark import errors
from earmark.client import AsyncClient, Client
from earmark.client.refusals import KINDS, refusal
from earmark.client.reply import Reply
from earmark.errors import (
    BodyTooLargeError,
    BusyError,
    EarmarkError,
    ExtraMissingError,
    ForbiddenError,
    InvalidRequestError,
    RateLimitedError,
    RequestError,
    ServiceError,
    TimedOutError,
    TrackNotFoundError,
    UnauthorizedError,
    UsageError,
)

KEY = "ek_abcdefghij_" + "S" * 43


def test_every_code_becomes_its_class():
    for code, kind in KINDS.items():
        body = f'{{"status": 418, "code": "{code}", "detail": "so it is"}}'.encode()
        error = refusal(Reply("http://x", 418, {"x-request-id": "r7", "retry-after": "3"}, body))
        assert type(error) is kind
        assert error.code == code
        assert (error.message, error.status, error.request_id) == ("so it is", 418, "r7")
        assert getattr(error, "retry_after_s", 3.0) == 3.0


def test_every_error_has_a_code_to_come_by():
    tree = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert set(KINDS.values()) == {kind for kind in tree if issubclass(kind, EarmarkError)}


def test_a_refusal_arrives_with_its_details(stage, ask):
    problem = {
        "code": "invalid_request",
        "detail": "query.limit: too\nlarge",
        "errors": [{"where": "query.limit", "message": "too large"}],
    }
    stage.says(422, problem, X_Request_ID="r1")
    with pytest.raises(InvalidRequestError) as caught:
        ask(stage.url, "page", limit=501)
    assert caught.value.message == "query.limit: too large"
    assert caught.value.errors[0]["where"] == "query.limit"
    assert (caught.value.status, caught.value.request_id) == (422, "r1")


@pytest.mark.parametrize(("status", "kind"), [(404, RequestError), (500, ServiceError)])
def test_a_code_of_the_future_is_of_its_branch(stage, ask, status, kind):
    stage.refuses(status, "not_yet_thought_of", "sorry")
    with pytest.raises(kind, match="sorry") as caught:
        ask(stage.url, "get", "t1")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ServiceError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, ServiceError),
        (413, BodyTooLargeError),
        (429, RateLimitedError),
        (502, ServiceError),
        (799, ServiceError),
    ],
)
def test_what_a_gateway_says_in_its_own_words(stage, ask, status, kind):
    said = [b"<html>no</html>", b"", b'"x"', b'{"code": 5}']
    for body in said:
        stage.says(status, body, Location="http://127.0.0.1:9/elsewhere")
    for _ in said:
        with pytest.raises(kind, match="not as an earmark service") as caught:
            ask(stage.url, "get", "t1")
        assert type(caught.value) is kind
        assert stage.url in caught.value.message
    assert len(stage.asked) == len(said)  # nobody is sent elsewhere with a key


def nonsense(stage):
    stage.does(lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n"))


GARBAGE = {
    "nothing": lambda stage: stage.hangs_up(),
    "another protocol": nonsense,
    "no JSON": lambda stage: stage.says(200, b"<html>hello</html>"),
    "no UTF-8": lambda stage: stage.says(200, b'"\xff\xfe'),
    "empty": lambda stage: stage.says(200, b""),
    "a list": lambda stage: stage.says(200, [1]),
    "null": lambda stage: stage.says(200, None),
    "another object": lambda stage: stage.says(200, {"id": 5}),
    "too deep": lambda stage: stage.says(200, b"[" * 100_000),
    "a huge number": lambda stage: stage.says(200, b"1" * 10_000),
    "cut short": lambda stage: stage.says(200, b'{"id":', Content_Length="1000"),
    "spoilt gzip": lambda stage: stage.says(
        200, gzip.compress(b"{}")[:-9] + b"x" * 9, Content_Encoding="gzip"
    ),
    "a header that is none": lambda stage: stage.says(200, b"", Content_Length="x"),
}
CALLS = {
    "about": (),
    "identify": (b"RIFF",),
    "page": (),
    "tracks": (),
    "get": ("t1",),
    "get_if_changed": ("t1", '"e"'),
    "add": (b"RIFF",),
    "update": ("t1",),
    "similar": ("t1",),
    "duplicates": ("t1",),
    "waveform": ("t1",),
    "attach": (b"MThd", "t1"),
    "detach": ("t1",),
    "submit": (b"RIFF",),
    "rebuild": (),
    "job": ("j1",),
    "jobs": (),
    "cancel": ("j1",),
    "wait": ("j1",),
    "follow": ("j1",),
    "stats": (),
    "engines": (),
    "switch": ("sound", False),
    "models": (),
    "check": (),
    "repair": (),
    "keys": (),
    "add_key": ("me",),
    "revoke_key": ("k",),
    "feedback": (True,),
    "verdicts": (),
    "ready": (),
    "compare": (b"RIFF", b"RIFF"),
    "dedupe": (),
    "duplicates_found": ("j1",),
    "scan": (b"RIFF",),
    "scan_of": ("s1",),
    "scans_page": (),
    "scans": (),
    "wait_scan": ("s1",),
    "streams": (),
    "stream": ("s1",),
    "add_stream": ("Radio", "http://127.0.0.1:9/live"),
    "update_stream": ("s1",),
    "outages": ("s1",),
    "prune_detections": (30.0,),
    "detections_page": (),
    "detections": (),
    "detection": ("d1",),
    "totals": ("track",),
    "decide": ("d1", "confirm"),
    "rules": (),
    "add_rule": ("allow",),
    "webhooks": (),
    "add_webhook": ("http://127.0.0.1:9/hook",),
    "test_webhook": ("w1",),
    "deliveries_page": ("w1",),
    "deliveries": ("w1",),
    "replay": ("x1",),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_one_error_that_names_the_address(stage, ask, what):
    GARBAGE[what](stage)
    with pytest.raises(ServiceError) as caught:
        ask(stage.url, "get", "t1")
    assert stage.url in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("method", CALLS)
def test_no_method_lets_garbage_through(stage, ask, method):
    for said in (b"<html>", [[]], {"error": "x", "job": 1}):
        stage.says(200, said, ETag='"e"')
    for _ in range(3):
        with pytest.raises(ServiceError):
            ask(stage.url, method, *CALLS[method])
    assert len(stage.asked) == 3


def test_every_method_of_the_client_is_walked():
    apart = {
        "listen",
        "audio",
        "cover",
        "delete",
        "healthy",
        "metrics",
        "close",
    }  # below, or no JSON
    apart |= {"export_to", "import_from", "jobs_page", "verdicts_page"}
    # Files, or nothing, come back; news are events.
    apart |= {"evidence", "reference", "scan_report", "detections_to", "watch"}
    apart |= {"delete_scan", "delete_stream", "delete_detection", "delete_rule", "delete_webhook"}
    public = {
        name for kind in Client.__mro__[:-1] for name in vars(kind) if not name.startswith("_")
    }
    assert public - apart == set(CALLS)


def test_nobody_is_there(ask):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    for method in ("get", "follow", "listen"):
        with pytest.raises(ServiceError, match="cannot be reached") as caught:
            ask(url, method, [b"xx"] if method == "listen" else "t1")
        assert type(caught.value) is ServiceError
        assert url in caught.value.message
    assert ask(url, "healthy") is False


def test_too_late_is_not_asked_again(stage, ask):
    stage.does(lambda handler: time.sleep(0.4))
    with pytest.raises(TimedOutError, match=r"within 0\.1 s"):
        ask(stage.url, "get", "t1", patience_s=0.1, retries=3)
    assert len(stage.asked) == 1


def test_a_cut_while_it_uploads(stage, ask, tmp_path):
    big = tmp_path / "big.wav"
    big.write_bytes(bytes(8 << 20))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()

        def cut():
            connection, _ = server.accept()
            connection.recv(1000)
            connection.close()

        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(ServiceError):
            ask(f"http://127.0.0.1:{server.getsockname()[1]}", "add", big)
        thread.join()


def test_a_refusal_in_the_middle_of_an_upload_is_heard(ask, tmp_path):
    big = tmp_path / "big.wav"
    big.write_bytes(bytes(4 << 20))
    said = b'{"code": "too_large", "detail": "at most 5 bytes"}'
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            connection, _ = server.accept()
            connection.recv(1000)
            head = f"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: {len(said)}\r\n\r\n"
            connection.sendall(head.encode() + said)
            while connection.recv(1 << 20):  # a good server drains what is on its way
                pass
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(BodyTooLargeError, match="at most 5 bytes"):
            ask(f"http://127.0.0.1:{server.getsockname()[1]}", "add", big)
        thread.join()


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8645", "ftp://x", "http://", "http://x:port", "http://x?y=1", "http://[", None],
)
def test_no_address_of_a_service(url):
    for kind in (Client, AsyncClient):
        with pytest.raises(UsageError, match="write it as http://"):
            kind(url)


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(UsageError) as caught:
        Client("http://me:hush@example.org")
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("how", [{"timeout_s": 0}, {"timeout_s": float("nan")}, {"retries": -1}])
def test_numbers_without_sense(how):
    with pytest.raises(UsageError, match="timeout_s must be above 0"):
        Client("http://x", **how)


@pytest.mark.parametrize("key", ["", "ek_ö", "ek_a b", "ek_a\r\nX: y"])
def test_a_key_that_no_header_can_hold(key):
    with pytest.raises(UsageError) as caught:
        Client("http://x", key)
    assert not key or key not in "".join(traceback.format_exception(caught.value))


def test_the_key_is_sent_and_never_shown(stage, ask):
    stage.refuses(401, "unauthorized", "the key is unknown")
    with pytest.raises(UnauthorizedError) as caught:
        ask(stage.url, "get", "t1")
    assert stage.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in "".join(traceback.format_exception(caught.value))
    client = Client(stage.url, KEY)
    assert KEY not in repr(client) + repr(client._service)
    client.close()


@pytest.mark.parametrize("track_id", ["", ".", ".."])
def test_an_id_that_would_be_another_address(stage, ask, track_id):
    with pytest.raises(UsageError, match="is no id"):
        ask(stage.url, "delete", track_id)
    assert stage.asked == []


def test_a_closed_client_says_so(stage):
    client = Client(stage.url)
    client.close()
    with pytest.raises(UsageError, match="closed"):
        client.about()


def test_what_cannot_be_sent(stage, ask):
    for method, args, named in [
        ("identify", (5,), {}),
        ("add", (b"x",), {"tags": ["a,b"]}),
        ("feedback", (True, "t1", {"when": object()}), {}),
        ("feedback", (True, "t1", {"score": float("nan")}), {}),
        ("update", ("t1",), {"if_match": "ü"}),
        ("page", ("x" * 100_000,), {}),
        ("update", ("t1",), {"title": "\udcff"}),
        ("submit", (), {}),
        ("submit", (["http://x/a.mp3", b"x"],), {}),
    ]:
        with pytest.raises(UsageError):
            ask(stage.url, method, *args, **named)
    assert stage.asked == []


def test_words_that_are_no_text_are_asked_for_as_well_as_may_be(stage, ask):
    stage.says(200, {"tracks": [], "next": None, "total": 0})
    assert ask(stage.url, "tracks", "a\udcff\0\n") == []
    assert stage.asked[0].target == "/v1/tracks?text=a%3F%00%0A&limit=100"


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    for kind in (Client, AsyncClient):
        with pytest.raises(ExtraMissingError, match=r"pip install 'earmark\[client\]'"):
            kind("http://x")


def test_listening_has_a_package_of_its_own(ask, monkeypatch):
    for name in ("websockets.sync.client", "websockets.asyncio.client"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExtraMissingError, match="websockets"):
        ask("http://127.0.0.1:9", "listen", [])


def test_a_track_that_is_not_there(stage, ask):
    stage.refuses(404, "track_not_found", "no track 'x'")
    with pytest.raises(TrackNotFoundError, match="no track 'x'"):
        ask(stage.url, "delete", "x")


def test_busy_says_when_to_come_again(stage, ask):
    stage.refuses(429, "busy", Retry_After="3600")
    with pytest.raises(BusyError) as caught:
        ask(stage.url, "get", "x", retries=2)
    assert caught.value.retry_after_s == 3600.0
    assert len(stage.asked) == 1  # that is too long to wait for
