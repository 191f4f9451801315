"""Bodies that are no uploads stay small, and none may keep a request waiting for ever."""

from __future__ import annotations

import asyncio
import re
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL_BYTES = 1_048_576
# What a multipart form adds to its files: heads, boundaries, fields.
FORM_BYTES = 1_048_576
# Addresses that take files; their routes write them to disk as they come.
_FILES = re.compile(
    r"/v1/(identify|compare|tracks|jobs|scans|import|tracks/[^/]+(/score)?)|/audio/(load|search)"
)


class BodyLimits:
    """ASGI middleware: 413 beyond the limit, 408 where a body says nothing for ``stall_s``.

    It is raised where the body is read, as Starlette's own exception, which FastAPI lets through.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int, stall_s: float, small_s: float) -> None:
        self._app = app
        self._upload_bytes = upload_bytes
        self._stall_s = stall_s
        self._small_s = small_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a body that is looked after."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
        small = kind.endswith("json") or not _FILES.fullmatch(scope["path"])
        limit = SMALL_BYTES if small else self._upload_bytes + FORM_BYTES
        ends_at = time.monotonic() + self._small_s if small else None
        got = 0
        whole = False

        async def limited() -> Message:
            nonlocal got, whole
            if whole:
                return await receive()
            message = await self._next(receive, ends_at)
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > limit:
                raise HTTPException(413, f"the body is larger than {limit} bytes")
            return message

        await self._app(scope, limited, send)

    async def _next(self, receive: Receive, ends_at: float | None) -> Message:
        left_s = self._stall_s
        if ends_at is not None:
            left_s = min(left_s, ends_at - time.monotonic())
        try:
            # Not `wait_for`: it always suspends, and Starlette's `is_disconnected` asks for what is
            # here already, or nothing.
            async with asyncio.timeout(max(0.0, left_s)):
                return await receive()
        except TimeoutError as error:
            message = f"the body said nothing for {self._stall_s:g} s, or was too slow"
            raise HTTPException(408, message) from error
