"""Tracks: list, add, put, look at, change and delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from earmark.errors import InvalidRequestError, TrackNotFoundError
from earmark.service.answering.bodydocs import TRACK_FIELDS, reads, takes
from earmark.service.answering.paging import page
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import TRACK_ID, Changes, NewTrackUrl, TrackPage, TrackShape
from earmark.service.answers import (
    etag_of,
    json_answer,
    not_modified,
    require_match,
    track_answer,
    track_shape,
    unchanged,
)
from earmark.service.auth import Caller, needs
from earmark.service.bodies.metadata import FIELDS, checked_extra, from_form
from earmark.service.bodies.uploads import Body, Wanted, received, validated
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.idempotency import once
from earmark.service.keeping import drop, put
from earmark.types import Track

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])
Reader = Annotated[Caller, Depends(needs("read"))]
Writer = Annotated[Caller, Depends(needs("write"))]
TrackId = Annotated[str, Path(max_length=500, description="The track's id")]
OwnId = Annotated[str, Path(pattern=TRACK_ID, description="The id of your choice")]

_NEW = Wanted(fields=FIELDS, hashed=True)
_JSON = Wanted(form=False, raw=False)
_BODY = takes(NewTrackUrl, form=TRACK_FIELDS, raw=True)
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": TrackShape, "description": "It is new"}}


@router.get("", response_model=TrackPage, summary="List and search tracks")
async def tracks(
    here: Here,
    caller: Reader,  # noqa: ARG001 - asked for its scope
    text: Annotated[
        str | None,
        Query(max_length=1000, description="In title, artist, album, tags or source"),
    ] = None,
    after: Annotated[str | None, Query(description="The `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Tracks come in the order they were added; `next` is null on the last page."""
    found = await here.quick(lambda: page(here.library, text, after, limit))
    shapes = [track_shape(here, track) for track in found.tracks]
    return json_answer({"tracks": shapes, "next": found.next, "total": found.total})


@router.post(
    "",
    status_code=201,
    response_model=TrackShape,
    summary="Add a track",
    responses={
        **declared(408, 409, 413, 415, 507),
        200: {"model": TrackShape, "description": "The same file is here already: this is it"},
    },
    openapi_extra={**_BODY, **reads("Idempotency-Key")},
)
async def add(
    request: Request,
    here: Here,
    caller: Writer,
    duplicates: Annotated[bool, Query(description="Add a file that is here already again")] = False,
) -> Response:
    """Send a file (form or body), or the address of one as JSON; it is analysed before the answer.

    With an `Idempotency-Key` the request may be repeated safely for a day.
    """
    async with received(request, here.media, here.options, _NEW) as body:

        async def answer() -> Response:
            changes, url = _asked(body)
            report = await put(
                here, request, body, url, changes, checked_extra(changes), again=duplicates
            )
            return track_answer(here, report.track, 201 if report.created else 200)

        return await once(here, request, caller, body.digest, answer)


@router.put(
    "/{track_id}",
    response_model=TrackShape,
    summary="Put a track under your own id",
    responses={**declared(408, 409, 412, 413, 415, 507), **_CREATED},
    openapi_extra={**_BODY, **reads("Idempotency-Key", "If-Match", "If-None-Match")},
)
async def replace(request: Request, here: Here, caller: Writer, track_id: OwnId) -> Response:
    """Add a track under an id, or replace what is there; the same again changes nothing.

    `If-Match` replaces only the version that was read, `If-None-Match: *` only adds.
    """
    async with received(request, here.media, here.options, _NEW) as body:

        async def answer() -> Response:
            changes, url = _asked(body)
            async with here.media.turn(track_id):
                old = await here.quick(lambda: _found(here, track_id))
                require_match(request, old)
                extra = checked_extra(changes, old)
                report = await put(
                    here, request, body, url, changes, extra, track_id=track_id, old=old
                )
            return track_answer(here, report.track, 201 if report.created else 200)

        return await once(here, request, caller, body.digest, answer)


@router.get(
    "/{track_id}",
    response_model=TrackShape,
    summary="Look at a track",
    responses={**declared(404), 304: {"description": "It is as If-None-Match says"}},
    openapi_extra=reads("If-None-Match"),
)
async def show(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    track_id: TrackId,
) -> Response:
    """Return one track with its ETag."""
    track = await here.quick(lambda: here.library.get(track_id))
    etag = etag_of(track)
    return not_modified(etag) if unchanged(request, etag) else track_answer(here, track)


@router.patch(
    "/{track_id}",
    response_model=TrackShape,
    summary="Change a track's metadata",
    responses=declared(404, 412, 415),
    openapi_extra={**takes(Changes), **reads("If-Match")},
)
async def change(
    request: Request,
    here: Here,
    caller: Writer,  # noqa: ARG001
    track_id: TrackId,
) -> Response:
    """Overwrite the fields that are sent; with `If-Match` only of the version that was read."""
    async with received(request, here.media, here.options, _JSON) as body:
        changes = validated(Changes, body.document or {})
    async with here.media.turn(track_id):

        def work() -> Track:
            old = here.library.get(track_id)
            require_match(request, old)
            return here.library.update(
                track_id,
                title=changes.title,
                artist=changes.artist,
                album=changes.album,
                tags=changes.tags,
                extra=checked_extra(changes, old),
            )

        # Not at the desk: it may wait long for the writer's turn, and every look-up behind it.
        track = await here.changes.run(lambda _: work(), timeout_s=here.options.timeout_s)
    return track_answer(here, track)


@router.delete(
    "/{track_id}",
    status_code=204,
    summary="Delete a track",
    responses=declared(404, 412),
    openapi_extra=reads("If-Match"),
)
async def delete(
    request: Request,
    here: Here,
    caller: Writer,  # noqa: ARG001
    track_id: TrackId,
) -> Response:
    """Delete a track, and its file if the service keeps it; no search finds it any more."""
    async with here.media.turn(track_id):
        await here.changes.run(
            lambda _: drop(here, track_id, lambda track: require_match(request, track)),
            timeout_s=here.options.timeout_s,
        )
    return Response(status_code=204)


def _asked(body: Body) -> tuple[Changes, str | None]:
    """Return what a body says of a new track, and the URL where its sound is not in the body."""
    if body.document is None:
        if not body.files:
            _ = body.file  # tells what is missing
        return from_form(body.fields), None
    if "url" not in body.document:
        message = (
            "the body has metadata but no sound: send the file as a form, or add 'url'; "
            "to change metadata alone use PATCH"
        )
        raise InvalidRequestError(message)
    new = validated(NewTrackUrl, body.document)
    return new, new.url


def _found(here: House, track_id: str) -> Track | None:
    try:
        return here.library.get(track_id)
    except TrackNotFoundError:
        return None
