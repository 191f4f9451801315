"""A real service whose disk fills up, which is led astray, and which is told to end while busy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from rough_service import (
    NOISE,
    RATE_HZ,
    build,
    refused,
    rough_service,
    soon,
    wav,
)

from earmark import Library
from earmark.bootstrap import open_ledger


@pytest.fixture
def small_disk(tmp_path, music):
    """A service whose uploads lie on a disk of two megabytes, in a mount namespace of its own."""
    library = build(tmp_path, music)
    (library / "media").mkdir()
    inside = f'mount -t tmpfs -o size=2m tmpfs "{library}/media" && exec "$@"'
    how = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-rm"]
    probe = [*how, "sh", "-c", inside, "sh", "true"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    before = [*how, "sh", "-c", inside, "sh"]
    told = {"EARMARK_SERVE_PRIVATE_URLS": "1", "EARMARK_SERVE_GRACE_S": "5"}
    with rough_service(library, before=before, EARMARK_SERVE_THREADS="1", **told) as service:
        yield service


@pytest.fixture
def site():
    """A web server whose addresses lead on, to nowhere good."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            leads = {"/file": "file:///etc/passwd", "/round": "/round", "/gopher": "gopher://x/"}
            if self.path == "/endless":
                self.send_response(200)
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(wav(NOISE))
                    while True:
                        self.wfile.write(bytes(1 << 20))
                return
            self.send_response(302)
            self.send_header("Location", leads[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_full_disk_redirects_and_an_end_while_busy(small_disk, site, music, clip):
    inside = Path(f"/proc/{small_disk.process.pid}/root{small_disk.library}/media")
    with small_disk.client() as http:
        for way in ("/file", "/round", "/gopher"):
            answer = http.post("/v1/identify", json={"url": site + way})
            assert refused(answer, 422) == "fetch_failed", way
        kept = http.post("/v1/tracks", files={"file": ("kept.wav", clip)})
        assert kept.status_code == 201
        large = wav(np.tile(music(2), 5))
        for path in ("/v1/tracks", "/v1/jobs"):
            full = http.post(path, files={"file": ("large.wav", large)})
            assert refused(full, 507) == "disk_full", path
        answer = http.post("/v1/identify", files={"file": ("a.wav", clip)})
        assert answer.json()["outcome"] == "match"
        assert http.get(f"{kept.headers['Location']}/audio").content == clip
        assert soon(lambda: len([p for p in inside.rglob("*") if p.is_file()]) == 1)
        assert http.delete(kept.headers["Location"]).status_code == 204
        more = http.post("/v1/tracks", files={"file": ("again.wav", clip)})
        assert more.status_code == 201, "there is room again"
        files = [
            ("file", (f"{n}.wav", wav(music(1)[n * 800 : n * 800 + 2 * RATE_HZ])))
            for n in range(20)
        ]
        job = http.post("/v1/jobs", files=files).json()
    answers: list[int] = []

    def ask() -> None:
        with small_disk.client() as http, suppress(httpx.TransportError):
            while True:
                answers.append(
                    http.post("/v1/identify", files={"file": ("a.wav", clip)}).status_code
                )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert soon(lambda: len(answers) > 3)
    small_disk.process.send_signal(signal.SIGTERM)
    assert small_disk.process.wait(15) == 0
    for thread in threads:
        thread.join()
    assert set(answers) <= {200, 503}
    assert "Traceback" not in "".join(small_disk.log)
    ledger = open_ledger(small_disk.library)
    state = ledger.job(job["id"]).state
    ledger.close()
    assert state in ("done", "queued")
    with Library.open(small_disk.library) as library:
        assert library.check() == []
        assert len(library) >= 3
