"""A real little HTTP server that says what a test wants, and both clients to ask it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from earmark.client import AsyncClient, Client

KEY = "ek_abcdefghij_" + "S" * 43


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stage:
    """What is answered, one after another (the last one for ever), and what was asked."""

    url: str
    script: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def says(self, status: int = 200, said: Any = b"", **headers: str) -> Stage:
        """Answer with bytes, or with JSON; underscores in names of headers are hyphens."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()

        def act(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Connection", "close")
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return self.does(act)

    def refuses(self, status: int, code: str, detail: str = "no", **headers: str) -> Stage:
        """Answer with a problem document."""
        problem = {"status": status, "code": code, "detail": detail}
        return self.says(status, problem, X_Request_ID="r1", **headers)

    def does(self, act: Callable[[BaseHTTPRequestHandler], None]) -> Stage:
        """Answer by calling ``act``."""
        self.script.append(act)
        return self

    def hangs_up(self) -> Stage:
        """Answer with nothing at all."""
        return self.does(lambda handler: None)


@pytest.fixture(scope="session")
def theatre() -> Iterator[Stage]:
    """One server for all tests: clients are kept, and kept ones are quick."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.close_connection = True
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = read_body(self, headers)
            here.asked.append(Asked(self.command, self.path, headers, body))
            act = here.script[min(len(here.asked), len(here.script)) - 1]
            act(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that went away

    with Server(("127.0.0.1", 0), Handler) as server:
        here = Stage(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield here
        server.shutdown()
        thread.join()


@pytest.fixture
def stage(theatre: Stage) -> Stage:
    """The server with nothing to say yet."""
    theatre.script, theatre.asked = [], []
    return theatre


def read_body(handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> bytes:
    """Take a body with or without a length; of a large one only its beginning is kept."""
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(handler.rfile.readline(), 16):
            body += handler.rfile.read(size)
            handler.rfile.readline()
        handler.rfile.readline()
        return body
    left, kept = int(headers.get("content-length", 0)), b""
    while left > 0:
        block = handler.rfile.read(min(left, 1 << 16))
        left -= len(block)
        kept += block if len(kept) < 1 << 20 else b""
    return kept


class Ask:
    """Calls a method of one of the clients and returns what comes of it, iterators as lists."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._clients: dict[tuple[Any, ...], Any] = {}
        self._runner = asyncio.Runner()

    def __call__(
        self,
        url: str,
        method: str,
        *args: Any,
        retries: int = 0,
        patience_s: float = 5.0,
        **named: Any,
    ) -> Any:
        how = (url, retries, patience_s)
        if how not in self._clients:
            kind = Client if self.kind == "sync" else AsyncClient
            self._clients[how] = kind(url, KEY, retries=retries, timeout_s=patience_s)
        call = getattr(self._clients[how], method)
        if self.kind == "sync":
            got = call(*args, **named)
            return list(got) if isinstance(got, Iterator) else got

        async def ask() -> Any:
            got = call(*args, **named)
            if isinstance(got, AsyncIterator):
                return [one async for one in got]
            return await got

        return self._runner.run(ask())

    def close(self) -> None:
        for client in self._clients.values():
            if self.kind == "sync":
                client.close()
            else:
                self._runner.run(client.close())
        self._runner.close()


@pytest.fixture(scope="session", params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Both clients, one after the other."""
    asking = Ask(request.param)
    yield asking
    asking.close()


@pytest.fixture
def track() -> dict[str, Any]:
    """The JSON of a track as a service sends it."""
    return {
        "id": "t1",
        "source": "songs/a.flac",
        "content_id": "ab" * 32,
        "duration_s": 12.5,
        "title": "Prelude",
        "artist": "Ada",
        "album": "",
        "tags": ["piano", "live"],
        "extra": {"year": "1999"},
        "added_at": "2026-01-01T00:00:00Z",
        "uploaded": True,
    }


@pytest.fixture
def job() -> dict[str, Any]:
    """The JSON of a job that has ended."""
    return {
        "id": "j1",
        "kind": "ingest",
        "state": "done",
        "created_at": "2026-01-01T00:00:00Z",
        "started_at": "2026-01-01T00:00:01Z",
        "ended_at": "2026-01-01T00:00:02Z",
        "progress": {"done": 2, "total": 2, "failed": 1, "audio_s": 9.0, "wall_s": 1.5},
        "report": {
            "added": 1,
            "unchanged": 0,
            "failed": [{"input": "b.txt", "code": "not_audio", "message": "no"}],
            "audio_s": 9.0,
            "wall_s": 1.5,
            "track_ids": ["t1"],
        },
        "error": None,
    }
