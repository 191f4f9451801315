"""What the errors of pymilvus and gRPC mean for the user, and which of them waiting helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from earmark.errors import DamagedIndexError, StoreError, StoreUnavailableError
from earmark.stores.milvus_address import TOKEN, MilvusAddress

T = TypeVar("T")
_NOT_LOADED, _NO_COLLECTION, _NO_DATABASE, _NO_INDEX = 101, 100, 800, 700
_RECOVERING = 106
_CLOSING = ("not loaded", "channel not found")
"""What a server says while it loads a collection, or lets go of it."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0


class NotLoadedError(StoreUnavailableError):
    """The collection is there and does not answer yet: just opened, or its index is being made."""


def patiently(ask: Callable[[], T], limit_s: float) -> T:
    """Return what ``ask`` returns, asking again while the index is being made or loaded."""
    until_s = time.monotonic() + limit_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return ask()
        except NotLoadedError:
            if time.monotonic() + wait_s > until_s:
                raise
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


@contextmanager
def explained(address: MilvusAddress) -> Iterator[None]:
    """Raise what the errors of the requests made inside mean."""
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise meant(address, error) from error


def meant(address: MilvusAddress, error: BaseException) -> StoreError:
    """Return what an error of pymilvus or gRPC means for the user."""
    where, text = f"Milvus at {address}", _told(error)
    code, status = getattr(error, "code", None), _status(error)
    if status in ("UNAUTHENTICATED", "PERMISSION_DENIED") or "auth check failure" in text:
        return StoreUnavailableError(
            f"{where} refuses the user, password or token; give it as user:password in the "
            f"URL or in {TOKEN}"
        )
    if code == _NO_DATABASE or "database not found" in text:
        return StoreUnavailableError(
            f"{where} has no database {address.database!r}; create it or name another"
        )
    closed = code in (_NOT_LOADED, _NO_INDEX, _RECOVERING, _NO_COLLECTION)
    if closed or any(sign in text for sign in _CLOSING):
        return NotLoadedError(f"{where} is loading or rebuilding the index; try again in a moment")
    if "handshake" in text.lower() or "SSL" in text:
        return StoreUnavailableError(
            f"{where} and earmark cannot agree on TLS; write https:// for a server that has "
            "it and http:// for one that has not"
        )
    if status == "DEADLINE_EXCEEDED":
        return StoreUnavailableError(f"{where} did not answer in time; try again when it does")
    if address.lite and status != "UNAVAILABLE":
        return DamagedIndexError(
            f"{address.place} is damaged ({text}); delete it and run `earmark rebuild`"
        )
    if status == "UNAVAILABLE" or "server unavailable" in text:
        message = f"{where} cannot be reached; start it or check the address"
        return StoreUnavailableError(message)
    return StoreUnavailableError(f"{where} refused a request: {text}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it; pymilvus names some errors their own cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        following = error.__cause__ if error.__cause__ is not error else None
        error = following or error.__context__


def _status(error: BaseException) -> str:
    """Return the name of the gRPC status behind an error, or an empty string."""
    import grpc

    for one in _chain(error):
        code = getattr(one, "code", None)
        code = code() if callable(code) else code
        if isinstance(code, grpc.StatusCode):
            return str(code.name)
    return ""


def _told(error: BaseException) -> str:
    """Return all that an error and its causes say, in one line."""
    import grpc

    texts = []
    for one in _chain(error):
        if isinstance(one, grpc.RpcError) and hasattr(one, "details"):
            texts.append(str(one.details()))
        else:
            texts.append(str(getattr(one, "message", one)))
    return " ".join(" ".join(dict.fromkeys(texts)).split())[:300]
