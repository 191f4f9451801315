"""A score attached to a track: its tune is searched instead of the one that was heard."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from earmark.errors import InvalidRequestError
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import TrackShape
from earmark.service.answers import track_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies.media import files_of
from earmark.service.bodies.uploads import Wanted, received
from earmark.service.here import Here
from earmark.service.keeping import discard_unnamed, keep
from earmark.types import Track

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])
Writer = Annotated[Caller, Depends(needs("write"))]
TrackId = Annotated[str, Path(max_length=500, description="The track's id")]

_WANTED = Wanted(fields=frozenset({"part"}), raw=False, document=False)
_PART = {"type": "string", "description": "The voice that is the tune, by name or index"}


@router.put(
    "/{track_id}/score",
    response_model=TrackShape,
    summary="Attach a score",
    responses=declared(404, 408, 413, 415, 501, 507),
    openapi_extra=takes(form={"part": _PART}),
)
async def attach(
    request: Request,
    here: Here,
    caller: Writer,  # noqa: ARG001 - asked for its scope
    track_id: TrackId,
) -> Response:
    """Attach a score (MIDI, MusicXML, ABC) to a recording and to all that share its audio."""
    async with received(request, here.media, here.options, _WANTED) as body:
        upload = body.file
        parts = body.fields.get("part", [])
        if len(parts) > 1:
            message = f"the field 'part' came {len(parts)} times; send it once"
            raise InvalidRequestError(message)
        part = parts[0] if parts and parts[0] else None

        def work(stop: threading.Event) -> Track:
            old = here.library.get(track_id)
            kept = keep(here, upload, stop)
            try:
                track = here.library.attach(kept, track_id, part=part)
            except BaseException:
                discard_unnamed(here, kept, track_id)
                raise
            for source in files_of(old) - files_of(track):
                here.media.discard(source)
            return track

        async with here.media.turn(track_id):
            track = await here.changes.run(work, request=request, timeout_s=here.options.timeout_s)
    return track_answer(here, track)


@router.delete(
    "/{track_id}/score",
    response_model=TrackShape,
    summary="Detach the score",
    responses=declared(404),
)
async def detach(
    here: Here,
    caller: Writer,  # noqa: ARG001
    track_id: TrackId,
) -> Response:
    """Take the score off: the tune that was heard is searched again."""

    def work(_: threading.Event) -> Track:
        old = here.library.get(track_id)
        track = here.library.detach(track_id)
        for source in files_of(old) - files_of(track):
            here.media.discard(source)
        return track

    async with here.media.turn(track_id):
        track = await here.changes.run(work, timeout_s=here.options.timeout_s)
    return track_answer(here, track)
