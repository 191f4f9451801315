"""One WebSocket that listens: messages in, checked; events out, one at a time."""

from __future__ import annotations

import asyncio
import http
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from earmark import errors
from earmark.errors import EarmarkError
from earmark.service.answering.problems import status_of
from earmark.types import Mode

START_S = 10.0
"""How long a client may take to say what it is going to send."""
FRAME_BYTES = 1 << 20
_TEXT_BYTES = 1 << 16


class Start(BaseModel):
    """The first message: what is going to be sent, and what is asked of it."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["start"]
    format: Literal["pcm_s16le", "pcm_f32le", "container"]
    rate_hz: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000
    channels: Annotated[int, Field(ge=1, le=8)] = 1
    mode: Mode = "auto"
    limit: Annotated[int, Field(ge=1, le=100)] = 5
    key: str | None = None
    drawing: bool = False


class GoneError(Exception):
    """The client is not there any more: nobody is to be told of anything."""


class Wire:
    """The socket's two directions; any task may send, one at a time receives."""

    def __init__(self, socket: WebSocket, stall_s: float) -> None:
        self._socket = socket
        self._stall_s = stall_s
        self._turn = asyncio.Lock()

    async def start(self) -> Start:
        """Return the first message.

        Raises
        ------
        TimedOutError, InvalidRequestError
            It did not come within `START_S`, or is no start.
        """
        message = f"no start message came within {START_S:g} s"
        first = await self._received(START_S, message)
        if isinstance(first, bytes):
            message = 'the first message must be a text: {"type": "start", ...}'
            raise errors.InvalidRequestError(message)
        try:
            return Start.model_validate_json(first)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"])) or "start"
            message = f"{where}: {fault['msg']}"
            raise errors.InvalidRequestError(message) from error

    async def sound(self, *, patient: bool = False) -> bytes | None:
        """Return the next frame of sound, or None for a ``stop``.

        Parameters
        ----------
        patient
            Nothing need come, for the answer is being made.

        Raises
        ------
        TimedOutError, BodyTooLargeError, InvalidRequestError
            Nothing came, too much at once, or something else.
        GoneError
            The client left.
        """
        message = f"no sound came for {self._stall_s:g} s; send frames all the time"
        frame = await self._received(None if patient else self._stall_s, message)
        if isinstance(frame, bytes):
            return frame
        try:
            told = json.loads(frame)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("type") == "stop":
            return None
        message = f"unknown message {frame[:60]!r}; after start there are frames of sound and stop"
        raise errors.InvalidRequestError(message)

    async def send(self, shape: dict[str, Any]) -> None:
        """Send one event; raises `GoneError` where the client does not take it."""
        try:
            async with self._turn, asyncio.timeout(self._stall_s):
                await self._socket.send_text(json.dumps(shape, allow_nan=False))
        except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError) as error:
            raise GoneError from error

    async def refuse(self, error: EarmarkError, at_s: float) -> None:
        """Send an error and the end, and close with the code that fits."""
        status = status_of(error)
        self._socket.scope["earmark.code"] = error.code
        shape: dict[str, Any] = {
            "type": "error",
            "title": http.HTTPStatus(status).phrase,
            "status": status,
            "code": error.code,
            "detail": error.message,
            "request_id": self._socket.scope.get("earmark.request_id", ""),
        }
        wait_s = getattr(error, "retry_after_s", None)
        if wait_s is not None:
            shape["retry_after_s"] = round(max(1.0, wait_s), 1)
        await self.send(shape)
        await self.send({"type": "end", "at_s": round(at_s, 3), "reason": "error"})
        await self.close(_close_code(error, status))

    async def close(self, code: int = 1000) -> None:
        """Close in good order."""
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            try:
                async with asyncio.timeout(self._stall_s):
                    await self._socket.close(code)
            except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError) as error:
                raise GoneError from error

    async def _received(self, wait_s: float | None, late: str) -> bytes | str:
        try:
            async with asyncio.timeout(wait_s):
                message = await self._socket.receive()
        except TimeoutError as error:
            raise errors.TimedOutError(late) from error
        except RuntimeError as error:
            raise GoneError from error
        if message["type"] == "websocket.disconnect":
            raise GoneError
        frame: bytes | None = message.get("bytes")
        text: str | None = message.get("text")
        if frame is not None:
            if len(frame) > FRAME_BYTES:
                much = f"a frame of {len(frame)} bytes; at most {FRAME_BYTES} are taken at once"
                raise errors.BodyTooLargeError(much)
            return frame
        if len(text or "") > _TEXT_BYTES:
            much = f"a text of {len(text or '')} characters is no message of this protocol"
            raise errors.BodyTooLargeError(much)
        return text or ""


def _close_code(error: EarmarkError, status: int) -> int:
    """Return the WebSocket's close code for an error (RFC 6455, 7.4.1 and IANA's registry)."""
    if isinstance(error, errors.BodyTooLargeError):
        return 1009
    if status in (429, 503):
        return 1013  # try again later
    return 1011 if status in (500, 507) else 1008
