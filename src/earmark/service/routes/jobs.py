"""Jobs: add many files at once or rebuild, and watch how that goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from earmark.errors import EarmarkError, ForbiddenError, InvalidRequestError
from earmark.ports.ledger import JobRecord, JobState
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.problems import declared
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies.uploads import Body, Wanted, received, validated
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.idempotency import once
from earmark.service.tasks.jobshapes import JobPage, JobShape, NewJob, job_shape
from earmark.service.tasks.jobsteps import ENDED

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Reader = Annotated[Caller, Depends(needs("read"))]
Writer = Annotated[Caller, Depends(needs("write"))]

# Each is a file that is open while the form arrives.
MOST_FILES = 1000
_WANTED = Wanted(fields=frozenset({"tags"}), most_files=MOST_FILES, raw=False, hashed=True)
_FORM = {"tags": {"type": "string", "description": "Separated by commas; may come several times"}}


@router.post(
    "",
    status_code=202,
    response_model=JobShape,
    summary="Add many tracks, or rebuild",
    responses=declared(408, 409, 413, 415, 507),
    openapi_extra=takes(NewJob, form=_FORM),
)
async def submit(request: Request, here: Here, caller: Writer) -> Response:
    """Upload many files, or name files of the service's machine (below its roots) or URLs.

    With an `Idempotency-Key` the request may be repeated safely for a day.
    """
    async with received(request, here.media, here.options, _WANTED) as body:

        async def answer() -> Response:
            if body.document is not None:
                job = await _named(here, caller, validated(NewJob, body.document))
            else:
                job = await _uploaded(here, body)
            return json_answer(job_shape(job), 202, {"Location": f"/v1/jobs/{job.id}"})

        return await once(here, request, caller, body.digest, answer)


@router.get("", response_model=JobPage, summary="List jobs", responses=declared(404))
async def jobs(
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
    before: Annotated[
        str | None, Query(max_length=100, description="The `next` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    state: Annotated[JobState | None, Query(description="Only jobs in this state")] = None,
) -> Response:
    """Newest first; `next` is null on the last page."""
    states: tuple[JobState, ...] = () if state is None else (state,)
    found = await here.quick(lambda: here.jobs.jobs(states=states, before=before, limit=limit + 1))
    following = found[limit - 1].id if len(found) > limit else None
    return json_answer({"jobs": [job_shape(job) for job in found[:limit]], "next": following})


async def found(here: Here, caller: Reader, job_id: str) -> JobRecord:  # noqa: ARG001
    """Return the job of an address; raises `JobNotFoundError`."""
    return await here.quick(lambda: here.jobs.job(job_id))


@router.get("/{job_id}", response_model=JobShape, summary="How far is it?", responses=declared(404))
async def show(job: Annotated[JobRecord, Depends(found)]) -> Response:
    """Return one job as it stands now."""
    return json_answer(job_shape(job))


@router.delete(
    "/{job_id}",
    status_code=202,
    response_model=JobShape,
    summary="Cancel a job",
    responses=declared(404, 409),
)
async def cancel(here: Here, caller: Writer, job_id: str) -> Response:  # noqa: ARG001
    """Ask a job to end soon; what it has added stays."""
    job = await here.quick(lambda: here.jobs.cancel(job_id))
    return json_answer(job_shape(job), 202)


async def watched(here: Here, job: Annotated[JobRecord, Depends(found)]) -> JobRecord:
    """Return a job that may be watched: later than here, no error can be told any more."""
    here.jobs.feed.require_room()
    return job


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    summary="Watch a job",
    responses=declared(404),
)
async def events(
    here: Here, job: Annotated[JobRecord, Depends(watched)]
) -> AsyncIterator[ServerSentEvent]:
    """Send the job as `progress` whenever it changes, as `end` when it has ended, and close.

    Every event holds the whole job, so nothing is lost by connecting again (`Last-Event-ID` is
    not needed).
    """
    async for record in here.jobs.events(job.id):
        event = "end" if record.state in ENDED else "progress"
        yield ServerSentEvent(data=job_shape(record), event=event)


async def _named(here: House, caller: Caller, wanted: NewJob) -> JobRecord:
    """Submit what a JSON body asks for."""
    if wanted.kind == "ingest":
        if wanted.model is not None:
            raise InvalidRequestError("model goes with a rebuild: {'kind': 'rebuild', 'model': ..}")
        request: dict[str, Any] = {
            "paths": wanted.paths,
            "urls": wanted.urls,
            "tags": _tidy(wanted.tags),
        }
        return await here.quick(lambda: here.jobs.submit("ingest", request))
    if wanted.paths or wanted.urls or wanted.tags:
        raise InvalidRequestError("a rebuild takes no paths, urls or tags, only model")
    if not caller.may("admin"):
        raise ForbiddenError("a rebuild needs a key of the scope 'admin'")
    model = wanted.model

    def rebuild() -> JobRecord:
        if model is not None:
            from earmark.sound.catalogue import model_plugin

            model_plugin(model)  # an unknown one is told now, not by a job that fails
        return here.jobs.submit("rebuild", {"model": model})

    return await here.quick(rebuild)


async def _uploaded(here: House, body: Body) -> JobRecord:
    """Keep what was uploaded and submit it."""
    spools = [(spool.path, spool.name) for spool in body.files if spool.path is not None]
    tags = _tidy(tag for text in body.fields.get("tags", ()) for tag in text.split(","))
    if not spools:
        raise InvalidRequestError("the form has no field 'file'; add each file as `file`")

    def keep() -> JobRecord:
        kept: list[str] = []
        try:
            for path, name in spools:
                kept.append(str(here.media.keep(path, name)))
            return here.jobs.submit("ingest", {"uploads": kept, "tags": tags})
        except BaseException:
            for held in kept:
                with suppress(EarmarkError):
                    here.media.discard(held)
            raise

    return await here.quick(keep)


def _tidy(tags: Any) -> list[str]:  # noqa: ANN401 - any iterable of words
    found = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    for tag in found:
        if len(tag) > 200:
            raise InvalidRequestError(f"a tag has at most 200 characters, got {tag[:50]!r}...")
    return found
