"""The door to httpx: opened here, and what it raises becomes one of earmark's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from earmark.client.reply import Reply
from earmark.client.service import Service
from earmark.client.wire import Call
from earmark.errors import ExtraMissingError, ServiceError, TimedOutError, UsageError

if TYPE_CHECKING:
    import httpx
T = TypeVar("T")

CONNECT_S = 10.0


def open_client(service: Service, transport: httpx.BaseTransport | None) -> httpx.Client:
    """Return httpx's client for a service; raises `ExtraMissingError` without httpx."""
    with present("httpx"):
        import httpx
    return httpx.Client(headers=service.headers, transport=transport)


def open_async_client(
    service: Service, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """Return httpx's asynchronous client; raises `ExtraMissingError` without httpx."""
    with present("httpx"):
        import httpx
    return httpx.AsyncClient(headers=service.headers, transport=transport)


def request_headers(call: Call[T]) -> dict[str, str]:
    """Return the headers of one request, those of its body among them."""
    headers = dict(call.headers)
    if call.body is not None:
        headers["Content-Type"] = call.body.content_type
        if call.body.size_bytes is not None:
            headers["Content-Length"] = str(call.body.size_bytes)
    return headers


def require_open(closed: bool, service: Service) -> None:
    """Raise `UsageError` for a client that was closed."""
    if closed:
        message = f"this client of {service.url} is closed; make a new one"
        raise UsageError(message)


def reply_of(
    service: Service, response: httpx.Response, body: bytes = b"", saved: Path | None = None
) -> Reply:
    """Return httpx's response as a reply, its body handed in."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(service.url, response.status_code, headers, body, saved)


def patience(service: Service, silence_s: float | None = None) -> httpx.Timeout:
    """Return how long to wait for one answer: as the service's caller said, or ``silence_s``."""
    import httpx

    connect_s = min(CONNECT_S, service.timeout_s)
    return httpx.Timeout(silence_s or service.timeout_s, connect=connect_s)


@contextmanager
def http_errors(service: Service) -> Iterator[None]:
    """Turn what httpx raises into `ServiceError` and `TimedOutError`, naming the address."""
    import httpx

    try:
        yield
    except httpx.TimeoutException as error:
        raise late(service) from error
    except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
        raise unreached(service, error) from error
    except httpx.InvalidURL as error:
        message = f"{service.url} cannot be asked this ({error}); ask with shorter words"
        raise UsageError(message) from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        why = str(error) or type(error).__name__
        message = f"{service.url} broke off before its answer was whole ({why}); ask again"
        raise ServiceError(message) from error


@contextmanager
def present(name: str) -> Iterator[None]:
    """Turn a missing package into `ExtraMissingError`, for the import inside."""
    try:
        yield
    except ImportError as error:
        message = f"talking to a service needs {name}; add it with: pip install 'earmark[client]'"
        raise ExtraMissingError(message) from error


def late(service: Service) -> TimedOutError:
    """Return the error for a service that says nothing."""
    return TimedOutError(
        f"{service.url} did not answer within {service.timeout_s:g} s; "
        "ask again, or give the client a longer timeout_s"
    )


def unreached(service: Service, error: Exception) -> ServiceError:
    """Return the error for a service that there is no way to."""
    why = " ".join(str(error).split()) or type(error).__name__
    return ServiceError(
        f"{service.url} cannot be reached ({why}); check the address, and that a service runs there"
    )
