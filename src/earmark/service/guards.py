"""Where no key is needed, pages of other sites must not use us through somebody's browser."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from earmark.errors import EarmarkError, ForbiddenError
from earmark.service.answering.problems import problem
from earmark.service.context import house

_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
# They tell nothing, and are asked for by names that nobody chose, also when the ledger is broken.
_PROBES = ("/healthz", "/readyz")
_FAR = ("cross-site", "same-site")
_PAGES = ("/static/", "/docs")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class OpenDoorGuard:
    """ASGI middleware: looks at Origin, Host and proxies' headers while no key is needed."""

    def __init__(self, app: ASGIApp, origins: Sequence[str], *, anyone: bool) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._anyone = anyone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] in ("http", "websocket") and scope["path"] not in _PROBES:
            connection = HTTPConnection(scope)
            try:
                await self._check(connection)
            except EarmarkError as error:
                await problem(connection, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _check(self, connection: HTTPConnection) -> None:
        here = house(connection)
        if (await here.current_keys()).wanted:
            return
        headers = connection.headers
        host = headers.get("host", "")
        if here.keys.loopback and not is_loopback(bare(host)):
            message = (
                f"the Host {host!r} is not this machine's own name, and without keys only this "
                "machine may ask; add a key with `earmark keys add`"
            )
            raise ForbiddenError(message)
        origin = headers.get("origin")
        if origin is not None and origin.rstrip("/") not in self._origins:
            scheme = {"ws": "http", "wss": "https"}.get(
                connection.url.scheme, connection.url.scheme
            )
            if not same_origin(origin, scheme, host):
                message = (
                    f"a page of {origin!r} may not ask here; name it with `earmark serve --origin`"
                )
                raise ForbiddenError(message)
        # Pictures, frames and links of other pages come without an Origin; browsers say whose.
        far = headers.get("sec-fetch-site") in _FAR and origin is None
        path = connection.scope["path"]
        if far and not (path == "/" or path.startswith(_PAGES)):
            message = f"a page of another site may not ask for {path!r}; open it by itself"
            raise ForbiddenError(message)
        if here.keys.loopback and not self._anyone:
            _refuse_forwarded(headers)


def same_origin(origin: str, scheme: str, host: str) -> bool:
    """Return whether an Origin is the one of a request's scheme and Host.

    >>> same_origin("http://localhost", "http", "localhost:80")
    True
    >>> same_origin("http://localhost:9000", "http", "localhost:8645")
    False
    """
    its_scheme, _, its_host = origin.lower().partition("://")
    port = f":{_PORTS.get(scheme, '')}"
    return its_scheme == scheme and its_host.removesuffix(port) == host.lower().removesuffix(port)


def bare(host: str) -> str:
    """Return a Host without its port and brackets.

    >>> bare("[::1]:8645"), bare("LOCALHOST:1"), bare("127.0.0.1"), bare("::1")
    ('::1', 'localhost', '127.0.0.1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    if host.count(":") > 1:
        return host.lower()
    return host.partition(":")[0].lower()


def is_loopback(name: str) -> bool:
    """Return whether a bare host name or address means this machine only.

    >>> [is_loopback(name) for name in ("localhost", "127.8.0.1", "::1", "8.8.8.8", "my.site")]
    [True, True, True, False, False]
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse_forwarded(headers: Headers) -> None:
    """Refuse what a proxy on this machine passes on, for that makes everybody look local."""
    for name in _FORWARDED:
        if name in headers:
            message = (
                f"the request came through a proxy ({name}) and the service has no keys; add one "
                "with `earmark keys add`, or let everyone in with `earmark serve --open`"
            )
            raise ForbiddenError(message)
