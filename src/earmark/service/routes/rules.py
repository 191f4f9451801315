"""Rules: what is to happen with detections of a track, of a tag, or of any."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from earmark.monitor.rules import rule_shape
from earmark.ports import Action, Rule
from earmark.service.answering.monitorshapes import RuleList, RuleShape
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import Tag
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.here import Here

router = APIRouter(prefix="/v1/rules", tags=["monitoring"])
Reader = Annotated[Caller, Depends(needs("read"))]
Admin = Annotated[Caller, Depends(needs("admin"))]


class NewRule(BaseModel):
    """A rule to make: of a track, or of a tag, or (neither) of any track."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"action": "block", "tag": "catalogue", "least_s": 10.0}]},
    )

    action: Action
    track_id: str | None = Field(default=None, min_length=1, max_length=500)
    tag: Tag | None = None
    least_s: float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Detections that sound for less are not its",
    )
    least_confidence: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Detections less certain are not its",
    )
    note: str = Field(default="", max_length=1000)


@router.get("", response_model=RuleList, summary="List rules")
async def rules(here: Here, caller: Reader) -> Response:  # noqa: ARG001 - asked for its scope
    """Return all; the most specific counts (track, tag, any), then block, review, allow."""
    found = await here.quick(here.monitoring.desk.rules)
    return json_answer({"rules": [rule_shape(rule) for rule in found]})


@router.post(
    "",
    status_code=201,
    response_model=RuleShape,
    summary="Make a rule",
    responses=declared(404),
)
async def add(here: Here, caller: Admin, wanted: NewRule) -> Response:  # noqa: ARG001
    """Make a rule for detections from now on; those that are kept stay as they are."""

    def work() -> Rule:
        return here.monitoring.desk.add_rule(
            wanted.action,
            track_id=wanted.track_id,
            tag=wanted.tag,
            least_s=wanted.least_s,
            least_confidence=wanted.least_confidence,
            note=wanted.note,
        )

    rule = await here.quick(work)
    return json_answer(rule_shape(rule), 201, {"Location": f"/v1/rules/{rule.id}"})


@router.delete("/{rule_id}", status_code=204, summary="Delete a rule", responses=declared(404))
async def delete(
    here: Here,
    caller: Admin,  # noqa: ARG001
    rule_id: Annotated[str, Path(max_length=100)],
) -> Response:
    """Forget a rule; what it said of detections that are kept stays."""
    await here.quick(lambda: here.monitoring.desk.remove_rule(rule_id))
    return Response(status_code=204)
