"""Problem documents of a service (RFC 9457) become the errors that they were made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from earmark import errors
from earmark.client.reply import Reply
from earmark.errors import (
    BodyTooLargeError,
    BusyError,
    EarmarkError,
    ForbiddenError,
    RateLimitedError,
    RequestError,
    ServiceError,
    UnauthorizedError,
)

_LONGEST = 1000  # characters of a message that somebody else wrote


KINDS: Mapping[str, type[EarmarkError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, EarmarkError)
}
"""The class of every code."""

# What gateways between here and a service say in words of their own.
_OF_STATUS: Mapping[int, type[EarmarkError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    413: BodyTooLargeError,
    429: RateLimitedError,
}


def require_good(reply: Reply) -> None:
    """Raise what a reply refuses with, if it does."""
    if not reply.good:
        raise refusal(reply)


def refusal(reply: Reply) -> EarmarkError:
    """Return the error that a reply other than 2xx means.

    It carries ``status``, ``request_id`` (to be found in the service's log) and ``errors``:
    mappings of ``where`` and ``message`` for parameters and fields that were wrong.
    """
    problem = _problem(reply.body)
    request_id = reply.headers.get("x-request-id", "")
    error = told(problem, reply.status, reply.retry_after_s, request_id)
    if error is not None:
        return error
    kind = _OF_STATUS.get(reply.status, ServiceError)
    message = (
        f"{reply.url} answered {reply.named}, and not as an earmark service does; check the address"
    )
    return _made(kind, message, reply.status, reply.retry_after_s, request_id)


def told(
    problem: Mapping[str, Any],
    status: int,
    retry_after_s: float | None = None,
    request_id: str = "",
) -> EarmarkError | None:
    """Return the error that a problem document tells of, or None where it tells of none."""
    code, detail = problem.get("code"), problem.get("detail")
    if not isinstance(code, str) or not isinstance(detail, str) or not detail.strip():
        return None
    # A newer service may have codes that are not known here.
    kind = KINDS.get(code) or (ServiceError if status >= 500 else RequestError)
    message = " ".join(detail.split())[:_LONGEST]
    return _made(kind, message, status, retry_after_s, request_id, problem.get("errors"))


def _made(
    kind: type[EarmarkError],
    message: str,
    status: int,
    retry_after_s: float | None,
    request_id: str,
    faults: object = None,
) -> EarmarkError:
    if issubclass(kind, RateLimitedError | BusyError) and retry_after_s is not None:
        error: EarmarkError = kind(message, retry_after_s)
    else:
        error = kind(message)
    wheres = tuple(faults) if isinstance(faults, list) else ()
    vars(error).update(status=status, request_id=request_id, errors=wheres)
    return error


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        shape = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return shape if isinstance(shape, dict) else {}
