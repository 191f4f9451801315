"""Who asks, and what they may: bearer keys with scopes, or nobody's key on one's own machine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from earmark.errors import ForbiddenError, UnauthorizedError
from earmark.keys import SCOPES, includes, key_id_of, matches
from earmark.ports.ledger import Scope
from earmark.service.context import House, house
from earmark.service.door.keyring import Keys

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `earmark keys add`. Not needed where the service has no keys and is "
    "reached from its own machine only.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id of their key (None: nobody's), all they may, and how logs call them."""

    key_id: str | None
    scopes: frozenset[str]
    shown: str

    def may(self, scope: Scope) -> bool:
        """Return whether the caller's scopes include one."""
        return scope in self.scopes


NOBODY = Caller(None, frozenset(), "nobody")
ANYONE = Caller(None, frozenset(SCOPES), "anyone")


async def admit(
    house: House,
    authorization: str | None,
    scope: Scope | None = None,
    *,
    address: str = "",
) -> Caller:
    """Return who asks, or refuse them.

    Parameters
    ----------
    authorization
        The header's value (``Bearer ek_...``), or None.
    scope
        What they need; None lets everyone in, but not with a bad key.
    address
        Where they ask from, for the rate limit of those without a key.

    Raises
    ------
    UnauthorizedError, ForbiddenError, RateLimitedError
        They may not.
    """
    try:
        caller = await _known(house, authorization)
    except UnauthorizedError:
        house.rates.take(f"address {address}")
        raise
    named = f"key {caller.key_id}" if caller.key_id else f"address {address}"
    house.rates.take(named)
    if scope is None or caller.may(scope):
        return caller
    if caller is NOBODY:
        message = "this needs a key; send it as `Authorization: Bearer ek_...`"
        raise UnauthorizedError(message)
    message = (
        f"the key {caller.key_id} has {_listed(caller.scopes)} and this needs {scope!r}; "
        f"make one with `earmark keys add --scope {scope}`"
    )
    raise ForbiddenError(message)


@cache
def needs(scope: Scope | None) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that lets in who has a scope; None lets everyone in."""

    async def caller(
        request: Request,
        key: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],  # noqa: ARG001 - for the docs
    ) -> Caller:
        address = request.client.host if request.client else ""
        header = request.headers.get("authorization")
        found = await admit(house(request), header, scope, address=address)
        request.state.caller = found.shown
        return found

    return caller


async def _known(house: House, authorization: str | None) -> Caller:
    """Return whose key it is, also one that was made a moment ago by another process."""
    try:
        return _caller(await house.current_keys(), authorization)
    except UnauthorizedError:
        if not house.keys.doubt():
            raise
        return _caller(await house.current_keys(), authorization)


def _caller(keys: Keys, authorization: str | None) -> Caller:
    """Return whose key it is; raises `UnauthorizedError` for a bad one where keys are wanted."""
    word, _, text = (authorization or "").strip().partition(" ")
    text = text.strip()
    key_id = key_id_of(text) if word.lower() == "bearer" else None
    record = keys.records.get(key_id) if key_id else None
    if record is not None and matches(record, text, time.time()):
        scopes = ANYONE.scopes if not keys.wanted else _all(record.scopes)
        return Caller(record.id, scopes, f"{record.id} ({record.name})")
    if not keys.wanted:
        return ANYONE
    if authorization is None:
        return NOBODY
    message = "the key is unknown, revoked or expired; see `earmark keys list`"
    raise UnauthorizedError(message)


def _all(scopes: tuple[Scope, ...]) -> frozenset[str]:
    return frozenset(scope for scope in SCOPES if includes(scopes, scope))


def _listed(scopes: frozenset[str]) -> str:
    return ", ".join(sorted(scopes)) or "no scope"
