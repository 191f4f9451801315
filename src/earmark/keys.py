"""Keys to a service: made here, shown once, kept as a digest, and told apart in constant time.

A key reads ``ek_<id>_<secret>``. The id finds its record; the secret is 256 random bits, of which
only the sha256 is kept. A slow hash (bcrypt, argon2) guards passwords, which people choose and
which can be guessed by trying a list; nobody can try 2**256 secrets, however fast the hash is, and
a slow one would be paid on every request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import cast

from earmark.errors import UsageError
from earmark.ports import KeyRecord, Scope

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""From the least to the most; each includes those before it."""

DAY_S = 86_400.0
MOST_DAYS = 36_500
MOST_NAME_CHARACTERS = 100
_ID_BYTES = 7
_ID_CHARACTERS = 10
_SECRET_BYTES = 32
_KEY = re.compile(r"ek_([a-z2-7]{10})_([A-Za-z0-9_-]{43})", re.ASCII)


def make_key(
    name: str, scopes: Iterable[str], days: float | None, now: float
) -> tuple[KeyRecord, str]:
    """Return the record of a new key, and its text, which nothing can show again.

    Parameters
    ----------
    name
        Who or what it is for.
    scopes
        Some of `SCOPES`; the lower ones need not be said.
    days
        After how many days it expires; None: never.
    now
        Seconds since 1970.

    Raises
    ------
    UsageError
        No name, no scope or an unknown one, or days that are no positive number.
    """
    name = name.strip()
    if not 0 < len(name) <= MOST_NAME_CHARACTERS or not name.isprintable():
        message = f"a key's name is 1 to {MOST_NAME_CHARACTERS} printable characters, got {name!r}"
        raise UsageError(message)
    if days is not None and not (math.isfinite(days) and 0 < days <= MOST_DAYS):
        message = f"a key lives more than 0 and at most {MOST_DAYS} days, got {days!r}"
        raise UsageError(message)
    key_id = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()[:_ID_CHARACTERS]
    secret = base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
    record = KeyRecord(
        id=key_id,
        name=name,
        scopes=_known(scopes),
        digest=_digest(secret),
        created_at=now,
        expires_at=None if days is None else now + days * DAY_S,
    )
    return record, f"ek_{key_id}_{secret}"


def key_id_of(text: str) -> str | None:
    """Return the id in a key's text, or None where it is no key at all.

    >>> key_id_of("ek_abcdefgh23_" + 43 * "x"), key_id_of("let me in")
    ('abcdefgh23', None)
    """
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def matches(record: KeyRecord, text: str, now: float) -> bool:
    """Return whether a text is this key and the key is neither revoked nor expired.

    How long it takes says nothing about how much of the secret is right.
    """
    found = _KEY.fullmatch(text)
    if found is None or found[1] != record.id:
        return False
    same = hmac.compare_digest(_digest(found[2]), record.digest)
    return same and record.revoked_at is None and not is_expired(record, now)


def is_expired(record: KeyRecord, now: float) -> bool:
    """Return whether a key's days are over."""
    return record.expires_at is not None and now >= record.expires_at


def includes(scopes: Iterable[str], scope: str) -> bool:
    """Return whether scopes allow what ``scope`` allows.

    >>> includes(["admin"], "read"), includes(["read"], "write"), includes([], "read")
    (True, False, False)
    """
    wanted = SCOPES.index(cast(Scope, scope))
    return any(SCOPES.index(held) >= wanted for held in scopes if held in SCOPES)


def _known(scopes: Iterable[str]) -> tuple[Scope, ...]:
    said: Sequence[str] = list(scopes)
    for scope in said:
        if scope not in SCOPES:
            message = f"no scope {scope!r}; there are: {', '.join(SCOPES)}"
            raise UsageError(message)
    if not said:
        message = f"a key without a scope opens nothing; give one of: {', '.join(SCOPES)}"
        raise UsageError(message)
    return tuple(scope for scope in SCOPES if scope in said)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
