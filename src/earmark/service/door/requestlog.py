"""Around it all: an id for every request, one line in the log, and a problem document for a bug."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.errors import InternalError
from earmark.service.answering.problems import problem
from earmark.service.metrics import Metrics

access = logging.getLogger("earmark.access")
faults = logging.getLogger("earmark.service")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# The status that logs show where the client left first, as other servers have it.
CLIENT_LEFT = 499
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS"})


@dataclass(slots=True)
class Seen:
    """What is known of a request while it goes on."""

    started: float = field(default_factory=time.monotonic)
    status: int = 0
    sent_bytes: int = 0


class RequestLog:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and tell what came of it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex[:16]
        scope["earmark.request_id"] = request_id
        scope.setdefault("state", {})
        seen = Seen()

        async def watched(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                seen.status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            elif message["type"] == "http.response.body":
                seen.sent_bytes += len(message.get("body", b""))
            elif message["type"] == "websocket.accept":
                seen.status = 101
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            scope["state"]["gone"] = True
        except Exception:
            faults.exception("a bug at request %s", request_id)
            if seen.status:
                raise
            error = InternalError(f"a bug; the service's log tells more under {request_id}")
            await problem(HTTPConnection(scope), error)(scope, receive, watched)
        finally:
            self._tell(scope, seen, request_id)

    def _tell(self, scope: Scope, seen: Seen, request_id: str) -> None:
        seconds = time.monotonic() - seen.started
        state: dict[str, Any] = scope["state"]
        status = CLIENT_LEFT if state.get("gone") or not seen.status else seen.status
        method = scope.get("method", "WS")
        route = route_of(scope)
        # Anybody may make methods up; each would be a time series of its own, for ever.
        self._metrics.request(route, method if method in _METHODS else "other", status, seconds)
        code = scope.get("earmark.code")
        if code is not None:
            self._metrics.rejected(code)
        client = scope.get("client")
        line = {
            "request_id": request_id,
            "client": client[0] if client else None,
            "caller": state.get("caller"),
            "method": method,
            "path": scope["path"],
            "route": route,
            "status": status,
            "code": code,
            "bytes": seen.sent_bytes,
            "ms": round(seconds * 1000.0, 1),
        }
        access.info(
            "%s %s %d",
            method,
            json.dumps(scope["path"]),
            status,
            extra={"earmark": {key: value for key, value in line.items() if value is not None}},
        )


def route_of(scope: Scope) -> str:
    """Return the template of the route that took a request, so that metrics stay few."""
    path = getattr(scope.get("route"), "path", None)
    if path:
        return str(path)
    asked: str = scope["path"]
    return "/static" if asked.startswith("/static/") else "other"
