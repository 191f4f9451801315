"""``GET /v1``: what this service is, what it takes and what the caller may."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from earmark import __version__
from earmark.keys import SCOPES
from earmark.service.auth import Caller, needs
from earmark.service.here import Here

router = APIRouter(tags=["service"])


class Limits(BaseModel):
    """What one request may ask for."""

    upload_bytes: int = Field(examples=[500_000_000])
    listen_s: float = Field(examples=[20.0])
    timeout_s: float = Field(examples=[60.0])


class About(BaseModel):
    """The service in short."""

    name: str = Field(examples=["earmark"])
    version: str = Field(examples=["0.1.0"])
    needs_key: bool = Field(description="Whether callers need a key.")
    modes: list[str] = Field(description="What `mode` of an identification may be here.")
    tracks: int = Field(description="Tracks in the library.")
    limits: Limits
    scopes: list[str] = Field(description="What this caller may.", examples=[["read", "write"]])


@router.get("/v1", summary="What this service is and what you may do")
async def about(here: Here, caller: Annotated[Caller, Depends(needs(None))]) -> About:
    """Tell the version, the limits and the caller's scopes; needs no key, but refuses a bad one."""
    engines = await here.quick(here.library.engines)
    keys = await here.current_keys()
    return About(
        name="earmark",
        version=__version__,
        needs_key=keys.wanted,
        modes=["auto", *(name for name, on in engines.items() if on)],
        tracks=await here.quick(lambda: len(here.library)),
        limits=Limits(
            upload_bytes=here.options.upload_limit_bytes,
            listen_s=here.options.listen_limit_s,
            timeout_s=here.options.timeout_s,
        ),
        scopes=[scope for scope in SCOPES if caller.may(scope)],
    )
