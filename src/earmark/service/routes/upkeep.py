"""The library as a whole: counts, engines, models, faults, and carrying it away."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO

import anyio.to_thread
from fastapi import APIRouter, Body, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from earmark.errors import UsageError
from earmark.reports import RepairReport
from earmark.service.answering.bodydocs import takes
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import Shape
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.bodies.faults import store_faults
from earmark.service.bodies.uploads import Wanted, received
from earmark.service.context import House
from earmark.service.here import Here

router = APIRouter(prefix="/v1", tags=["library"])
Reader = Annotated[Caller, Depends(needs("read"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
_CHUNK_BYTES = 1 << 18
_ARCHIVE = Wanted(document=False, sniffed=False)
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


class StatsShape(Shape):
    """Sizes and counts."""

    tracks: int
    audios: int = Field(description="Different ones: tracks may share one")
    audio_s: float
    bytes: int
    bytes_per_hour: int
    truth_bytes: int
    engines: dict[str, dict[str, int]]
    choices: dict[str, dict[str, str]]
    vectors: str


class EnginesShape(Shape):
    """Every installed engine, and whether it is on."""

    engines: dict[str, bool]


class SwitchedShape(EnginesShape):
    """The engines after a change; `to_rebuild` counts audios that need a rebuild first."""

    to_rebuild: int


class ModelShape(Shape):
    """A sound model; `here` says whether its weights are."""

    name: str
    dimension: int
    bytes: int
    licence: str
    here: bool
    about: str


class ModelList(Shape):
    """Every sound model that is known."""

    models: list[ModelShape]


class FaultList(Shape):
    """One sentence for each fault; none where all is well."""

    faults: list[str]


class Repair(BaseModel):
    """What to do besides looking."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"repair": True}]})

    repair: StrictBool = Field(description="Mend what needs no audio file")


class RepairShape(FaultList):
    """`faults` are those that are left; `found` are those before, `done` is what was done."""

    sound: bool
    found: list[str]
    done: list[str]


class CopyShape(Shape):
    """What an import came to."""

    tracks: int
    unchanged: int
    bytes: int


@router.get("/stats", response_model=StatsShape, summary="Counts and sizes")
async def stats(request: Request, here: Here, caller: Reader) -> Response:  # noqa: ARG001
    """Return what the library holds and takes up."""
    shape = await here.work.run(
        lambda _: here.library.stats().as_dict(),
        request=request,
        timeout_s=here.options.timeout_s,
    )
    return json_answer(shape)


@router.get("/engines", response_model=EnginesShape, summary="Which engines are on")
async def engines(here: Here, caller: Reader) -> Response:  # noqa: ARG001
    """Return every installed engine, in the order in which `auto` asks them."""
    return json_answer({"engines": dict(await here.quick(here.library.engines))})


@router.patch("/engines", response_model=SwitchedShape, summary="Switch engines on or off")
async def switch(
    request: Request,
    here: Here,
    caller: Admin,  # noqa: ARG001
    wanted: Annotated[
        dict[str, StrictBool], Body(min_length=1, max_length=50, examples=[{"melody": False}])
    ],
) -> Response:
    """Engines that are off are not asked and cost nothing when tracks are added."""

    def work() -> dict[str, Any]:
        known = here.library.engines()
        for name in wanted:
            if name not in known:
                message = f"no engine {name!r} is installed; there are: {', '.join(known)}"
                raise UsageError(message)
        # On before off, so that one may take the place of the only one that is on.
        lacking = [here.library.switch(name, True) for name, on in wanted.items() if on]
        for name, on in wanted.items():
            if not on:
                here.library.switch(name, False)
        return {"engines": dict(here.library.engines()), "to_rebuild": max(lacking, default=0)}

    return json_answer(await here.changes.run(lambda _: work(), request=request))


@router.get("/models", response_model=ModelList, summary="Which sound models there are")
async def models(here: Here, caller: Reader) -> Response:  # noqa: ARG001
    """Return every sound model; a rebuild goes over to another one."""
    return json_answer({"models": await here.quick(_models)})


@router.get("/check", response_model=FaultList, summary="Look for faults")
async def check(request: Request, here: Here, caller: Admin) -> Response:  # noqa: ARG001
    """Read the whole library and tell what is wrong with it; this takes as long as it takes."""
    faults = await here.work.run(lambda _: here.library.check(), request=request)
    return json_answer({"faults": faults})


@router.post("/check", response_model=RepairShape, summary="Mend faults")
async def repair(
    request: Request,
    here: Here,
    caller: Admin,  # noqa: ARG001
    wanted: Repair,
) -> Response:
    """Mend what can be mended without the audio; all other changes wait meanwhile."""

    def work() -> dict[str, Any]:
        if wanted.repair:
            return here.library.repair().as_dict()
        faults = tuple(here.library.check())
        return RepairReport(found=faults, left=faults).as_dict()

    return json_answer(await here.changes.run(lambda _: work(), request=request))


@router.get(
    "/export",
    response_class=Response,
    summary="Carry the library away",
    responses={
        **declared(507),
        200: {"description": "The archive", "content": {"application/octet-stream": _BINARY}},
    },
)
async def export(request: Request, here: Here, caller: Admin) -> Response:  # noqa: ARG001
    """Return the whole library, without audio, as one file for `import`."""
    archive = await here.work.run(lambda _: _exported(here), request=request)
    headers = {
        "Content-Disposition": 'attachment; filename="library.earmark"',
        "Content-Length": str(os.fstat(archive.fileno()).st_size),
        "Cache-Control": "no-store",
    }
    closing = BackgroundTask(archive.close)
    return StreamingResponse(
        _chunks(archive), 200, headers, "application/octet-stream", background=closing
    )


@router.post(
    "/import",
    response_model=CopyShape,
    summary="Take in an archive",
    responses=declared(408, 413, 415, 507),
    openapi_extra=takes(form={}, raw=True),
)
async def import_archive(request: Request, here: Here, caller: Admin) -> Response:  # noqa: ARG001
    """Add every track of an archive under its old id; what is here already is left alone."""
    async with received(request, here.media, here.options, _ARCHIVE) as body:
        path = body.file.path
        assert path is not None  # noqa: S101 - nothing may stay in memory here
        report = await here.changes.run(lambda _: here.library.import_from(path), request=request)
    return json_answer(report.as_dict())


def _models() -> list[dict[str, Any]]:
    from earmark.sound.catalogue import known_models
    from earmark.sound.weights import Places, is_here

    places = Places.told()
    infos = [plugin.info for plugin in known_models()]
    return [
        {
            "name": info.name,
            "dimension": info.dimension,
            "bytes": info.size_bytes,
            "licence": info.licence,
            "here": is_here(info, places),
            "about": info.summary,
        }
        for info in infos
    ]


def _exported(here: House) -> BinaryIO:
    """Write the archive to a file without a name: it is gone when it is closed, or at a kill."""
    descriptor, path = here.media.incoming()
    os.close(descriptor)
    try:
        here.library.export_to(path, overwrite=True)
        with store_faults("the archive cannot be read"):
            return path.open("rb", 0)
    finally:
        path.unlink(missing_ok=True)


async def _chunks(archive: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while chunk := await anyio.to_thread.run_sync(archive.read, _CHUNK_BYTES):
            yield chunk
    finally:
        archive.close()
