"""Feedback: whether an answer was right, kept for whoever tunes the engines."""

from __future__ import annotations

import json
import time
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from earmark.errors import InvalidRequestError
from earmark.ports.ledger import Verdict
from earmark.service.answering.schemas import Shape
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.here import Here
from earmark.service.tasks.jobshapes import moment

router = APIRouter(prefix="/v1/feedback", tags=["feedback"])
MOST_BYTES = 4000


class NewVerdict(BaseModel):
    """What a person says of an answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"right": True, "track_id": "3f1c9a6b2d8e", "details": {"confidence": 0.97}}
            ]
        },
    )

    right: StrictBool
    track_id: str | None = Field(default=None, max_length=500)
    details: dict[str, Any] = Field(default={}, description="Any JSON of at most 4 kB")


class VerdictShape(Shape):
    """A verdict as it is kept."""

    id: str
    created_at: str = Field(description="ISO 8601, UTC")
    right: bool
    track_id: str | None
    details: dict[str, Any]


class VerdictPage(Shape):
    """Some verdicts, newest first; pass `next` as `before` to go on."""

    verdicts: list[VerdictShape]
    next: str | None


@router.post("", status_code=201, response_model=VerdictShape, summary="Say if an answer was right")
async def add(
    here: Here,
    caller: Annotated[Caller, Depends(needs("read"))],  # noqa: ARG001 - asked for its scope
    said: NewVerdict,
) -> Response:
    """Keep a verdict; of very many the oldest go."""
    try:
        size = len(json.dumps(said.details, ensure_ascii=False, allow_nan=False).encode())
        (said.track_id or "").encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"details are not JSON: {error}") from error
    if size > MOST_BYTES:
        message = f"details are {size} bytes of JSON; at most {MOST_BYTES} are kept"
        raise InvalidRequestError(message)
    verdict = Verdict(uuid.uuid4().hex, time.time(), said.right, said.track_id, said.details)
    await here.quick(lambda: here.ledger.add_verdict(verdict))
    return json_answer(_shape(verdict), 201)


@router.get("", response_model=VerdictPage, summary="What people said")
async def verdicts(
    here: Here,
    caller: Annotated[Caller, Depends(needs("admin"))],  # noqa: ARG001
    before: Annotated[
        str | None, Query(max_length=100, description="The `next` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Newest first; `next` is null on the last page."""
    found = await here.quick(lambda: here.ledger.verdicts(before=before, limit=limit + 1))
    following = found[limit - 1].id if len(found) > limit else None
    return json_answer({"verdicts": [_shape(one) for one in found[:limit]], "next": following})


def _shape(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "created_at": moment(verdict.created_at),
        "right": verdict.right,
        "track_id": verdict.track_id,
        "details": dict(verdict.details),
    }
