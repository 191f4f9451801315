"""Detections: what was played, the evidence of it, and what people decide."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from earmark.ports import Action, Entry, Grouping, Ruling, Wanted
from earmark.service.answering.bodydocs import reads
from earmark.service.answering.detectionshapes import (
    EntryPage,
    EntryShape,
    PrunedShape,
    TotalList,
    entry_shape,
)
from earmark.service.answering.entrycsv import csv_pages
from earmark.service.answering.problems import declared
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.ranges import OpenFile, file_answer, open_file
from earmark.service.routes import media
from earmark.service.tasks.monitorasks import NewPruning
from earmark.service.tasks.newsroom import News

router = APIRouter(prefix="/v1/detections", tags=["monitoring"])
Reader = Annotated[Caller, Depends(needs("read"))]
Writer = Annotated[Caller, Depends(needs("write"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
DetectionId = Annotated[str, Path(max_length=100)]
_Epoch = Query(ge=0, le=1e11, allow_inf_nan=False, description="Seconds since 1970")
_Words = Query(max_length=1000)
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}


async def wanted(
    station: Annotated[str | None, _Words] = None,
    origin: Annotated[
        str | None, Query(max_length=200, description="`stream:ID` or `scan:ID`")
    ] = None,
    track_id: Annotated[str | None, Query(max_length=500)] = None,
    tag: Annotated[
        str | None, Query(max_length=200, description="One that the track carried then")
    ] = None,
    action: Action | None = None,
    ruling: Annotated[
        Ruling | Literal["none"] | None, Query(description="`none`: undecided")
    ] = None,
    open: Annotated[bool | None, Query(description="Whether it goes on")] = None,  # noqa: A002 - its name everywhere
    since: Annotated[float | None, _Epoch] = None,
    until: Annotated[float | None, _Epoch] = None,
    least_confidence: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
    least_s: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
    text: Annotated[
        str | None, Query(max_length=1000, description="In title, artist, station or source")
    ] = None,
) -> Wanted:
    """Return which detections are asked for."""
    return Wanted(
        station,
        origin,
        track_id,
        tag,
        action,
        ruling,
        open,
        since,
        until,
        least_confidence,
        least_s,
        text,
    )


Asked = Annotated[Wanted, Depends(wanted)]


class NewDecision(BaseModel):
    """What somebody decides of a detection."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"ruling": "confirm", "note": "heard it", "by": "ann"}]},
    )

    ruling: Ruling
    note: str = Field(default="", max_length=1000)
    by: str | None = Field(
        default=None, max_length=100, description="Who; where keys are used it is the key's name"
    )


@router.get(
    "",
    response_model=EntryPage,
    summary="List and search detections",
    responses={
        **declared(404),
        200: {"description": "A page, or all of them as CSV", "content": _CSV, "model": EntryPage},
    },
)
async def detections(
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
    asked: Asked,
    before: Annotated[
        str | None, Query(max_length=100, description="The `next` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    form: Annotated[
        Literal["json", "csv"], Query(description="`csv`: all that are wanted, not a page")
    ] = "json",
) -> Response:
    """Latest first; `next` is null on the last page."""
    desk = here.monitoring.desk
    if form == "csv":
        headers = {"Content-Disposition": 'attachment; filename="detections.csv"'}
        pages = csv_pages(lambda last: desk.entries(asked, before=last, limit=500), here.quick)
        first = await anext(pages)  # what is wrong with the store is told, not cut off
        return StreamingResponse(_beginning(first, pages), 200, headers, "text/csv; charset=utf-8")
    found = await here.quick(lambda: desk.entries(asked, before=before, limit=limit + 1))
    following = found[limit - 1].id if len(found) > limit else None
    return json_answer({"detections": [*map(entry_shape, found[:limit])], "next": following})


@router.get("/totals", response_model=TotalList, summary="What was played, in sums")
async def totals(
    here: Here,
    caller: Reader,  # noqa: ARG001
    asked: Asked,
    by: Annotated[Grouping, Query(description="What a bar is")],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Sum detections by track, artist, day, hour (UTC), station, action or ruling."""
    found = await here.quick(lambda: here.monitoring.desk.totals(asked, by, limit))
    told = [
        {"key": one.key, "label": one.label, "count": one.count, "played_s": round(one.played_s, 3)}
        for one in found
    ]
    return json_answer({"by": by, "totals": told})


@router.post("/prune", response_model=PrunedShape, summary="Give up what is old")
async def prune(here: Here, caller: Admin, asked: NewPruning) -> Response:  # noqa: ARG001
    """Forget old detections, or delete only their clips; what goes on stays.

    What was confirmed stays too unless `decided`; what was rejected stays rejected. Where
    `older_than_days` is null it is as the service's settings say.
    """
    desk = here.monitoring.desk
    retention = desk.retention.asked(
        asked.older_than_days, evidence_only=asked.evidence_only, confirmed=asked.decided
    )
    told = await here.work.run(
        lambda _: desk.prune(retention, dry_run=asked.dry_run), timeout_s=here.options.timeout_s
    )
    return json_answer(told.as_dict())


async def watched(here: Here, caller: Reader) -> House:  # noqa: ARG001
    """Return the service where one more may watch: later, no error can be told any more."""
    here.monitoring.news.require_room()
    return here


@router.get(
    "/events",
    response_class=EventSourceResponse,
    summary="Watch detections",
)
async def events(
    here: Annotated[House, Depends(watched)],
    station: Annotated[str | None, _Words] = None,
    origin: Annotated[str | None, Query(max_length=200)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send `open`, `update`, `close` or `decided` with a detection that is new or has changed."""

    def wants(news: News) -> bool:
        return (
            news.kind in ("open", "update", "close", "decided")
            and (origin is None or news.origin == origin)
            and (station is None or news.data["station"] == station)
        )

    async for news in here.monitoring.news.watch(wants):
        yield ServerSentEvent(data=dict(news.data), event=news.kind)


async def found(here: Here, caller: Reader, detection_id: DetectionId) -> Entry:  # noqa: ARG001
    """Return the detection of an address; raises `DetectionNotFoundError`."""
    return await here.quick(lambda: here.monitoring.desk.entry(detection_id))


Found = Annotated[Entry, Depends(found)]


@router.get(
    "/{detection_id}",
    response_model=EntryShape,
    summary="Look at a detection",
    responses=declared(404),
)
async def show(entry: Found) -> Response:
    """Return one detection with its evidence and all decisions."""
    return json_answer(entry_shape(entry))


@router.delete(
    "/{detection_id}", status_code=204, summary="Forget a detection", responses=declared(404)
)
async def delete(here: Here, caller: Admin, detection_id: DetectionId) -> Response:  # noqa: ARG001
    """Forget a detection and its decisions; its clip stays until something is pruned."""
    await here.quick(lambda: here.monitoring.desk.forget(detection_id))
    return Response(status_code=204)


@router.post(
    "/{detection_id}/decision",
    response_model=EntryShape,
    summary="Decide",
    responses=declared(404),
)
async def decide(
    here: Here, caller: Writer, detection_id: DetectionId, decision: NewDecision
) -> Response:
    """Confirm, reject or leave open; every decision stays in the trail, the last one stands.

    A rejected stretch of a track is not told again for the same station.
    """
    keys = await here.current_keys()
    named = keys.records.get(caller.key_id) if caller.key_id else None
    by = named.name if named is not None else decision.by or "anyone"

    def work() -> Entry:
        return here.monitoring.desk.decide(detection_id, decision.ruling, by, decision.note)

    return json_answer(entry_shape(await here.quick(work)))


@router.get(
    "/{detection_id}/evidence",
    response_class=Response,
    summary="Hear the evidence",
    responses={
        **declared(404, 416),
        200: {"description": "The clip", "content": {"audio/flac": _BINARY}},
        206: {"description": "The bytes that Range asks for", "content": {"audio/flac": _BINARY}},
        304: {"description": "It is as If-None-Match says"},
    },
    openapi_extra=reads("Range", "If-Range", "If-None-Match"),
)
async def evidence(request: Request, here: Here, entry: Found) -> Response:
    """Return the clip of the source that the detection was made from; the ETag is its sha256."""

    def work() -> OpenFile:
        opened = open_file(here.monitoring.desk.evidence(entry.id))
        sha256 = entry.evidence.sha256 if entry.evidence is not None else ""
        return replace(opened, etag=f'"{sha256}"')

    name = f"inline; filename*=UTF-8''{entry.id}.flac"
    opened = await here.quick(work)
    return file_answer(request, opened, "audio/flac", {"Content-Disposition": name})


@router.get(
    "/{detection_id}/reference",
    response_class=Response,
    summary="Hear what it was compared with",
    responses={
        **declared(404),
        200: {"description": "The stretch as WAV", "content": {"audio/wav": _BINARY}},
        304: {"description": "It is as If-None-Match says"},
    },
    openapi_extra=reads("If-None-Match"),
)
async def reference(request: Request, here: Here, caller: Reader, entry: Found) -> Response:
    """Return the stretch of the track that the evidence was aligned with, 60 s at most.

    Without evidence it is that of the longest piece.
    """
    clip = entry.evidence
    span = clip.reference if clip is not None else entry.detection.longest.reference
    duration_s = min(max(span.duration_s, 0.1), media.LONGEST_EXCERPT_S)
    track_id = entry.detection.track.id
    return await media.audio(request, here, caller, track_id, max(0.0, span.start_s), duration_s)


async def _beginning(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for page in rest:
        yield page
