"""The routes of audio_similarity_search, so that its clients find a service they know.

A table is the tag ``compat:<table>`` on the tracks that ``/audio/load`` made; without a table
``/data``, ``/audio/search`` and ``/audio/count`` are about the whole library. Other than there,
files of the machine are taken from below the service's roots only, only audio of the library is
handed out, what is dropped are only tracks that were loaded here, and errors have their status.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from earmark.errors import (
    ConflictError,
    EarmarkError,
    InternalError,
    InvalidRequestError,
    NoMediaError,
    ShuttingDownError,
    StoppedError,
    TrackNotFoundError,
)
from earmark.library import Library
from earmark.service.answering.problems import declared
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.here import Here
from earmark.service.routes.media import audio as audio_of
from earmark.service.tasks import roots
from earmark.service.tasks.jobsteps import ENDED
from earmark.types import Answer, Track, Within

router = APIRouter(tags=["compat"])
Reader = Annotated[Caller, Depends(needs("read"))]
_TABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
Table = Annotated[str | None, Query(pattern=_TABLE)]

DEFAULT_TABLE = "audiotable"
MOST_MATCHES = 10
_REMOVED_AT_ONCE = 500


class Load(BaseModel):
    """What to load: a folder or file of the service's machine."""

    model_config = ConfigDict(populate_by_name=True)

    table: str | None = Field(default=None, alias="Table", pattern=_TABLE)
    file: str = Field(alias="File", min_length=1, max_length=roots.MOST_PATH_CHARACTERS)


@router.get("/data", response_class=Response, responses=declared(404, 416))
async def data(request: Request, here: Here, caller: Reader, audio_path: str) -> Response:
    """Return the audio of a track of the library, by its source or id."""
    track = await here.quick(lambda: _track_of(here.library, audio_path))
    return await audio_of(request, here, caller, track.id)


@router.get("/progress")
async def progress(here: Here, caller: Reader) -> str:  # noqa: ARG001 - asked for its scope
    """Tell how far the newest load is."""
    found = await here.quick(lambda: here.jobs.jobs(limit=20))
    for job in found:
        if job.kind == "ingest":
            done, total = job.progress.get("done", 0), job.progress.get("total", 0)
            return f"current: {done}, total: {total}"
    return "current: 0, total: 0"


@router.post("/audio/load", responses=declared(409))
async def load(
    here: Here,
    caller: Annotated[Caller, Depends(needs("write"))],  # noqa: ARG001
    wanted: Load,
) -> dict[str, Any]:
    """Add a folder's files, and answer when that is done."""
    tag = _tag(wanted.table or DEFAULT_TABLE)
    request = {"paths": [wanted.file], "tags": [tag]}
    job = await here.quick(lambda: here.jobs.submit("ingest", request))
    async for record in here.jobs.events(job.id):
        job = record
    if job.state not in ENDED:
        raise ShuttingDownError("the service is going down; the load goes on when it is back")
    if job.state == "cancelled":
        raise ConflictError(f"the load was cancelled (the job {job.id})")
    if job.error is not None:
        raise _error(job.error["code"], job.error["message"])
    report = job.report or {}
    if report["failed_count"] and not report["added"] + report["unchanged"]:
        raise InvalidRequestError(report["failed"][0]["message"])
    return {"status": True, "msg": "Successfully loaded data!"}


@router.post(
    "/audio/search",
    responses=declared(408, 413, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["audio"],
                        "properties": {"audio": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
async def search(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    table_name: Table = None,
) -> Response:
    """Find what sounds like an uploaded file: ``[[url, [name, distance]], ...]``, nearest first."""
    within = _within(table_name)
    async with _form(request) as form:
        sent = form.get("audio")
        if not isinstance(sent, UploadFile):
            raise InvalidRequestError("the form has no file 'audio'")
        name = sent.filename or "audio"
        answer = await here.work.run(
            lambda stop: here.library.identify(
                sent.file, "sound", MOST_MATCHES, name=name, within=within, stop=stop
            ),
            request=request,
            timeout_s=here.options.timeout_s,
        )
    return json_answer(_rows(request, answer))


@router.post("/audio/search/local")
async def search_local(
    request: Request,
    here: Here,
    caller: Reader,  # noqa: ARG001
    query_audio_path: str,
    table_name: Table = None,
) -> Response:
    """Find what sounds like a file of the service's machine that lies below its roots."""
    within = _within(table_name)
    path = await here.quick(lambda: roots.resolved(query_audio_path, here.options.root_folders))
    answer = await here.work.run(
        lambda stop: here.library.identify(
            str(path), "sound", MOST_MATCHES, name=path.name, within=within, stop=stop
        ),
        request=request,
        timeout_s=here.options.timeout_s,
    )
    return json_answer(_rows(request, answer))


@router.get("/audio/count")
@router.post("/audio/count", include_in_schema=False)
async def count(here: Here, caller: Reader, table_name: Table = None) -> int:  # noqa: ARG001
    """Return how many tracks there are."""
    if table_name is None:
        return await here.quick(lambda: len(here.library))
    tag = _tag(table_name)
    return await here.quick(lambda: sum(1 for _ in _loaded(here.library, tag)))


@router.post("/audio/drop")
async def drop(
    here: Here,
    caller: Annotated[Caller, Depends(needs("admin"))],  # noqa: ARG001
    table_name: Table = None,
) -> dict[str, Any]:
    """Remove the tracks that `/audio/load` made for a table; no other, and no file."""
    tag = _tag(table_name or DEFAULT_TABLE)

    def work() -> int:
        ids = [track.id for track in _loaded(here.library, tag)]
        for start in range(0, len(ids), _REMOVED_AT_ONCE):
            here.library.remove(ids[start : start + _REMOVED_AT_ONCE])
        return len(ids)

    removed = await here.changes.run(lambda _: work())
    return {"status": True, "msg": f"{removed} tracks were dropped"}


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """Read a form: its file is called otherwise here than in the other routes."""
    try:
        async with request.form(max_files=1, max_fields=8) as form:
            yield form
    except ClientDisconnect as error:
        request.state.gone = True
        raise StoppedError("the client left before its body was there") from error


def _error(code: str, message: str) -> EarmarkError:
    """Return the error that a job ended with."""
    kinds: list[type[EarmarkError]] = [EarmarkError]
    while kinds:
        kind = kinds.pop()
        if kind.code == code:
            return kind(message)
        kinds += kind.__subclasses__()
    return InternalError(message)


def _tag(table: str) -> str:
    return f"compat:{table}"


def _within(table: str | None) -> Within:
    return Within() if table is None else Within(tags=(_tag(table),))


def _loaded(library: Library, tag: str) -> Iterator[Track]:
    return (track for track in library.tracks(tag) if tag in track.tags)


def _track_of(library: Library, name: str) -> Track:
    try:
        return library.get(name)
    except TrackNotFoundError:
        for track in library.tracks(name):
            if track.source == name:
                return track
    message = f"no track has the source or id {name!r:.200}"
    raise NoMediaError(message)


def _rows(request: Request, answer: Answer) -> list[Any]:
    """Return matches as their clients know them; the distance is that of unit vectors, squared."""
    base = str(request.base_url).rstrip("/")
    rows = []
    for match in answer.matches:
        address = f"{base}/data?audio_path={quote(match.track.source, errors='surrogateescape')}"
        distance = round(max(0.0, 2.0 - 2.0 * match.score), 4)
        rows.append([address, [PurePath(match.track.source).name, distance]])
    return sorted(rows, key=lambda row: row[1][1])
