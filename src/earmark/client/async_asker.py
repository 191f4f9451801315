"""How a program of asyncio asks; as `earmark.client.asker`, awaited."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from earmark.client import doors
from earmark.client.bodies import Body
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


def asked(
    make: Callable[P, Call[T]],
) -> Callable[Concatenate[AsyncAsker, P], Coroutine[Any, Any, T]]:
    """Return the method that makes a request and awaits what comes of it."""

    @functools.wraps(make)
    async def method(self: AsyncAsker, /, *args: P.args, **named: P.kwargs) -> T:
        return await self._do(make(*args, **named))

    vars(method)["__signature__"] = signature_with_self(make)
    return method


class AsyncAsker:
    """Makes calls and repeats them where that is of use; `AsyncClient` says which there are."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: int = 2,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service = service_at(url, key, timeout_s, retries)
        self._http = doors.open_async_client(self._service, transport)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service.url!r}>"

    async def _do(self, call: Call[T]) -> T:
        """Make a call, again where that is of use, and return what came of it."""
        tried = 0
        while True:
            outcome = await self._tried(call)
            pause_s = self._service.pause_s(call, tried, outcome)
            if pause_s is None:
                return self._service.settle(call, outcome)
            await asyncio.sleep(pause_s)
            tried += 1

    async def _tried(self, call: Call[T]) -> Reply | EarmarkError:
        try:
            async with self._open(call) as response:
                return await self._reply(response, call.to)
        except EarmarkError as error:
            return error

    @asynccontextmanager
    async def _open(
        self, call: Call[T], silence_s: float | None = None
    ) -> AsyncIterator[httpx.Response]:
        doors.require_open(self._http.is_closed, self._service)
        with doors.http_errors(self._service):
            async with AsyncExitStack() as stack:
                body = None
                if call.body is not None:
                    body = await stack.enter_async_context(aclosing(_blocks(call.body)))
                yield await stack.enter_async_context(
                    self._http.stream(
                        call.method,
                        self._service.address(call),
                        content=body,
                        headers=doors.request_headers(call),
                        timeout=doors.patience(self._service, silence_s),
                    )
                )

    async def _reply(self, response: httpx.Response, to: Path | None = None) -> Reply:
        if to is None or not response.is_success:
            return doors.reply_of(self._service, response, await response.aread())
        with fetched_file(to) as write:
            async for block in response.aiter_bytes():
                await asyncio.to_thread(write, block)
        return doors.reply_of(self._service, response, saved=to)

    async def _all(self, page: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]:
        at: str | None = None
        while True:
            got = await self._do(page(at))
            for item in got.items:
                yield item
            if got.next is None or got.next == at:
                return
            at = got.next


async def _blocks(body: Body) -> AsyncGenerator[bytes, None]:
    """Yield a body's bytes; files are read in a thread, for they may be slow."""
    blocks = body.blocks()
    try:
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield block
    finally:
        # A thread that is reading yet (the task was cancelled) lets go of the file by itself.
        with suppress(ValueError):
            blocks.close()
