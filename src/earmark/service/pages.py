"""The page's files, as they lie in the package: nothing is built and nothing comes from afar."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).parents[1] / "web"

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.head("/")
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(WEB / "index.html", media_type="text/html; charset=utf-8")


@router.get("/docs")
@router.head("/docs")
async def docs() -> FileResponse:
    """Return Swagger UI, which reads ``/openapi.json``."""
    return FileResponse(WEB / "docs" / "index.html", media_type="text/html; charset=utf-8")


def static_files() -> StaticFiles:
    """Return what serves ``/static``: files below `WEB` only, links not followed out of it."""
    return StaticFiles(directory=WEB, check_dir=False)
