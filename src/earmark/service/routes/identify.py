"""Questions: what is this sound, what sounds like that track, what is that track twice."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from earmark.audio.fetch import FetchLimits, fetched, shown
from earmark.errors import StoppedError
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.drawing import answer_shape
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import AnswerShape, Tag, UrlQuestion
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies.uploads import Wanted, received, validated
from earmark.service.context import House
from earmark.service.here import Here
from earmark.types import Answer, Mode, Within

router = APIRouter(prefix="/v1", tags=["identify"])
Reader = Annotated[Caller, Depends(needs("read"))]
TrackId = Annotated[str, Path(max_length=500, description="The track's id")]
Limit = Annotated[int, Query(ge=1, le=500, description="The most matches")]
Tags = Annotated[
    list[Tag] | None,
    Query(alias="tag", max_length=100, description="Only tracks with all of these"),
]
_Seconds = Query(ge=0, allow_inf_nan=False)

SMALL_BYTES = 8_000_000
"""A sound up to this size is heard from memory: a clip costs no file."""
_WANTED = Wanted(memory_bytes=SMALL_BYTES)


async def within(
    tag: Tags = None,
    folder: Annotated[str | None, Query(description="Only tracks below this folder")] = None,
    shortest_s: Annotated[float, _Seconds] = 0.0,
    longest_s: Annotated[float | None, _Seconds] = None,
    label: Annotated[str | None, Query(description="Only sounds that some moment is of")] = None,
    whole: Annotated[bool, Query(description="Compare files as wholes (sounds only)")] = False,
) -> Within:
    """Return which tracks a question is about."""
    return Within(tuple(tag or ()), folder, shortest_s, longest_s, label, whole)


@router.post(
    "/identify",
    response_model=AnswerShape,
    summary="What is this sound?",
    responses=declared(408, 413, 415, 507),
    openapi_extra=takes(UrlQuestion, form={}, raw=True),
)
async def identify(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
    among: Annotated[Within, Depends(within)],
    mode: Annotated[Mode, Query(description="Which engine to ask")] = "auto",
    limit: Limit = 5,
    drawing: Annotated[bool, Query(description="Add what is for drawing to matches")] = False,
) -> Response:
    """Send the sound as the form field `file`, as the body itself, or its address as JSON.

    "No match" is an answer (200) with a reason.
    """
    async with received(request, here.media, here.options, _WANTED) as body:
        if body.document is not None:
            url = validated(UrlQuestion, body.document).url
            source, name = None, shown(url)
        else:
            url, source, name = "", body.file.source, body.file.name

        def work(stop: threading.Event) -> dict[str, Any]:
            def go_on() -> None:
                if stop.is_set():
                    message = "the client left before it was done"
                    raise StoppedError(message)

            if source is None:
                with fetched(url, _limits(here), go_on=go_on) as file:
                    answer = here.library.identify(
                        file, mode, limit, name=name, within=among, stop=stop
                    )
            else:
                answer = here.library.identify(
                    source, mode, limit, name=name, within=among, stop=stop
                )
            return _told(here, answer, drawing=drawing)

        shape = await here.work.run(work, request=request, timeout_s=here.options.timeout_s)
    return json_answer(shape)


@router.get(
    "/tracks/{track_id}/similar",
    response_model=AnswerShape,
    summary="What sounds like this track?",
    responses=declared(404),
)
async def similar(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    track_id: TrackId,
    among: Annotated[Within, Depends(within)],
    at_s: Annotated[float | None, _Seconds] = None,
    limit: Limit = 5,
) -> Response:
    """Compare all moments of a track, or the one at `at_s`, with the others of the library."""
    shape = await here.work.run(
        lambda _: _told(here, here.library.similar(track_id, at_s, limit, within=among)),
        request=request,
        timeout_s=here.options.timeout_s,
    )
    return json_answer(shape)


@router.get(
    "/tracks/{track_id}/duplicates",
    response_model=AnswerShape,
    summary="Is this track here twice?",
    responses=declared(404),
)
async def duplicates(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    track_id: TrackId,
    limit: Limit = 20,
) -> Response:
    """Find the same recording in other files of the library."""
    shape = await here.work.run(
        lambda stop: _told(here, here.library.duplicates(track_id, limit, stop=stop)),
        request=request,
        timeout_s=here.options.timeout_s,
    )
    return json_answer(shape)


def _told(here: House, answer: Answer, *, drawing: bool = False) -> dict[str, Any]:
    here.metrics.answered(answer)
    return answer_shape(answer, drawing=drawing)


def _limits(here: House) -> FetchLimits:
    options, settings = here.options, here.settings
    return FetchLimits(
        max_bytes=min(options.upload_limit_bytes, settings.fetch_limit_bytes),
        stall_s=settings.fetch_timeout_s,
        total_s=options.timeout_s,
        public_only=not options.private_urls,
    )
