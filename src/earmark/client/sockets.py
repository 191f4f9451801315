"""The door to websockets: lines to listen over, their troubles as earmark's errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from earmark.client.doors import CONNECT_S, late, present, unreached
from earmark.client.listening import Message
from earmark.client.refusals import refusal
from earmark.client.reply import Reply
from earmark.client.service import Service
from earmark.errors import ServiceError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection as AsyncConnection
    from websockets.sync.client import ClientConnection

_OPTIONS: dict[str, Any] = {
    "open_timeout": CONNECT_S,
    "close_timeout": 2.0,
    "max_size": 16 << 20,  # an answer with the drawings of many matches
    "user_agent_header": None,
    "compression": None,  # sound hardly shrinks
}


class Line:
    """One open connection."""

    def __init__(self, service: Service, connection: ClientConnection) -> None:
        self._service = service
        self._connection = connection

    def send(self, message: Message) -> bool:
        """Send a message; return False where the service takes no more."""
        from websockets.exceptions import ConnectionClosed

        try:
            with socket_errors(self._service):
                self._connection.send(message)
        except ServiceError as error:
            if isinstance(error.__cause__, ConnectionClosed):
                return False
            raise
        return True

    def receive(self, wait: bool) -> Message | None:
        """Return the next message; without ``wait`` only one that is here already, or None."""
        with socket_errors(self._service):
            try:
                return self._connection.recv(self._service.timeout_s if wait else 0)
            except TimeoutError:
                if wait:
                    raise
                return None


class AsyncLine:
    """One open connection; as `Line`."""

    def __init__(self, service: Service, connection: AsyncConnection) -> None:
        self._service = service
        self._connection = connection

    async def send(self, message: Message) -> bool:
        """Send a message; return False where the service takes no more."""
        from websockets.exceptions import ConnectionClosed

        try:
            with socket_errors(self._service):
                await self._connection.send(message)
        except ServiceError as error:
            if isinstance(error.__cause__, ConnectionClosed):
                return False
            raise
        return True

    async def receive(self, wait: bool) -> Message | None:
        """Return the next message; without ``wait`` only one that is here already, or None."""
        await asyncio.sleep(0)  # lets in what has arrived
        with socket_errors(self._service):
            try:
                async with asyncio.timeout(self._service.timeout_s if wait else 0):
                    return await self._connection.recv()
            except TimeoutError:
                if wait:
                    raise
                return None


@contextmanager
def open_line(service: Service) -> Iterator[Line]:
    """Yield a connection to listen over; raises `ExtraMissingError` without websockets."""
    with present("websockets"):
        from websockets.sync.client import connect
    with ExitStack() as stack:
        with socket_errors(service):
            door = connect(service.listen_url, additional_headers=service.headers, **_OPTIONS)
            connection = stack.enter_context(door)
        try:
            yield Line(service, connection)
        finally:
            connection.close()  # in good order, also when the caller has heard enough


@asynccontextmanager
async def open_async_line(service: Service) -> AsyncIterator[AsyncLine]:
    """Yield a connection to listen over; raises `ExtraMissingError` without websockets."""
    with present("websockets"):
        from websockets.asyncio.client import connect
    async with AsyncExitStack() as stack:
        with socket_errors(service):
            door = connect(service.listen_url, additional_headers=service.headers, **_OPTIONS)
            connection = await stack.enter_async_context(door)
        try:
            yield AsyncLine(service, connection)
        finally:
            await connection.close()  # in good order, also when the caller has heard enough


@contextmanager
def socket_errors(service: Service) -> Iterator[None]:
    """Turn what websockets raises into earmark's errors, a refusal into that of its code."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

    try:
        yield
    except InvalidStatus as error:
        answer = error.response
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        body = bytes(answer.body or b"")
        raise refusal(Reply(service.url, answer.status_code, headers, body)) from error
    except TimeoutError as error:
        raise late(service) from error
    except ConnectionClosed as error:
        message = f"{service.url} broke off while it listened; begin again"
        raise ServiceError(message) from error
    except (OSError, EOFError, WebSocketException) as error:
        raise unreached(service, error) from error
