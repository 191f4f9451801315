"""Signatures of what webhooks are sent: made here, checked by whoever receives it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with, not one
TOLERANCE_S = 300.0
"""How old a signed body may be, and how far clocks may differ."""
_SECRET_BYTES = 32


def make_secret() -> str:
    """Return a new secret: 256 random bits in letters that fit a URL."""
    return SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return ``v1=`` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body.

    The key is the secret's text as UTF-8, what it begins with included.

    >>> sign("whsec_x", 1700000000, b'{"event": "webhook.test"}')[:11]
    'v1=f4ecca91'
    """
    signed = b"%d.%b" % (timestamp, body)
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify(
    secret: str,
    timestamp: str,
    body: bytes,
    signature: str,
    now: float,
    tolerance_s: float = TOLERANCE_S,
) -> bool:
    """Return whether a body was signed with a secret, and lately.

    How long it takes says nothing about how much of the signature is right.

    Parameters
    ----------
    timestamp, signature
        The headers ``X-Earmark-Timestamp`` and ``X-Earmark-Signature`` as they came.
    body
        The bytes of the request's body, unparsed.
    now
        Seconds since 1970.

    >>> body, told = b"{}", sign("whsec_x", 1700000000, b"{}")
    >>> verify("whsec_x", "1700000000", body, told, now=1700000010.0)
    True
    >>> verify("whsec_x", "1700000000", body, told, now=1700009999.0)
    False
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return False
    right = sign(secret, int(timestamp), body).encode()
    same = hmac.compare_digest(right, signature.strip().encode("utf-8", "replace"))
    return same and abs(now - int(timestamp)) <= tolerance_s
