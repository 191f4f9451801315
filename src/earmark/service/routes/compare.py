"""Two sounds side by side, and duplicates in the whole library."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from earmark.audio.fetch import FetchLimits, fetched, is_url, shown
from earmark.audio.stream import Source
from earmark.errors import InvalidRequestError, StoppedError
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.problems import declared
from earmark.service.answering.twinshapes import CompareQuestion, ComparisonShape, DedupeQuestion
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies.uploads import Body, Wanted, received, validated
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.tasks.dedupework import DEDUPE
from earmark.service.tasks.jobshapes import JobShape, job_shape

router = APIRouter(prefix="/v1", tags=["identify"])
Reader = Annotated[Caller, Depends(needs("read"))]
Writer = Annotated[Caller, Depends(needs("write"))]

SMALL_BYTES = 8_000_000
_WANTED = Wanted(fields=frozenset({"b"}), most_files=2, memory_bytes=SMALL_BYTES, raw=False)
_FORM = {"b": {"type": "string", "description": "A track's id or URL, where `file` came once"}}


@router.post(
    "/compare",
    response_model=ComparisonShape,
    summary="How do two sounds differ?",
    responses=declared(404, 408, 413, 415, 507),
    openapi_extra=takes(CompareQuestion, form=_FORM),
)
async def compare(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
) -> Response:
    """Name two tracks or URLs as JSON, or send one file or two (`file` twice: A, then B).

    Sounds that have nothing in common are an answer (200): `relation` is then `different`.
    """
    async with received(request, here.media, here.options, _WANTED) as body:
        sides = _sides(body)

        def work(stop: threading.Event) -> dict[str, Any]:
            with ExitStack() as stack:
                a, b = (_source(here, side, stop, stack) for side, _ in sides)
                names = _name(here, *sides[0]), _name(here, *sides[1])
                return here.library.compare(a, b, names=names, stop=stop).as_dict()

        shape = await here.work.run(work, request=request, timeout_s=here.options.timeout_s)
    return json_answer(shape)


@router.post(
    "/dedupe",
    status_code=202,
    response_model=JobShape,
    summary="Find duplicates",
    responses=declared(),
)
async def dedupe(here: Here, caller: Writer, wanted: DedupeQuestion) -> Response:  # noqa: ARG001
    """Go through the whole library as a job; its report has the groups as `duplicates`.

    Nothing is removed: each group names what to `keep` and what that makes needless (`remove`).
    """
    request = wanted.model_dump()
    job = await here.quick(lambda: here.jobs.submit(DEDUPE, request))
    return json_answer(job_shape(job), 202, {"Location": f"/v1/jobs/{job.id}"})


def _sides(body: Body) -> list[tuple[Source, str]]:
    """Return both sounds with the names that came with them; a text is an id or a URL."""
    if body.document is not None:
        asked = validated(CompareQuestion, body.document)
        return [(asked.a, ""), (asked.b, "")]
    files: list[tuple[Source, str]] = [(spool.source, spool.name) for spool in body.files]
    named: list[tuple[Source, str]] = [(text, "") for text in body.fields.get("b", []) if text]
    if len(files) + len(named) != 2 or not files:
        message = "a comparison is of two sounds: send `file` twice, or `file` and `b` once each"
        raise InvalidRequestError(message)
    return files + named


def _source(here: House, side: Source, stop: threading.Event, stack: ExitStack) -> Source:
    """Return what the library compares; a caller's text is never a path of this machine."""
    if not isinstance(side, str):
        return side
    if not is_url(side):
        return here.library.get(side).id

    def go_on() -> None:
        if stop.is_set():
            message = "the client left before it was done"
            raise StoppedError(message)

    return stack.enter_context(fetched(side, _limits(here), go_on=go_on))


def _name(here: House, side: Source, name: str) -> str:
    if not isinstance(side, str):
        return name or "upload"
    return shown(side) if is_url(side) else here.library.get(side).label


def _limits(here: House) -> FetchLimits:
    options, settings = here.options, here.settings
    return FetchLimits(
        max_bytes=min(options.upload_limit_bytes, settings.fetch_limit_bytes),
        stall_s=settings.fetch_timeout_s,
        total_s=options.timeout_s,
        public_only=not options.private_urls,
    )
