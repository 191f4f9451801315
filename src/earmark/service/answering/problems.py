"""Errors as RFC 9457 problem documents: one map from the tree of errors to statuses."""

from __future__ import annotations

import http
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from earmark import errors
from earmark.errors import EarmarkError

STATUSES: Mapping[type[EarmarkError], int] = {
    EarmarkError: 500,
    errors.UsageError: 422,
    errors.ExtraMissingError: 501,
    errors.InputError: 422,
    errors.TrackNotFoundError: 404,
    errors.NotAudioError: 415,
    errors.NotAScoreError: 415,
    errors.AudioTooLongError: 413,
    errors.RequestError: 400,
    errors.UnauthorizedError: 401,
    errors.ForbiddenError: 403,
    errors.NoSuchPageError: 404,
    errors.JobNotFoundError: 404,
    errors.KeyNotFoundError: 404,
    errors.DeliveryNotFoundError: 404,
    errors.DetectionNotFoundError: 404,
    errors.RuleNotFoundError: 404,
    errors.ScanNotFoundError: 404,
    errors.StreamNotFoundError: 404,
    errors.WebhookNotFoundError: 404,
    errors.NoMediaError: 404,
    errors.NoSuchMethodError: 405,
    errors.ConflictError: 409,
    errors.PreconditionError: 412,
    errors.BodyTooLargeError: 413,
    errors.MediaTypeError: 415,
    errors.RangeError: 416,
    errors.InvalidRequestError: 422,
    errors.RateLimitedError: 429,
    errors.StoreError: 503,
    errors.DiskFullError: 507,
    errors.BusyError: 429,
    errors.TimedOutError: 504,
    errors.ShuttingDownError: 503,
    errors.InternalError: 500,
}
MEDIA_TYPE = "application/problem+json"


class Where(BaseModel):
    """One parameter or field that makes no sense."""

    where: str = Field(examples=["query.limit"])
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class Problem(BaseModel):
    """What went wrong (RFC 9457); `code` is stable and listed in docs/errors.md."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["track_not_found"])
    detail: str = Field(examples=["no track has the id 'x'; see GET /v1/tracks"])
    instance: str = Field(examples=["/v1/tracks/x"])
    request_id: str = Field(examples=["5f0c7d0f2ad84c2b"])
    errors: list[Where] | None = None


def status_of(error: EarmarkError) -> int:
    """Return the HTTP status that an error means.

    >>> from earmark.errors import LibraryLockedError, NotAudioError
    >>> status_of(NotAudioError("x")), status_of(LibraryLockedError("x"))
    (415, 503)
    """
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return 500


def problem(
    connection: HTTPConnection,
    error: EarmarkError,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    wheres: Sequence[Mapping[str, str]] = (),
) -> Response:
    """Return an error as a response.

    Parameters
    ----------
    status
        None: what `status_of` says.
    headers
        More headers; ``Retry-After`` and ``WWW-Authenticate`` come by themselves.
    wheres
        What is wrong and where, for `InvalidRequestError`.
    """
    # Nothing more is wanted of a body that was not read to its end; its slowness is the client's.
    unread = connection.scope.get("state", {}).get("unread", False)
    slow = unread and isinstance(error, errors.TimedOutError)
    status = status or (408 if slow else status_of(error))
    connection.scope["earmark.code"] = error.code
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": error.message,
        "instance": connection.url.path,
        "request_id": connection.scope.get("earmark.request_id", ""),
    }
    if wheres:
        document["errors"] = list(wheres)
    more = dict(headers or {})
    if status in (429, 503) or isinstance(error, errors.BusyError):
        wait_s = getattr(error, "retry_after_s", 1.0)
        more.setdefault("Retry-After", str(max(1, math.ceil(wait_s))))
    if status == 401:
        more.setdefault("WWW-Authenticate", "Bearer")
    if unread:
        more.setdefault("Connection", "close")
    return JSONResponse(document, status, more, MEDIA_TYPE)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what FastAPI's ``responses`` wants for a route that may answer with problems.

    The ones of every route (401, 403, 422, 429, 500, 503, 504) need not be named.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": http.HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make an app answer with problems whatever is raised; bugs are `requestlog`'s."""
    app.add_exception_handler(EarmarkError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, EarmarkError)  # noqa: S101 - it is registered for these
    return problem(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    wheres = [
        {"where": ".".join(map(str, fault["loc"])) or "body", "message": str(fault["msg"])}
        for fault in error.errors()
    ]
    first = wheres[0] if wheres else {"where": "body", "message": "makes no sense"}
    message = f"{first['where']}: {first['message']}"
    return problem(request, errors.InvalidRequestError(message), wheres=wheres)


async def _framework(request: Request, error: Exception) -> Response:
    """Give the framework's own refusals a code: a missing page, a wrong method, a bad body."""
    assert isinstance(error, HTTPException)  # noqa: S101
    path, method = request.url.path, request.method
    headers = error.headers
    if error.status_code == 405:
        headers = {"Allow": request.app.state.methods.of(path)}
        if method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    kinds: dict[int, EarmarkError] = {
        404: errors.NoSuchPageError(f"there is nothing at {path!r}; see /docs"),
        405: errors.NoSuchMethodError(f"{path!r} does not take {method}"),
        408: errors.TimedOutError(str(error.detail)),
        413: errors.BodyTooLargeError(str(error.detail)),
        415: errors.MediaTypeError(str(error.detail)),
    }
    known = kinds.get(error.status_code) or errors.InvalidRequestError(str(error.detail))
    status = error.status_code if error.status_code in kinds else 422
    return problem(request, known, status=status, headers=headers)
