"""The house as a parameter of routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from earmark.service.context import House, house


async def here(connection: HTTPConnection) -> House:
    """Return the service that a request reached.

    Async, though it waits for nothing: FastAPI sends other dependencies through a thread, which
    costs a short question more than all the rest of its way.
    """
    return house(connection)


Here = Annotated[House, Depends(here)]
