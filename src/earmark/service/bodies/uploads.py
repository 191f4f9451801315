"""A request's body: a form, a file or JSON, streamed within limits of bytes, time and memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from earmark.config import ServeSettings
from earmark.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    MediaTypeError,
    StoppedError,
    TimedOutError,
)
from earmark.service.bodies.forms import Form
from earmark.service.bodies.media import MediaRoom
from earmark.service.bodies.spool import Spool

LEAST_BYTES_PER_S = 4096.0
PATIENCE_S = 30.0
"""A body that has taken longer than this must have come at `LEAST_BYTES_PER_S` on average."""
LARGEST_JSON_BYTES = 1_000_000

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address takes.

    ``fields`` are the form's besides ``file``; ``memory_bytes`` is how large a file may stay in
    memory; ``hashed`` asks for the body's digest; ``sniffed`` refuses what is clearly no audio.
    """

    fields: frozenset[str] = frozenset()
    most_files: int = 1
    memory_bytes: int = 0
    raw: bool = True
    form: bool = True
    document: bool = True
    hashed: bool = False
    sniffed: bool = True


@dataclass(slots=True)
class Body:
    """What came: ``files`` and ``fields`` of a form, one raw file, or a JSON ``document``.

    ``digest`` is a sha256 of all that came, where it was asked for; of a form's parts, so that the
    boundary, which every request has its own, is left out.
    """

    files: list[Spool] = field(default_factory=list)
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    digest: str = ""

    @property
    def file(self) -> Spool:
        """The one file; raises `InvalidRequestError` where none came."""
        if not self.files:
            message = "the form has no field 'file'; add the sound as `file`"
            raise InvalidRequestError(message)
        return self.files[0]


@asynccontextmanager
async def received(
    request: Request, room: MediaRoom, options: ServeSettings, wanted: Wanted
) -> AsyncIterator[Body]:
    """Read a request's body and yield it; its temporary files are gone afterwards.

    While it has not been read to its end, ``request.state.unread`` is True: the answer to an error
    then closes the connection, and a timeout is the client's (408).

    Raises
    ------
    BodyTooLargeError, MediaTypeError, InvalidRequestError, EmptyAudioError
        The body is the trouble.
    TimedOutError
        It came too slowly.
    StoppedError
        The client left.
    DiskFullError, StoreError
        It cannot be kept.
    """
    request.state.unread = True
    body = Body()
    try:
        await _read(request, room, options, wanted, body)
        request.state.unread = False
        yield body
    finally:
        for spool in body.files:
            spool.close()


def validated(model: type[Model], document: Mapping[str, Any]) -> Model:
    """Return a JSON body as a model; raises `RequestValidationError`."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from error


async def _read(
    request: Request, room: MediaRoom, options: ServeSettings, wanted: Wanted, body: Body
) -> None:
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    limit_bytes = options.upload_limit_bytes
    digest = hashlib.sha256() if wanted.hashed else None

    def opened(name: str) -> Spool:
        return Spool(room, name, memory_bytes=wanted.memory_bytes, sniffed=wanted.sniffed)

    if kind == "application/json" or kind.endswith("+json"):
        if not wanted.document:
            raise MediaTypeError(_not_taken(kind, wanted))
        text = bytearray()
        limit_bytes = min(limit_bytes, LARGEST_JSON_BYTES)
        async for chunk in _chunks(request, limit_bytes, options.body_stall_s):
            text += chunk
        if digest:
            digest.update(text)
        body.document = _object(bytes(text))
    elif kind == "multipart/form-data" and wanted.form:
        form = Form(content_type, wanted.fields, wanted.most_files, opened, digest)
        body.files, body.fields = form.files, form.fields
        async for chunk in _chunks(request, limit_bytes, options.body_stall_s):
            await form.feed(chunk)
        form.end()
    elif not wanted.raw or kind.startswith(("multipart/", "application/x-www-form-urlencoded")):
        raise MediaTypeError(_not_taken(kind, wanted))
    else:
        spool = opened(_named(request))
        body.files = [spool]
        async for chunk in _chunks(request, limit_bytes, options.body_stall_s):
            if digest:
                digest.update(chunk)
            await spool.write(chunk)
        await spool.finish()
    if digest:
        digest.update(f"\n{kind}".encode())
        body.digest = digest.hexdigest()


async def _chunks(request: Request, limit_bytes: int, stall_s: float) -> AsyncIterator[bytes]:
    """Yield the body as it comes, and not for ever."""
    promised = request.headers.get("content-length", "")
    if promised.isascii() and promised.isdigit() and int(promised) > limit_bytes:
        raise BodyTooLargeError(_too_large(limit_bytes))
    stream = request.stream()
    count, waited_s = 0, 0.0
    while True:
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(stall_s):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            message = f"nothing more of the body came within {stall_s:g} s; send it again"
            raise TimedOutError(message) from error
        except ClientDisconnect as error:
            request.state.gone = True
            message = "the client left before its body was there"
            raise StoppedError(message) from error
        if chunk is None:
            return
        count += len(chunk)
        if count > limit_bytes:
            raise BodyTooLargeError(_too_large(limit_bytes))
        waited_s += time.monotonic() - started_s
        if waited_s > PATIENCE_S and count < waited_s * LEAST_BYTES_PER_S:
            message = (
                f"the body came at less than {LEAST_BYTES_PER_S:g} bytes a second; send faster"
            )
            raise TimedOutError(message)
        if chunk:
            yield chunk


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text, parse_constant=_no_number)
        # Half of a surrogate pair can be written in JSON, but never be sent back as UTF-8.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"the body is not JSON: {error}"
        raise InvalidRequestError(message) from error
    if not isinstance(document, dict):
        message = "the body must be a JSON object: {...}"
        raise InvalidRequestError(message)
    return document


def _no_number(text: str) -> float:
    message = f"{text} is no number of JSON"
    raise ValueError(message)


def _named(request: Request) -> str:
    """Return what a raw body's sender calls it: in Content-Disposition, or nothing."""
    header = request.headers.get("content-disposition", "")
    return parse_options_header(header)[1].get(b"filename", b"").decode("utf-8", "replace")


def _not_taken(kind: str, wanted: Wanted) -> str:
    takes = [
        "multipart/form-data with a field `file`" if wanted.form else "",
        "the file itself as audio/*" if wanted.raw else "",
        "application/json" if wanted.document else "",
    ]
    said = f"{kind!r:.100}" if kind else "no Content-Type"
    return f"a body of {said} is not taken here; send {' or '.join(filter(None, takes))}"


def _too_large(limit_bytes: int) -> str:
    shown = f"{limit_bytes / 1e6:g} MB" if limit_bytes >= 10_000 else f"{limit_bytes} bytes"
    return f"the body is larger than the {shown} that are taken here; send a shorter part of it"
