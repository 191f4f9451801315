"""A station for tests: an http server whose answers are scripts of bytes, waits and breaks."""

from __future__ import annotations

import contextlib
import http.server
import io
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import av
import numpy as np

BREAK = object()
"""The connection is reset."""
STALL = object()
"""Nothing more comes, but the connection stays."""


@dataclass
class Show:
    """How one address answers: bytes are sent, numbers are seconds to wait, events waited for."""

    steps: Iterable[object]
    kind: str = "audio/mpeg"
    length: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    head: bytes | None = None


class Radio:
    """The server; ``shows`` maps a path to a function that makes its next answer."""

    def __init__(self) -> None:
        self.shows: dict[str, Callable[[], Show]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        radio = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                radio.asked.append((self.path, dict(self.headers)))
                radio.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda request, address: None
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def play(self, path: str, *steps: object, **how: object) -> str:
        """Let an address answer the same every time; return its URL."""
        self.shows[path] = lambda: Show(steps, **how)
        return self.url + path

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        make = self.shows.get(handler.path.partition("?")[0])
        if make is None:
            handler.send_error(404)
            return
        show = make()
        if show.head is not None:
            handler.wfile.write(show.head)
        else:
            handler.send_response(show.status)
            handler.send_header("Content-Type", show.kind)
            if show.length is not None:
                handler.send_header("Content-Length", str(show.length))
            for name, value in show.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
        for step in show.steps:
            if self.over.is_set():
                return
            if step is STALL:
                self.over.wait()
            elif step is BREAK:
                off = struct.pack("ii", 1, 0)
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
                handler.connection.close()
                return
            elif isinstance(step, bytes):
                with contextlib.suppress(OSError):
                    handler.wfile.write(step)
                    handler.wfile.flush()
            elif isinstance(step, threading.Event):
                step.wait(10)
            else:
                self.over.wait(float(step))  # type: ignore[arg-type]


@contextlib.contextmanager
def on_air() -> Iterator[Radio]:
    """Yield a station; nothing is left of it afterwards."""
    radio = Radio()
    thread = threading.Thread(target=radio.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield radio
    finally:
        radio.over.set()
        radio.server.shutdown()
        radio.server.server_close()
        thread.join()


def encoded(
    samples: np.ndarray, rate_hz: int, container: str, codec: str, start_s: float = 0.0
) -> bytes:
    """Return float32 samples of shape (n,) or (n, 2) as a file."""
    frames = samples.reshape(len(samples), -1).astype(np.float32)
    layout = {1: "mono", 2: "stereo"}[frames.shape[1]]
    memory = io.BytesIO()
    first = round(start_s * rate_hz)
    with av.open(memory, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        stream.bit_rate = 128_000
        stream.codec_context.open()
        convert = av.AudioResampler(stream.codec_context.format.name, layout, rate_hz)
        for at in range(0, len(frames), 1024):
            block = np.ascontiguousarray(frames[at : at + 1024]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, first + at
            for ready in convert.resample(frame):
                out.mux(stream.encode(ready))
        for ready in convert.resample(None):
            out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    return memory.getvalue()


def paced(data: bytes, chunk_bytes: int, wait_s: float) -> Iterator[object]:
    """Yield data as steps of a show, a pause after each."""
    for at in range(0, len(data), chunk_bytes):
        yield data[at : at + chunk_bytes]
        yield wait_s


def with_titles(sound: bytes, interval: int) -> bytes:
    """Return sound with a title after every ``interval`` bytes, as Icecast sends it."""
    out = bytearray()
    title = b"StreamTitle='A song';"
    title += bytes(-len(title) % 16)
    for at in range(0, len(sound), interval):
        piece = sound[at : at + interval]
        out += piece
        if len(piece) == interval:
            out += bytes([len(title) // 16]) + title if at % 3 else b"\0"
    return bytes(out)
