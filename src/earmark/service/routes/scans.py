"""Scans: what a long file plays, from its beginning to its end."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from earmark.audio.fetch import shown
from earmark.errors import ConflictError, EarmarkError, InvalidRequestError
from earmark.monitor.reports import Form, write
from earmark.monitor.scanning_shapes import timeline_of
from earmark.ports import Scan, Wanted
from earmark.ports.ledger import JobRecord
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.monitorshapes import ScanPage, ScanShape
from earmark.service.answering.problems import declared
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies import uploads
from earmark.service.bodies.faults import store_faults
from earmark.service.bodies.uploads import Body, received, validated
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.idempotency import once
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.monitorasks import NewScan, ScanQuery, ScanWords, scan_words
from earmark.service.tasks.newsroom import News, of_entry
from earmark.service.tasks.scanjobs import scan_shape
from earmark.service.tasks.scanwork import SCAN

router = APIRouter(prefix="/v1/scans", tags=["monitoring"])
Reader = Annotated[Caller, Depends(needs("read"))]
Writer = Annotated[Caller, Depends(needs("write"))]
ScanId = Annotated[str, Path(max_length=100)]

_WANTED = uploads.Wanted(fields=frozenset(ScanWords.model_fields), hashed=True)
_FORM: dict[str, Any] = {name: {"type": "string"} for name in ScanWords.model_fields}
_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "cue": "application/x-cue; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "audacity": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
_ENDINGS: Mapping[str, str] = {"audacity": "txt"}
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_REPORTS = {kind.partition(";")[0]: _FILE for name, kind in _TYPES.items() if name != "json"}


@router.post(
    "",
    status_code=202,
    response_model=ScanShape,
    summary="Scan a long file",
    responses=declared(408, 409, 413, 415, 507),
    openapi_extra=takes(NewScan, form=_FORM, raw=True),
)
async def add(
    request: Request, here: Here, caller: Writer, words: Annotated[ScanQuery, Query()]
) -> Response:
    """Send the file as the form field `file`, as the body itself, or name it as JSON.

    What else is asked for stands in the form, in the JSON, or (all bodies) in parameters. The
    file is deleted when it was scanned; clips of it are kept as evidence. With an
    `Idempotency-Key` the request may be repeated safely for a day.
    """
    async with received(request, here.media, here.options, _WANTED) as body:

        async def answer() -> Response:
            asked = _asked(body, words)
            made, job = await here.quick(lambda: _submitted(here, body, asked))
            shape, address = scan_shape(made, job), f"/v1/scans/{made.id}"
            return json_answer(shape, 202, {"Location": address})

        return await once(here, request, caller, body.digest, answer)


@router.get("", response_model=ScanPage, summary="List scans", responses=declared(404))
async def scans(
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
    before: Annotated[
        str | None, Query(max_length=100, description="The `next` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Newest first, those of the command line too; `next` is null on the last page."""

    def work() -> tuple[list[dict[str, Any]], str | None]:
        found = here.monitoring.desk.store.scans(before=before, limit=limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        jobs = here.scans.each(found[:limit])
        return [scan_shape(one, job) for one, job in zip(found, jobs, strict=False)], following

    shapes, following = await here.quick(work)
    return json_answer({"scans": shapes, "next": following})


async def found(here: Here, caller: Reader, scan_id: ScanId) -> Scan:  # noqa: ARG001
    """Return the scan of an address; raises `ScanNotFoundError`."""
    return await here.quick(lambda: here.monitoring.desk.store.scan(scan_id))


Found = Annotated[Scan, Depends(found)]


@router.get(
    "/{scan_id}",
    response_model=ScanShape,
    summary="What did it play?",
    responses={
        **declared(404, 409),
        200: {"description": "The scan, or a report", "content": _REPORTS, "model": ScanShape},
    },
)
async def show(
    here: Here,
    scan: Found,
    form: Annotated[
        Form | None, Query(description="The report as such a file, once the scan is done")
    ] = None,
) -> Response:
    """Return a scan with its timeline once it is done; with `form` the report as a file."""
    if form is None:
        job = await here.quick(lambda: here.scans.of(scan))
        return json_answer(scan_shape(scan, job, whole=True))
    if scan.timeline is None:
        message = f"the scan {scan.id} is {scan.state}: it has no report yet"
        raise ConflictError(message)
    data = await here.work.run(lambda _: _report(scan, form), timeout_s=here.options.timeout_s)
    name = f"{FilePath(scan.source).stem or 'scan'}.{_ENDINGS.get(form, form)}"
    told = quote(name.encode("utf-8", "replace"), safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{told}"}
    return Response(data, 200, headers, _TYPES[form])


@router.delete(
    "/{scan_id}",
    status_code=204,
    summary="Stop or forget a scan",
    responses={**declared(404, 409), 202: {"model": ScanShape, "description": "It stops"}},
)
async def delete(here: Here, caller: Writer, scan_id: ScanId) -> Response:  # noqa: ARG001
    """Stop a scan that goes on (202), else forget it (204); its detections stay."""

    def work() -> dict[str, Any] | None:
        store = here.monitoring.desk.store
        scan = store.scan(scan_id)
        job = here.scans.of(scan)
        if job is None or job.state in ENDED:
            store.delete_scan(scan_id)
            return None
        job = here.jobs.cancel(job.id)
        return scan_shape(store.scan(scan_id), job)

    shape = await here.quick(work)
    return Response(status_code=204) if shape is None else json_answer(shape, 202)


async def watched(here: Here, scan: Found) -> Scan:
    """Return a scan that may be watched: later than here, no error can be told any more."""
    here.monitoring.news.require_room()
    return scan


@router.get(
    "/{scan_id}/events",
    response_class=EventSourceResponse,
    summary="Watch a scan",
    responses=declared(404),
)
async def events(
    here: Here, scan: Annotated[Scan, Depends(watched)]
) -> AsyncIterator[ServerSentEvent]:
    """Send the scan as `progress` as it goes on, each `detection` as it is found, `end`, and close.

    Those found before come first, so nothing is lost by connecting again.
    """
    job = await here.quick(lambda: here.scans.of(scan))
    if job is not None and job.state not in ENDED:
        async for event in _going(here, scan, job):
            yield event
    last = await here.quick(lambda: here.monitoring.desk.store.scan(scan.id))
    job = await here.quick(lambda: here.scans.of(last))
    yield ServerSentEvent(data=scan_shape(last, job, whole=True), event="end")


async def _going(here: House, scan: Scan, job: JobRecord) -> AsyncIterator[ServerSentEvent]:
    """Yield what is found until the job has ended, or the service goes down."""
    origin = f"scan:{scan.id}"
    told: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue(100)

    def first() -> list[News]:
        entries = here.monitoring.desk.entries(Wanted(origin=origin), limit=500)
        return [of_entry(entry, "close") for entry in reversed(entries)]

    async def detections() -> None:
        async for news in here.monitoring.news.watch(lambda news: news.origin == origin, first):
            if news.kind != "decided":
                await told.put(ServerSentEvent(data=dict(news.data), event="detection"))

    async def progress() -> None:
        try:
            async for record in here.jobs.events(job.id):
                shape = scan_shape(scan, record)
                await told.put(ServerSentEvent(data=shape, event="progress"))
        finally:  # also where the store is away: nobody is left to wait for nothing
            await told.put(None)

    tasks = [asyncio.create_task(detections()), asyncio.create_task(progress())]
    try:
        while (event := await told.get()) is not None:
            yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _asked(body: Body, words: ScanWords) -> dict[str, Any]:
    """Return the job's request, but for what is only known once a file is kept."""
    if body.document is not None:
        given = words.model_dump(exclude_none=True) | dict(body.document)
        new = validated(NewScan, given)
        if (new.url is None) == (new.path is None):
            raise InvalidRequestError("name either 'url' or 'path', or send the file")
        source = {"url": new.url} if new.url is not None else {"path": new.path}
        name = shown(new.url) if new.url is not None else str(new.path)
        asked: ScanWords = new
    else:
        asked = scan_words(words, body.fields)
        source, name = {}, body.file.name
    return {
        **source,
        "name": name,
        "station": asked.station or FilePath(name).stem or name,
        "began_at": asked.began_at,
        "options": asked.told(),
    }


def _submitted(here: House, body: Body, asked: dict[str, Any]) -> tuple[Scan, JobRecord]:
    """Keep what was sent, and the scan, and submit the job."""
    kept: FilePath | None = None
    if body.document is None:
        path = body.file.path
        assert path is not None  # noqa: S101 - nothing stays in memory here
        kept = here.media.keep(path, body.file.name)
        asked = {**asked, "uploads": [str(kept)]}
    scans = here.monitoring.scans
    scan: Scan | None = None
    try:
        scans.check(asked)
        with scans.turn:
            known = scans.known(asked)
            job = None if known is None else here.scans.of(known)
            if known is not None and job is not None and job.state not in ENDED:
                return known, job
            scan = scans.new(asked)
            request = {**asked, "scan_id": scan.id, "began_at": scan.began_at}
            job = here.jobs.submit(SCAN, request)
            here.scans.know(job)
    except BaseException:
        with suppress(EarmarkError):
            if scan is not None:
                scans.refused(scan)
            if kept is not None:
                here.media.discard(str(kept))
        raise
    return scan, job


def _report(scan: Scan, form: Form) -> bytes:
    assert scan.timeline is not None  # noqa: S101 - the caller has looked
    timeline = timeline_of(scan.timeline)
    with store_faults("the report cannot be made"), tempfile.TemporaryDirectory() as folder:
        file = FilePath(folder) / f"report.{_ENDINGS.get(form, form)}"
        # Its audio may be gone, and what lies under its name here be another's.
        write(timeline, file, form, audio={timeline.input: ""})
        return file.read_bytes()
