"""Streams: sources that are watched for as long as they are wanted, and what they play now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from earmark.monitor.streambook import outage_shape, stream_shape
from earmark.ports import Outage, Stream, Wanted
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.monitorshapes import (
    OutageList,
    StreamList,
    StreamShape,
)
from earmark.service.answering.problems import declared
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies import uploads
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.tasks.monitorasks import NewStream, StreamChanges, require_watchable
from earmark.service.tasks.newsroom import News, gone_stream, of_entry, of_stream

router = APIRouter(prefix="/v1/streams", tags=["monitoring"])
Reader = Annotated[Caller, Depends(needs("read"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
StreamId = Annotated[str, Path(max_length=100)]

_JSON = uploads.Wanted(form=False, raw=False)


@router.get("", response_model=StreamList, summary="List streams")
async def streams(here: Here, caller: Reader) -> Response:  # noqa: ARG001 - asked for its scope
    """Return every stream and how it goes, oldest first."""
    found = await here.quick(here.monitoring.desk.streams)
    return json_answer({"streams": [stream_shape(stream) for stream in found]})


@router.post(
    "",
    status_code=201,
    response_model=StreamShape,
    summary="Watch a stream",
    responses=declared(408, 409, 413, 415),
    openapi_extra=takes(NewStream),
)
async def add(request: Request, here: Here, caller: Admin) -> Response:  # noqa: ARG001
    """Keep a stream and begin to watch it; what it plays stands under `/v1/detections`.

    http(s) addresses (Icecast, HLS, files) are always taken; RTMP and RTSP only where URLs of
    private networks are allowed; files of the service's machine only below its roots.
    """
    async with uploads.received(request, here.media, here.options, _JSON) as body:
        wanted = uploads.validated(NewStream, body.document or {})

    def work() -> Stream:
        url = require_watchable(wanted.url, here.options)
        return here.monitoring.desk.add_stream(
            wanted.name, url, wanted=wanted.wanted, options=wanted.options.told()
        )

    stream = await here.quick(work)
    _changed(here, stream)
    return json_answer(stream_shape(stream), 201, {"Location": f"/v1/streams/{stream.id}"})


async def watched(here: Here, caller: Reader) -> House:  # noqa: ARG001 - asked for its scope
    """Return the service where one more may watch: later, no error can be told any more."""
    here.monitoring.news.require_room()
    return here


@router.get(
    "/events",
    response_class=EventSourceResponse,
    summary="Watch all streams",
    responses=declared(),
)
async def all_events(
    here: Annotated[House, Depends(watched)],
) -> AsyncIterator[ServerSentEvent]:
    """Send what all streams play, as `/v1/streams/{id}/events` does for one."""
    async for event in _events(here, None):
        yield event


async def found(here: Here, caller: Reader, stream_id: StreamId) -> Stream:  # noqa: ARG001
    """Return the stream of an address; raises `StreamNotFoundError`."""
    return await here.quick(lambda: here.monitoring.desk.stream(stream_id))


Found = Annotated[Stream, Depends(found)]


@router.get(
    "/{stream_id}",
    response_model=StreamShape,
    summary="How does it go?",
    responses=declared(404),
)
async def show(stream: Found) -> Response:
    """Return one stream as it stands now."""
    return json_answer(stream_shape(stream))


@router.patch(
    "/{stream_id}",
    response_model=StreamShape,
    summary="Change a stream, or switch it on or off",
    responses=declared(404, 408, 413, 415),
    openapi_extra=takes(StreamChanges),
)
async def change(request: Request, here: Here, caller: Admin, stream_id: StreamId) -> Response:  # noqa: ARG001
    """Overwrite what is sent. `wanted: true` begins one again that has ended or failed.

    Another name, address or other options begin it anew: what is open closes.
    """
    async with uploads.received(request, here.media, here.options, _JSON) as body:
        changes = uploads.validated(StreamChanges, body.document or {})

    def work() -> Stream:
        url = changes.url if changes.url is None else require_watchable(changes.url, here.options)
        return here.monitoring.desk.edit_stream(
            stream_id,
            name=changes.name,
            url=url,
            wanted=changes.wanted,
            options=None if changes.options is None else changes.options.told(),
        )

    stream = await here.quick(work)
    here.monitoring.streams.again(stream_id)
    _changed(here, stream)
    return json_answer(stream_shape(stream))


@router.delete("/{stream_id}", status_code=204, summary="Forget a stream", responses=declared(404))
async def delete(here: Here, caller: Admin, stream_id: StreamId) -> Response:  # noqa: ARG001
    """End and forget a stream and its outages; what it has played stays."""
    await here.quick(lambda: here.monitoring.desk.remove_stream(stream_id))
    here.monitoring.streams.wake()
    here.monitoring.news.push(gone_stream(stream_id))
    return Response(status_code=204)


@router.get(
    "/{stream_id}/outages",
    response_model=OutageList,
    summary="When was it away?",
    responses=declared(404),
)
async def outages(
    here: Here, stream: Found, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """Return when nothing came that could be heard, newest first."""

    def work() -> list[Outage]:
        return here.monitoring.desk.outages(stream.id, limit)

    return json_answer({"outages": [outage_shape(one) for one in await here.quick(work)]})


@router.get(
    "/{stream_id}/events",
    response_class=EventSourceResponse,
    summary="Watch a stream",
    responses=declared(404),
)
async def events(
    here: Annotated[House, Depends(watched)], stream: Found
) -> AsyncIterator[ServerSentEvent]:
    """Send what happens: `state` first, and `open` for each track that plays; then all as it comes.

    `open`, `update`, `close` and `decided` hold a detection, `state` the stream, `outage` an
    outage, `gap` and `level` what sounds (only from the service that runs the stream), `gone` that
    the stream was forgotten. Nothing is lost by connecting again.
    """
    async for event in _events(here, stream.id):
        yield event


async def _events(here: House, stream_id: str | None) -> AsyncIterator[ServerSentEvent]:
    origin = "stream:" if stream_id is None else f"stream:{stream_id}"

    def wants(news: News) -> bool:
        return news.origin.startswith(origin) if stream_id is None else news.origin == origin

    def first() -> list[News]:
        store = here.monitoring.desk.store
        kept = store.streams() if stream_id is None else [store.stream(stream_id)]
        asked = Wanted(open=True, origin=None if stream_id is None else origin)
        entries = store.entries(asked, limit=500)
        told = [of_entry(entry, "open") for entry in reversed(entries)]
        return [*map(of_stream, kept), *filter(wants, told)]

    async for news in here.monitoring.news.watch(wants, first):
        yield ServerSentEvent(data=dict(news.data), event=news.kind)


def _changed(here: House, stream: Stream) -> None:
    here.monitoring.news.stream(stream)
    here.monitoring.streams.wake()
