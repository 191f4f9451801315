"""How a waiting program asks: one call at a time, over one pool of connections."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from earmark.client import doors
from earmark.client.files import fetched_file
from earmark.client.methods import signature_with_self
from earmark.client.reply import Reply
from earmark.client.service import service_at
from earmark.client.values import Page
from earmark.client.wire import Call
from earmark.errors import EarmarkError

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
T = TypeVar("T")


def asked(make: Callable[P, Call[T]]) -> Callable[Concatenate[Asker, P], T]:
    """Return the method that makes a request and waits for what comes of it."""

    @functools.wraps(make)
    def method(self: Asker, /, *args: P.args, **named: P.kwargs) -> T:
        return self._do(make(*args, **named))

    vars(method)["__signature__"] = signature_with_self(make)
    return method


class Asker:
    """Makes calls and repeats them where that is of use; `Client` says which there are."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: int = 2,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._service = service_at(url, key, timeout_s, retries)
        self._http = doors.open_client(self._service, transport)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service.url!r}>"

    def _do(self, call: Call[T]) -> T:
        """Make a call, again where that is of use, and return what came of it."""
        tried = 0
        while True:
            outcome = self._tried(call)
            pause_s = self._service.pause_s(call, tried, outcome)
            if pause_s is None:
                return self._service.settle(call, outcome)
            time.sleep(pause_s)
            tried += 1

    def _tried(self, call: Call[T]) -> Reply | EarmarkError:
        try:
            with self._open(call) as response:
                return self._reply(response, call.to)
        except EarmarkError as error:
            return error

    @contextmanager
    def _open(self, call: Call[T], silence_s: float | None = None) -> Iterator[httpx.Response]:
        doors.require_open(self._http.is_closed, self._service)
        with doors.http_errors(self._service), ExitStack() as stack:
            body = None
            if call.body is not None:
                body = stack.enter_context(closing(call.body.blocks()))
            yield stack.enter_context(
                self._http.stream(
                    call.method,
                    self._service.address(call),
                    content=body,
                    headers=doors.request_headers(call),
                    timeout=doors.patience(self._service, silence_s),
                )
            )

    def _reply(self, response: httpx.Response, to: Path | None = None) -> Reply:
        if to is None or not response.is_success:
            return doors.reply_of(self._service, response, response.read())
        with fetched_file(to) as write:
            for block in response.iter_bytes():
                write(block)
        return doors.reply_of(self._service, response, saved=to)

    def _all(self, page: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]:
        at: str | None = None
        while True:
            got = self._do(page(at))
            yield from got.items
            if got.next is None or got.next == at:
                return
            at = got.next
