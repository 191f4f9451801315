"""Downloads from a real server that cuts off, stalls, ignores Range and lies."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earmark.errors import (
    CheckpointError,
    DiskFullError,
    ModelUnavailableError,
    StoreError,
    UsageError,
)
from earmark.sound import download
from earmark.sound.download import FetchProgress, Patience, fetch
from earmark.sound.efficientat import MN04
from earmark.sound.student import INFO as BUILTIN
from earmark.sound.weights import Places

DATA = os.urandom(300_000)
INFO = replace(MN04, sha256=hashlib.sha256(DATA).hexdigest(), size_bytes=len(DATA))
HASTY = Patience(attempts=4, first_wait_s=0.01, stall_s=0.5, lock_wait_s=5.0)


@dataclass
class Manner:
    """How the server behaves: one entry of ``plan`` a request, the last one for ever."""

    plan: list[str] = field(default_factory=lambda: ["good"])
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    data: bytes = DATA


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        manner = self.server.manner
        how = manner.plan.pop(0) if len(manner.plan) > 1 else manner.plan[0]
        wanted = self.headers["Range"]
        manner.asked.append((self.path, wanted))
        self.close_connection = True
        if how.isdigit():
            self.send_response(int(how))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if how.startswith("to "):
            self.send_response(302)
            self.send_header("Location", how[3:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data, start = manner.data, 0
        if how == "wrong":
            data = bytes(len(data))
        if how == "long":
            data = data + b"more" * 100_000
        if wanted and how != "no range":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            shown = start + 1 if how == "other place" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if how == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            body = data[start:]
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if how == "cut":
            data = data[: start + 70_000]
        if how == "stall":
            self.wfile.write(data[start : start + 1000])
            self.wfile.flush()
            time.sleep(1.5)
            return
        if how == "slow":
            for at in range(start, len(data), 30_000):
                self.wfile.write(data[at : at + 30_000])
                self.wfile.flush()
                time.sleep(0.02)
            return
        self.wfile.write(data[start:])


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.handle_error = lambda *_: None  # a client that hangs up is no news
        running.manner = Manner()
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        running.manner.url = f"http://127.0.0.1:{running.server_port}"
        yield running.manner
        running.shutdown()
        thread.join()


@pytest.fixture
def places(tmp_path, server):
    return Places(tmp_path / "cache", mirror=f"{server.url}/models/")


def part_of(places):
    return places.cache / f"{INFO.file_name}.part"


def test_a_file_arrives_whole_and_is_not_fetched_twice(server, places):
    told = []
    path = fetch(INFO, places, told.append, HASTY)
    assert path == places.cache / INFO.file_name
    assert path.read_bytes() == DATA
    assert not part_of(places).exists()
    assert told[-1] == FetchProgress(len(DATA), len(DATA))
    assert [p.received for p in told] == sorted({p.received for p in told})
    assert fetch(INFO, places, None, HASTY) == path
    assert server.asked == [(f"/models/{INFO.file_name}", None)]


def test_an_odd_file_name_is_quoted(server, places):
    fetch(replace(INFO, file_name="Cnn14_mAP=0.431 b.pth"), places, None, HASTY)
    assert server.asked[0][0] == "/models/Cnn14_mAP%3D0.431%20b.pth"


def test_three_cuts_are_survived_and_nothing_is_received_twice(server, places):
    server.plan = ["cut", "cut", "cut", "good"]
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA
    assert [asked for _, asked in server.asked] == [
        None,
        "bytes=70000-",
        "bytes=140000-",
        "bytes=210000-",
    ]


def test_after_too_many_cuts_the_part_stays_and_the_next_run_goes_on(server, places):
    server.plan = ["stall"]
    with pytest.raises(ModelUnavailableError) as given_up:
        fetch(INFO, places, None, HASTY)
    sentence = given_up.value.message
    assert "in 4 tries" in sentence
    assert "EARMARK_MODELS" in sentence
    assert "builtin" in sentence
    assert part_of(places).stat().st_size == 4000
    server.plan, server.asked = ["good"], []
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA
    assert server.asked[0][1] == "bytes=4000-"


def test_a_server_that_ignores_range_is_begun_anew(server, places):
    server.plan = ["cut", "no range"]
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA


def test_a_server_that_continues_elsewhere_is_begun_anew(server, places):
    server.plan = ["cut", "other place", "good"]
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA
    assert server.asked[-1][1] is None


@pytest.mark.parametrize("how", ["slow", "chunked", "503", "429"])
def test_what_passes_is_waited_for(server, places, how):
    server.plan = [how, "good"]
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA


def test_a_file_that_is_not_there_is_asked_for_once(server, places):
    server.plan = ["404"]
    with pytest.raises(ModelUnavailableError, match=r"answered 404 Not Found; try again, or"):
        fetch(INFO, places, None, HASTY)
    assert len(server.asked) == 1


@pytest.mark.parametrize("how", ["wrong", "long"])
def test_other_bytes_are_deleted_and_told(server, places, how):
    server.plan = [how]
    with pytest.raises(CheckpointError, match=f"sha256 {INFO.sha256} was expected"):
        fetch(INFO, places, None, HASTY)
    assert not part_of(places).exists()
    assert not (places.cache / INFO.file_name).exists()


def test_a_spoilt_part_is_replaced(server, places):
    places.cache.mkdir()
    part_of(places).write_bytes(bytes(len(DATA) // 2))
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA
    part_of(places).write_bytes(bytes(len(DATA) + 5))
    (places.cache / INFO.file_name).unlink()
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA


def test_a_part_beyond_the_end_is_begun_anew(server, places):
    places.cache.mkdir()
    part_of(places).write_bytes(DATA + b"x")
    server.plan = ["416", "good"]
    unknown = replace(INFO, size_bytes=0)
    assert fetch(unknown, places, None, HASTY).read_bytes() == DATA


def test_redirects_lead_to_http_only(server, places):
    server.plan = [f"to {server.url}/elsewhere", "good"]
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA
    server.plan = ["to file:///etc/passwd"]
    with pytest.raises(ModelUnavailableError, match="answered 302"):
        fetch(replace(INFO, file_name="b.pt"), places, None, HASTY)


def test_without_a_mirror_upstream_is_asked(server, tmp_path):
    fetch(replace(INFO, source=f"{server.url}/up/x.pt"), Places(tmp_path), None, HASTY)
    assert server.asked[0][0] == "/up/x.pt"


def test_a_file_spoilt_in_the_cache_is_fetched_anew(server, places):
    path = fetch(INFO, places, patience=HASTY)
    path.write_bytes(DATA[:1000])
    assert fetch(INFO, places, patience=HASTY) == path
    assert path.read_bytes() == DATA
    assert len(server.asked) == 2


def test_a_file_in_the_folder_of_models_is_not_fetched(server, places, tmp_path):
    (tmp_path / INFO.file_name).write_bytes(DATA)
    path = fetch(INFO, replace(places, models=tmp_path), None, HASTY)
    assert path == tmp_path / INFO.file_name
    assert server.asked == []
    path.write_bytes(b"other")
    with pytest.raises(CheckpointError, match="is not the file of weights"):
        fetch(INFO, replace(places, models=tmp_path), None, HASTY)


def test_no_network_is_told_at_once(tmp_path):
    info = replace(INFO, source="http://nothing.invalid/x.pt")
    started = time.monotonic()
    with pytest.raises(ModelUnavailableError, match=r"nothing\.invalid/x\.pt cannot be reached"):
        fetch(info, Places(tmp_path))
    assert time.monotonic() - started < 5.0


def test_nobody_listens(tmp_path):
    with pytest.raises(ModelUnavailableError, match="in 4 tries"):
        fetch(replace(INFO, source="http://127.0.0.1:9/x.pt"), Places(tmp_path), None, HASTY)


def test_passwords_are_not_shown(tmp_path):
    places = Places(tmp_path, mirror="http://me:secret@127.0.0.1:9")
    with pytest.raises(ModelUnavailableError) as told:
        fetch(INFO, places, None, replace(HASTY, attempts=1))
    assert "secret" not in told.value.message


def test_what_cannot_be_asked_for(tmp_path):
    with pytest.raises(UsageError, match="EARMARK_MODELS_MIRROR is no http or https address"):
        fetch(INFO, Places(tmp_path, mirror="file:///tmp"))
    with pytest.raises(UsageError, match="nothing to fetch"):
        fetch(BUILTIN, Places(tmp_path))
    with pytest.raises(ModelUnavailableError, match="no address is known"):
        fetch(replace(INFO, source=""), Places(tmp_path))


def test_no_room_is_told_and_the_part_stays(places, monkeypatch):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(DiskFullError, match="no room left"):
            fetch(INFO, places, None, HASTY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert part_of(places).exists()
    assert fetch(INFO, places, None, HASTY).read_bytes() == DATA


def test_a_cache_that_is_no_folder(server, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError, match="XDG_CACHE_HOME"):
        fetch(INFO, Places(tmp_path / "cache", mirror=server.url), None, HASTY)


def test_two_that_fetch_at_once_fetch_once(server, places):
    server.plan = ["slow"]
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(fetch(INFO, places, None, HASTY)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 3
    assert len(server.asked) == 1


def test_whoever_waits_too_long_is_told(server, places):
    places.cache.mkdir()
    lock = download.FileLock(places.cache / f"{INFO.file_name}.lock")
    with lock, pytest.raises(ModelUnavailableError, match="another process has been fetching"):
        fetch(INFO, places, None, replace(HASTY, lock_wait_s=0.1))
