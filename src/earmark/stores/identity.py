"""Track ids where the caller gives none: short, typed by hand, the same on every machine."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

SHORTEST = 12


def track_ids(source: str, content_id: str) -> Iterator[str]:
    """Yield the ids a track may have, best first: ever longer heads of one base32 digest.

    >>> next(track_ids("a.wav", "00"))
    'fpsjkcswhwon'
    """
    text = f"{source}\0{content_id}".encode("utf-8", "surrogatepass")
    digest = base64.b32encode(hashlib.sha256(text).digest()).decode().rstrip("=").lower()
    for length in range(SHORTEST, len(digest) + 1):
        yield digest[:length]
