"""Heads, names, ids, paths, addresses and keys that no honest client sends to a real service."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rough_service import (
    asked_raw,
    new_key,
    refused,
    soon,
)

from earmark.bootstrap import open_ledger

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_words_beyond_measure(client):
    head = {"Content-Type": "application/json"}
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    for body in (
        deep,
        b"[" * 100_000,
        b'{"url": "http://x", ',
        b"\xff\xfe{\x00",
        b'{"url": NaN}',
        b'{"url": %s}' % (b"9" * 5000),
        b'{"url": "\\ud800"}',
        b"[]",
        b"null",
        b"\x00",
        b"",
    ):
        assert refused(client.post("/v1/identify", content=body, headers=head), 422)
        assert refused(client.post("/v1/jobs", content=body, headers=head), 422)
        assert refused(client.post("/v1/feedback", content=body, headers=head), 422)
    much = b'{"url": "http://x/' + b"a" * 1_100_000 + b'"}'
    assert refused(client.post("/v1/identify", content=much, headers=head), 413) == "too_large"
    assert refused(client.post("/v1/feedback", content=much, headers=head), 413) == "too_large"
    long = client.get("/v1/tracks", params={"text": "a" * 20_000})
    assert refused(long, 422) == "invalid_request"
    assert client.get("/v1/tracks?" + "x=1&" * 5000).status_code == 200


def test_heads_that_make_no_sense(rough, clip):
    key = f"Authorization: Bearer {rough.key}\r\n".encode()
    get = b"GET /v1/tracks HTTP/1.1\r\nHost: localhost\r\n" + key
    huge = b"GET /v1/tracks?" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for bad in (
        get + b"X-Request-ID: a\rb\r\n\r\n",
        get + b"X-\x00: a\r\n\r\n",
        get + b"X-Bare : a\r\n\r\n",
        get + b"Host: two\r\n\r\n",
        get.replace(b"/v1", b"/v1 /x") + b"\r\n",
        get + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        get + b"Content-Length: -1\r\n\r\n",
        get + b"Content-Length: 1e3\r\n\r\n",
        get + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        huge,
    ):
        got = rough.said(bad)
        assert got.startswith(b"HTTP/1.1 4") or not got, (bad[:300], got[:200])
        assert b"\r\nHTTP/1.1" not in got
    told = rough.said(get + b"X-Request-ID: a%0d%0aSet-Cookie:x\r\nConnection: close\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")
    assert b"set-cookie" not in told.partition(b"\r\n\r\n")[0].lower()
    both = asked_raw(rough, "/v1/identify", "Content-Length: 4", "Transfer-Encoding: chunked")
    got = rough.said(
        both + b"0\r\n\r\nGET /v1/keys HTTP/1.1\r\nHost: localhost\r\n" + key + b"\r\n"
    )
    assert got.count(b"HTTP/1.1 ") <= 1 or b'"keys"' not in got, "a request was smuggled in"


NAMES = (
    "../../etc/passwd",
    "/etc/cron.d/x",
    "a\x00b.wav",
    "n" * 10_000 + ".wav",
    "new\nline.wav",
    "cr\r\nSet-Cookie: x.wav",
    "\u202egnp.wav",
    "..%2f..%2fetc%2fpasswd",
    "C:\\x\\..\\y.wav",
    "..",
    ".",
    "",
    "CON",
    "a/../../b.wav",
    "\ud800.wav".encode("utf-8", "surrogatepass").decode("latin-1"),
    '"; rm -rf /;".wav',
)


def test_names_lead_nowhere(client, rough, clip):
    media = rough.library / "media"
    for name in NAMES:
        answer = client.post("/v1/tracks", files={"file": (name, clip)})
        if answer.status_code >= 400:
            assert refused(answer, 400, 422), name
            continue
        source = Path(answer.json()["source"])
        assert source.is_relative_to(media), name
        assert ".." not in source.parts
        assert len(source.relative_to(media).parts) == 3
        assert source.is_file()
        where = answer.headers["Location"]
        heard = client.get(f"{where}/audio")
        assert heard.content == clip
        assert "set-cookie" not in heard.headers
        assert client.delete(where).status_code == 204
        assert not source.exists()
    disposition = b'attachment; filename="../../x.wav"'
    head = {"Content-Type": "audio/wav", "Content-Disposition": disposition.decode()}
    raw = client.post("/v1/tracks", content=clip, headers=head)
    assert Path(raw.json()["source"]).name == "x.wav"
    assert client.delete(raw.headers["Location"]).status_code == 204


def test_ids_lead_nowhere(rough, client, clip):
    ids = ["..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e%2f", "C:%5Cx", "a%00b", "a%0ab", "%0d%0aX:1"]
    ids += [
        "%e2%80%ae",
        "%ff%fe",
        "a" * 10_000,
        "a%2fb",
        "~",
        "-",
        "'%20OR%201=1--",
        "%25%32%65",
    ]
    for track_id in ids:
        got = [client.put(f"/v1/tracks/{track_id}", files={"file": ("a.wav", clip)})]
        for rest in ("", "/audio", "/waveform", "/cover", "/similar", "/duplicates"):
            got.append(client.get(f"/v1/tracks/{track_id}{rest}"))
        got.append(client.delete(f"/v1/tracks/{track_id}"))
        got.append(client.get(f"/v1/jobs/{track_id}"))
        got.append(client.delete(f"/v1/keys/{track_id}"))
        for answer in got:
            if answer.status_code != 405:
                assert refused(answer, 404, 422), (track_id, answer.request.url)
    for path in ("/static/../../../etc/passwd", "/static/%2e%2e/%2e%2e/app.py", "//etc/passwd"):
        got = rough.said(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        assert got.startswith(b"HTTP/1.1 404 "), path


def test_files_of_the_machine_outside_the_roots(rough, client, tmp_path, clip):
    root = rough.library.parent / "root"
    secret = rough.library.parent / "secret.wav"
    secret.write_bytes(clip)
    (root / "list.m3u").write_text(f"#EXTM3U\n{secret}\n" * 1000)
    (root / "link.wav").symlink_to(secret)
    (root / "up").symlink_to(rough.library.parent)
    for name in (
        str(secret),
        f"{root}/../secret.wav",
        f"{root}/link.wav",
        f"{root}/up/secret.wav",
        "/etc/passwd",
        f"{root}x",
        "/proc/self/environ",
    ):
        assert refused(client.post("/v1/jobs", json={"paths": [name]}), 403) == "forbidden", name
    for name in (f"{root}/list.m3u", "relative.wav", f"{root}/a\x00b.wav", f"file://{root}", ""):
        assert refused(client.post("/v1/jobs", json={"paths": [name]}), 422), name
    job = client.post("/v1/jobs", json={"paths": [str(root)]})
    assert job.status_code in (202, 422)
    if job.status_code == 202:
        where = job.headers["Location"]
        assert soon(lambda: client.get(where).json()["ended_at"])
        assert client.get(where).json()["report"]["added"] == 0
    for path in (root / "list.m3u", root / "link.wav", root / "up", secret):
        path.unlink()


# --- addresses ------------------------------------------------------------------------------

HOSTS = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "[fe80::1]",
    "[fd00::1]",
    "100.64.0.1",
)


def test_addresses_of_this_network_are_not_asked(client):
    knocks = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]

        def listen() -> None:
            with suppress(OSError):
                while True:
                    knocks.append(trap.accept())

        threading.Thread(target=listen, daemon=True).start()
        for host in HOSTS:
            url = f"http://{host}:{port}/latest/meta-data"
            for path in ("/v1/identify", "/v1/tracks"):
                assert refused(client.post(path, json={"url": url}), 422) == "fetch_failed", host
        for url in ("file:///etc/passwd", "gopher://127.0.0.1", "http://", "ftp://x/a", "x"):
            answer = client.post("/v1/identify", json={"url": url})
            assert refused(answer, 422), url
        trap.shutdown(socket.SHUT_RDWR)
    assert not knocks


# --- keys -----------------------------------------------------------------------------------


def test_keys_that_open_nothing(rough):
    read = new_key(rough.library, "read")
    expired = new_key(rough.library, "admin", days=-1)
    revoked = new_key(rough.library, "admin")
    ledger = open_ledger(rough.library)
    ledger.revoke_key(revoked.split("_")[1], time.time())
    ledger.close()
    time.sleep(2.1)  # keys of other processes are seen after two seconds
    bad = (expired, revoked, "x", read[:-1], read + "a", "ek_" + "a" * 10_000, "ek__", "\x7f")
    with rough.client() as http:
        for key in bad:
            head = {"Authorization": f"Bearer {key}"}
            for method, path in (("GET", "/v1"), ("GET", "/v1/tracks"), ("POST", "/v1/identify")):
                answer = http.request(method, path, headers=head)
                assert refused(answer, 401) == "unauthorized", key
                assert answer.headers["WWW-Authenticate"] == "Bearer"
        for head in ("Basic YTpi", "Bearer", read, f"Token {read}", f"Bearer {read} {read}"):
            assert refused(http.get("/v1", headers={"Authorization": head}), 401)
    with rough.client(read) as http:
        assert http.get("/v1/tracks").status_code == 200
        for method, path in (
            ("POST", "/v1/tracks"),
            ("PUT", "/v1/tracks/a"),
            ("PATCH", "/v1/tracks/a"),
            ("DELETE", "/v1/tracks/a"),
            ("POST", "/v1/jobs"),
            ("GET", "/v1/keys"),
            ("POST", "/v1/import"),
            ("GET", "/v1/export"),
        ):
            assert refused(http.request(method, path), 403) == "forbidden", path
