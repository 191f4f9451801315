"""An RTSP and an RTMP sender for tests: FFmpeg can only receive, or push to a server."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import av
import numpy as np

RATE_HZ = 44_100


@contextlib.contextmanager
def sending(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield a port at which every connection is talked to."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    threading.Thread(target=one, args=(line,), daemon=True).start()

        def one(line: socket.socket) -> None:
            with line, contextlib.suppress(OSError):
                line.settimeout(5)
                talk(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(2)


def rtsp(samples: np.ndarray) -> Callable[[socket.socket], None]:
    """Return a talk that plays mono samples over RTSP, RTP within its TCP connection."""
    sound = (samples * 32767).astype(">i2").tobytes()

    def talk(line: socket.socket) -> None:
        asked = line.makefile("rb")
        while words := asked.readline().split():
            said = {}
            while head := asked.readline().strip():
                name, _, value = head.decode().partition(":")
                said[name.lower()] = value.strip()
            more, body = b"", b""
            if words[0] == b"DESCRIBE":
                body = (
                    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
                    b"m=audio 0 RTP/AVP 11\r\na=rtpmap:11 L16/44100/1\r\na=control:one\r\n"
                )
                more = b"Content-Type: application/sdp\r\n"
            elif words[0] == b"SETUP":
                more = b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            elif words[0] == b"PLAY":
                more = b"Session: 1\r\n"
            answer = b"RTSP/1.0 200 OK\r\nCSeq: %s\r\n" % said["cseq"].encode()
            answer += b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            line.sendall(answer + more + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if words[0] == b"PLAY":
                for number, at in enumerate(range(0, len(sound), 1400)):
                    rtp = struct.pack(">BBHII", 0x80, 11, number % 65536, at // 2, 7)
                    packet = rtp + sound[at : at + 1400]
                    line.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
                return

    return talk


def rtmp(samples: np.ndarray) -> Callable[[socket.socket], None]:
    """Return a talk that plays mono samples over RTMP, as an FLV would hold them."""
    tags = list(_flv_tags(samples))

    def talk(line: socket.socket) -> None:
        asked = line.makefile("rb")
        first = asked.read(1537)
        line.sendall(b"\x03" + bytes(8) + os.urandom(1528) + first[1:])
        asked.read(1536)
        line.sendall(_message(2, 1, 0, 0, struct.pack(">I", 65536)))  # our chunks are this long
        for name, number in _commands(asked):
            if name == "connect":
                info = _amf(
                    ("level", "status"), ("code", "NetConnection.Connect.Success"), kind="object"
                )
                line.sendall(_message(3, 20, 0, 0, _result(number) + _amf(kind="object") + info))
            elif name == "createStream":
                line.sendall(_message(3, 20, 0, 0, _result(number) + b"\x05" + _number(1.0)))
            elif name == "play":
                info = _amf(("level", "status"), ("code", "NetStream.Play.Start"), kind="object")
                told = _string("onStatus") + _number(0.0) + b"\x05" + info
                line.sendall(_message(5, 20, 1, 0, told))
                for at_ms, tag in tags:
                    line.sendall(_message(4, 8, 1, at_ms, tag))
                return

    return talk


def _flv_tags(samples: np.ndarray) -> Iterator[tuple[int, bytes]]:
    memory = io.BytesIO()
    with av.open(memory, "w", format="flv") as out:
        stream = out.add_stream("aac", rate=RATE_HZ)
        stream.layout = "mono"
        for at in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[at : at + 1024], np.float32)[None, :]
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data, at = memory.getvalue(), 13
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if data[at] == 8:
            yield int.from_bytes(data[at + 4 : at + 7], "big"), data[at + 11 : at + 11 + size]
        at += 11 + size + 4


def _commands(asked: io.BufferedIOBase) -> Iterator[tuple[str, float]]:
    """Yield the name and the number of each command, from chunks of 128 bytes."""
    length, kind, body, chunk = {}, {}, {}, 128
    while head := asked.read(1):
        form, channel = head[0] >> 6, head[0] & 63
        if form < 3:
            asked.read(3)
        if form < 2:
            length[channel] = int.from_bytes(asked.read(3), "big")
            kind[channel] = asked.read(1)[0]
        if form == 0:
            asked.read(4)
        held = body.setdefault(channel, bytearray())
        held += asked.read(min(chunk, length[channel] - len(held)))
        if len(held) < length[channel]:
            continue
        whole, body[channel] = bytes(held), bytearray()
        if kind[channel] == 1:
            chunk = int.from_bytes(whole, "big")
        elif kind[channel] == 20:
            size = int.from_bytes(whole[1:3], "big")
            number = struct.unpack(">d", whole[4 + size : 12 + size])[0]
            yield whole[3 : 3 + size].decode(), number


def _message(channel: int, kind: int, stream: int, at_ms: int, body: bytes) -> bytes:
    head = bytes([channel]) + at_ms.to_bytes(3, "big") + len(body).to_bytes(3, "big")
    head += bytes([kind]) + stream.to_bytes(4, "little")
    chunk = 128 if kind != 8 and channel == 2 else 65536
    assert len(body) <= chunk
    return head + body


def _result(number: float) -> bytes:
    return _string("_result") + _number(number)


def _string(text: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(text)) + text.encode()


def _number(value: float) -> bytes:
    return b"\0" + struct.pack(">d", value)


def _amf(*pairs: tuple[str, str], kind: str) -> bytes:
    assert kind == "object"
    inner = b"".join(struct.pack(">H", len(k)) + k.encode() + _string(v) for k, v in pairs)
    return b"\x03" + inner + b"\0\0\x09"
