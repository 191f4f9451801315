"""``/healthz``, ``/readyz`` and ``/metrics``: for those who run the service."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from earmark.errors import EarmarkError
from earmark.service.auth import Caller, needs
from earmark.service.context import House
from earmark.service.here import Here
from earmark.service.metrics import CONTENT_TYPE

router = APIRouter(tags=["service"])

CHECK_S = 2.0
NEEDED_BYTES = 64_000_000
OK = "ok"


class Alive(BaseModel):
    """The process lives."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether the service can do its work; each check is `ok` or a sentence."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str] = Field(
        examples=[{"library": "ok", "ledger": "ok", "disk": "ok", "workers": "ok"}]
    )


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Alive:
    """Answer at once, whatever the library is doing."""
    return Alive(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Whether the service can do its work",
    responses={200: {"model": Readiness}, 503: {"model": Readiness}},
)
async def readyz(here: Here) -> JSONResponse:
    """Read the library, write the ledger, look at the disk and at the workers."""
    # Everyone may ask and it costs a write to the disk: who asks meanwhile gets the same answer.
    looking = here.readiness
    if looking is None or looking.done():
        looking = here.readiness = asyncio.create_task(_looked(here))
    checks = await asyncio.shield(looking)
    ready = all(sentence == OK for sentence in checks.values())
    found = Readiness(status="ready" if ready else "not_ready", checks=checks)
    return JSONResponse(found.model_dump(), 200 if ready else 503)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(
    here: Here,
    caller: Annotated[Caller, Depends(needs("read"))],  # noqa: ARG001 - lets in who may
) -> Response:
    """Return counters, latencies and gauges in Prometheus' text format."""
    return Response(await here.quick(here.metrics.text), media_type=CONTENT_TYPE)


async def _looked(here: House) -> dict[str, str]:
    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "library": lambda: here.quick(lambda: _library(here)),
        "ledger": lambda: here.quick(lambda: _ledger(here)),
        "disk": lambda: here.quick(lambda: _disk(here)),
        "workers": lambda: _workers(here),
    }
    told = await asyncio.gather(*(_bounded(here, name, check) for name, check in checks.items()))
    found = dict(zip(checks, told, strict=True))
    if found["library"] == OK and here.warming is not None and not here.warming.done():
        found["library"] = "its engines are being opened; questions are slow for a moment"
    return found


async def _bounded(here: House, name: str, check: Callable[[], Awaitable[str]]) -> str:
    """Return what a check says; one that has no answer yet is not asked again meanwhile."""
    asked = here.asking.get(name)
    if asked is None or asked.done():
        asked = here.asking[name] = asyncio.ensure_future(_told(check))
    if (await asyncio.wait({asked}, timeout=CHECK_S))[0]:
        return asked.result()
    sentence = f"no answer within {CHECK_S:g} s"
    if here.library.shared and name in ("library", "ledger"):
        sentence += f"; see whether {here.library.address} and its vectors can be reached"
    return sentence


async def _told(check: Callable[[], Awaitable[str]]) -> str:
    try:
        return await check()
    except EarmarkError as error:
        return error.message


def _library(here: House) -> str:
    next(iter(here.library.tracks(limit=1)), None)
    here.library.reach()
    return OK


def _ledger(here: House) -> str:
    here.ledger.forget_replies(0.0)  # a write that changes nothing
    return OK


def _disk(here: House) -> str:
    folder = here.media.folder  # made when the first upload comes
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        return f"{free} bytes are free on the disk of uploads; {NEEDED_BYTES} are needed"
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return f"nothing can be written to {str(folder)!r}: {os.strerror(error.errno or 0)}"
    return OK


async def _workers(here: House) -> str:
    """Say whether the pool takes work; a busy one is as well as an idle one."""
    if not here.work.open:
        return "the service is going down"
    if here.work.waiting or here.work.running:
        return OK
    await here.work.run(threading.Event.is_set, timeout_s=CHECK_S)
    return OK
