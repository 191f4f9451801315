"""Webhooks: addresses that are told of detections, signed, tried again, and replayed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from earmark.monitor.outbox import EVENTS, delivery_shape, webhook_shape
from earmark.ports import Action, Delivery, DeliveryState, Webhook
from earmark.service.answering.monitorshapes import (
    DeliveryPage,
    DeliveryShape,
    MadeWebhook,
    WebhookList,
)
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import Url
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.here import Here

router = APIRouter(prefix="/v1/webhooks", tags=["monitoring"])
Admin = Annotated[Caller, Depends(needs("admin"))]
WebhookId = Annotated[str, Path(max_length=100)]
Event = Annotated[
    str, StringConstraints(max_length=100), Field(json_schema_extra={"enum": list(EVENTS)})
]


class NewWebhook(BaseModel):
    """An address to tell of events; http(s), and public unless the service is told otherwise."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "url": "https://example.org/earmark",
                    "events": ["detection.closed"],
                    "actions": ["block"],
                }
            ]
        },
    )

    url: Url
    events: list[Event] = Field(default=[], max_length=50, description="None: all")
    actions: list[Action] = Field(
        default=[], max_length=3, description="Only detections of these; none: all"
    )
    secret: str | None = Field(
        default=None,
        pattern=r"^[!-~]{16,200}$",
        max_length=200,
        description="Signs every body; null: one is made",
    )
    note: str = Field(default="", max_length=1000)


@router.get("", response_model=WebhookList, summary="List webhooks")
async def webhooks(here: Here, caller: Admin) -> Response:  # noqa: ARG001 - asked for its scope
    """Return every webhook, without its secret."""
    found = await here.quick(here.monitoring.desk.webhooks)
    return json_answer({"webhooks": [webhook_shape(one) for one in found]})


@router.post("", status_code=201, response_model=MadeWebhook, summary="Make a webhook")
async def add(here: Here, caller: Admin, wanted: NewWebhook) -> Response:  # noqa: ARG001
    """Have an address told of events; its secret is in this answer and nowhere else."""

    def work() -> Webhook:
        return here.monitoring.desk.add_webhook(
            wanted.url, wanted.events, wanted.actions, wanted.secret, wanted.note
        )

    made = await here.quick(work)
    headers = {"Location": f"/v1/webhooks/{made.id}", "Cache-Control": "no-store"}
    return json_answer({**webhook_shape(made), "secret": made.secret}, 201, headers)


@router.delete(
    "/{webhook_id}", status_code=204, summary="Delete a webhook", responses=declared(404)
)
async def delete(here: Here, caller: Admin, webhook_id: WebhookId) -> Response:  # noqa: ARG001
    """Forget a webhook and its deliveries."""
    await here.quick(lambda: here.monitoring.desk.remove_webhook(webhook_id))
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/test",
    response_model=DeliveryShape,
    summary="Try a webhook",
    responses=declared(404),
)
async def test(
    request: Request,
    here: Here,
    caller: Admin,  # noqa: ARG001
    webhook_id: WebhookId,
) -> Response:
    """Send an event `webhook.test` at once, and return what came of it; it is not tried again."""
    told = await here.work.run(
        lambda _: here.monitoring.desk.test_webhook(webhook_id),
        request=request,
        timeout_s=here.options.timeout_s,
    )
    return json_answer(delivery_shape(told))


@router.get(
    "/{webhook_id}/deliveries",
    response_model=DeliveryPage,
    summary="What a webhook was told",
    responses=declared(404),
)
async def deliveries(
    here: Here,
    caller: Admin,  # noqa: ARG001
    webhook_id: WebhookId,
    state: Annotated[DeliveryState | None, Query(description="Only those in this state")] = None,
    before: Annotated[
        str | None, Query(max_length=100, description="The `next` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Newest first; `dead` are those that were given up, to be replayed."""

    def work() -> list[Delivery]:
        desk = here.monitoring.desk
        desk.webhook(webhook_id)  # an unknown one is told
        states: tuple[DeliveryState, ...] = () if state is None else (state,)
        return desk.deliveries(webhook_id, states, before=before, limit=limit + 1)

    found = await here.quick(work)
    following = found[limit - 1].id if len(found) > limit else None
    shapes = [delivery_shape(one) for one in found[:limit]]
    return json_answer({"deliveries": shapes, "next": following})


@router.post(
    "/deliveries/{delivery_id}/replay",
    status_code=202,
    response_model=DeliveryShape,
    summary="Send an event again",
    responses=declared(404, 409),
)
async def replay(
    here: Here,
    caller: Admin,  # noqa: ARG001
    delivery_id: Annotated[str, Path(max_length=100)],
) -> Response:
    """Have a delivery tried again, from the beginning, whatever came of it."""
    again = await here.quick(lambda: here.monitoring.desk.replay(delivery_id))
    return json_answer(delivery_shape(again), 202)
