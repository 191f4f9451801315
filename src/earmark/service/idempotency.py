"""The same request under the same Idempotency-Key is done once and answered twice."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from earmark.errors import ConflictError, EarmarkError, InvalidRequestError
from earmark.ports.ledger import Reply, SharedLedger
from earmark.service.answering.problems import problem, status_of
from earmark.service.auth import Caller
from earmark.service.context import House

HEADER = "Idempotency-Key"
KEPT_S = 86_400.0
LONGEST = 200
_STARTED_AT = time.time()
_REPLAYED = ("content-type", "location", "etag")


async def once(
    house: House,
    request: Request,
    caller: Caller,
    digest: str,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """Answer a request, or give the answer again that it got before under its key.

    Parameters
    ----------
    digest
        What tells the body from others: `uploads.Body.digest`.
    answer
        Does the work. Its 5xx and 429 are forgotten, so that the request may come again.

    Raises
    ------
    InvalidRequestError
        The key is not 1 to 200 printable characters.
    ConflictError
        The key was used for another request.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return await answer()
    if not (1 <= len(given) <= LONGEST and given.isascii() and given.isprintable()):
        message = f"{HEADER} must be 1 to {LONGEST} printable ASCII characters"
        raise InvalidRequestError(message)
    key = f"{caller.key_id or ''}:{given}"
    mark = Reply(_fingerprint(request, caller, digest), time.time())
    held = await house.quick(lambda: _begin(house, key, mark))
    if held is not None:
        return _again(request, held, mark)
    try:
        response = await answer()
    except EarmarkError as error:
        status = status_of(error)
        if status >= 500 or status == 429 or getattr(request.state, "gone", False):
            await house.quick(lambda: house.ledger.finish(key, None))
            raise
        response = problem(request, error)
    except BaseException:
        house.ledger.finish(key, None)  # at once: the task may be on its way out
        raise
    headers = {name: response.headers[name] for name in _REPLAYED if name in response.headers}
    reply = Reply(
        mark.fingerprint, mark.created_at, response.status_code, headers, bytes(response.body)
    )
    await house.quick(lambda: house.ledger.finish(key, reply))
    return response


def _begin(house: House, key: str, mark: Reply) -> Reply | None:
    """Return what is kept under a key, or None; what is too old, or was never ended, is not."""
    house.ledger.forget_replies(mark.created_at - KEPT_S)
    held = house.ledger.begin(key, mark)
    if held is not None and held.status == 0:
        lost_before = mark.created_at - 4 * house.options.timeout_s
        if not isinstance(house.ledger, SharedLedger):  # nobody else answers: it was us, before
            lost_before = max(_STARTED_AT, lost_before)
        if held.created_at < lost_before:  # the service was killed while it answered
            house.ledger.finish(key, None)
            held = house.ledger.begin(key, mark)
    return held


def _again(request: Request, held: Reply, mark: Reply) -> Response:
    if held.fingerprint != mark.fingerprint:
        message = f"this {HEADER} was used for another request; choose a new one"
        raise ConflictError(message)
    if held.status == 0:
        message = f"the request of this {HEADER} is still being answered; ask again in a moment"
        return problem(request, ConflictError(message), headers={"Retry-After": "1"})
    headers = {**held.headers, "Idempotency-Replayed": "true"}
    return Response(held.body, held.status, headers)


def _fingerprint(request: Request, caller: Caller, digest: str) -> str:
    url = request.url
    parts = (request.method, url.path, url.query, caller.key_id or "", digest)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
