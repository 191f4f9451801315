"""A real receiver of webhooks, which does what its address says; and detections to tell of."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from earmark.monitor.signing import verify
from earmark.ports import Detection, Piece
from earmark.types import Span, Track


@dataclass
class Told:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    def signed(self, secret: str, now: float) -> bool:
        timestamp, signature = (self.headers[f"X-Earmark-{n}"] for n in ("Timestamp", "Signature"))
        return verify(secret, timestamp, self.body, signature, now)


@dataclass
class Receiver:
    """``/ok`` and ``/slow`` take all; ``/status/503/2`` refuses twice; others fail by name."""

    port: int = 0
    told: list[Told] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def paths(self) -> list[str]:
        return [one.path for one in self.told]


def handler(receiver: Receiver) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.told.append(Told(self.path, dict(self.headers), body))
            _, what, *rest = unquote(self.path).split("/")
            getattr(self, f"answer_{what}")(*rest)

        def answer_ok(self, *rest):
            self.head(204)

        def answer_slow(self, *rest):
            receiver.over.wait(0.03)
            self.head(204)

        def answer_status(self, status, times="999", after="", name=""):
            seen = receiver.paths().count(self.path)
            self.head(int(status) if seen <= int(times) else 200, after)

        def answer_hang(self, *rest):
            receiver.over.wait(20)

        def answer_close(self, *rest):
            pass  # the connection ends without a word

        def answer_drip(self, *rest):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not receiver.over.wait(0.05):
                self.wfile.write(b"X: y\r\n")

        def answer_moved(self, *rest):
            self.send_response(302)
            self.send_header("Location", receiver.url("/ok/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def answer_garbage(self, *rest):
            self.wfile.write(b"no such protocol\r\n\r\n")

        def head(self, status, after=""):
            self.send_response(status)
            if after:
                self.send_header("Retry-After", after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a receiver that listens on this machine."""
    receiver = Receiver()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(receiver)) as server:
        server.handle_error = lambda request, address: None
        server.daemon_threads = True
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            server.shutdown()
            thread.join()


def made_track(track_id: str = "t1", tags: tuple[str, ...] = (), title: str = "Song") -> Track:
    return Track(track_id, f"/m/{track_id}.flac", "c", 200.0, 1, title, "Band", tags=tags)


def made_detection(
    detection_id: str = "d1",
    start_s: float = 10.0,
    end_s: float = 40.0,
    reference_s: float = 0.0,
    *,
    track: Track | None = None,
    confidence: float = 0.9,
) -> Detection:
    """One piece at the reference's speed."""
    length_s = end_s - start_s
    piece = Piece(
        Span(start_s, end_s), Span(reference_s, reference_s + length_s), 1.0, 0.0, confidence, 12.0
    )
    return Detection(
        detection_id, "recording", track or made_track(), confidence, 12.0, (piece,), open=True
    )
