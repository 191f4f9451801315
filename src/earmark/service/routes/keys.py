"""Keys: who may come in, and what they may do."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from earmark.keys import MOST_DAYS, make_key
from earmark.ports.ledger import KeyRecord, Scope
from earmark.service.answering.problems import declared
from earmark.service.answering.schemas import Shape
from earmark.service.answers import json_answer
from earmark.service.auth import Caller, needs
from earmark.service.here import Here
from earmark.service.tasks.jobshapes import moment

router = APIRouter(prefix="/v1/keys", tags=["keys"])
Admin = Annotated[Caller, Depends(needs("admin"))]


class NewKey(BaseModel):
    """A key to make; each scope includes the lower ones (read < write < admin)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "phone", "scopes": ["read"], "days": 90}]},
    )

    name: str = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(default=["read"], min_length=1, max_length=3)
    days: float | None = Field(default=None, gt=0, le=MOST_DAYS, description="null: for ever")


class KeyShape(Shape):
    """A key without its secret; times are ISO 8601, UTC."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class MadeKey(KeyShape):
    """A new key; `key` is shown this once."""

    key: str = Field(examples=["ek_abcdefgh23_" + "x" * 43])


class KeyList(Shape):
    """Every key, oldest first, revoked ones too."""

    keys: list[KeyShape]


@router.get("", response_model=KeyList, summary="List keys")
async def keys(here: Here, caller: Admin) -> Response:  # noqa: ARG001 - asked for its scope
    """Return every key, without its secret."""
    found = await here.quick(here.ledger.keys)
    return json_answer({"keys": [_shape(key) for key in found]})


@router.post("", status_code=201, response_model=MadeKey, summary="Make a key")
async def add(here: Here, caller: Admin, wanted: NewKey) -> Response:  # noqa: ARG001
    """Make a key; its text is in this answer and nowhere else.

    The first key closes an open door: from then on everyone needs one.
    """
    record, text = make_key(wanted.name, wanted.scopes, wanted.days, time.time())
    await here.quick(lambda: here.ledger.add_key(record))
    here.keys.forget()
    headers = {"Location": f"/v1/keys/{record.id}", "Cache-Control": "no-store"}
    return json_answer({**_shape(record), "key": text}, 201, headers)


@router.delete(
    "/{key_id}", response_model=KeyShape, summary="Revoke a key", responses=declared(404)
)
async def revoke(
    here: Here,
    caller: Admin,  # noqa: ARG001
    key_id: Annotated[str, Path(max_length=100)],
) -> Response:
    """Make a key open nothing any more; it stays in the list."""
    record = await here.quick(lambda: here.ledger.revoke_key(key_id, time.time()))
    here.keys.forget()
    return json_answer(_shape(record))


def _shape(key: KeyRecord) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
    }
