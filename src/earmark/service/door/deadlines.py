"""HTTP/1.1 as uvicorn speaks it, with deadlines and refusals that uvicorn has not."""

from __future__ import annotations

import asyncio
import http
import json
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from earmark.errors import RequestError, TimedOutError
from earmark.service.answering.problems import MEDIA_TYPE

# A request's head must be whole this long after its first byte, or after connecting.
HEAD_S = 10.0
# How long a client may go on sending a body whose answer it has been given already.
LINGER_S = 5.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-length: 0\r\n\r\n"
)
_NO_HTTP = "the request is not HTTP/1.1 as it should be, or its head is too long"
_TOO_SLOW = "the head of the request did not come in time; send it again"


class DeadlineProtocol(H11Protocol):
    """Closes connections that never finish a head (slow-loris) or a body nobody reads.

    Between requests uvicorn's own keep-alive time holds; within a body, `bodies.BodyLimits`.
    """

    _deadline: asyncio.TimerHandle | None = None
    _lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        line: socket.socket | None = transport.get_extra_info("socket")
        if line is not None and line.family in (socket.AF_INET, socket.AF_INET6):
            # Answers go out as head and body: without this the body waits 40 ms for the client to
            # have acknowledged the head. asyncio sets it only for sockets that name their protocol.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._set_deadline(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see whether a head is still on its way."""
        if self._lingers:
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            if self.cycle is None or not self.cycle.response_complete:
                self._clear_deadline()
        elif self._deadline is None and not self.transport.is_closing():
            self._set_deadline(HEAD_S)

    def handle_events(self) -> None:
        """Begin what has come, and let its answer close the connection gently."""
        super().handle_events()
        if self.cycle is not None:
            self.cycle.transport = _Gently(self)  # type: ignore[assignment]

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Refuse WebSockets beyond the limit of connections, which uvicorn does for requests."""
        most = self.limit_concurrency
        if most is not None and len(self.connections) > most:
            self.transport.write(_FULL)
            self.transport.close()
            return
        super().handle_websocket_upgrade(event)

    def close_gently(self) -> None:
        """Close, but not over a body that is still coming: that would reset the connection.

        A client that is sending then never reads the answer that tells it to stop.
        """
        sending = self.conn.their_state in (h11.SEND_BODY, h11.ERROR)
        if sending and not self._lingers and self.transport.can_write_eof():
            self._lingers = True
            self.transport.write_eof()
            self._set_deadline(LINGER_S)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it tells nothing
        """Refuse what is not HTTP, in the form of every other refusal."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(400, RequestError.code, _NO_HTTP)
        self.close_gently()

    def on_response_complete(self) -> None:
        """Go over to the next request, unless the client is still sending this one's body."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._set_deadline(LINGER_S)

    def _set_deadline(self, seconds: float) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, self._end)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse(408, TimedOutError.code, _TOO_SLOW)
        self.transport.close()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Write an answer of the protocol itself: no route has seen the request."""
        title = http.HTTPStatus(status).phrase
        document = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail,
            "instance": "",
            "request_id": "",
        }
        body = json.dumps(document).encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        answer = h11.Response(status_code=status, headers=list(headers.items()), reason=title)
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")


class _Gently:
    """What an answer needs of its transport."""

    def __init__(self, protocol: DeadlineProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.close_gently()
