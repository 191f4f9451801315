"""JSON as it goes out, and the entity tags that it carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from earmark.errors import PreconditionError
from earmark.service.context import House
from earmark.types import Track

CHECKED = "private, no-cache"
"""A browser may keep it and must ask whether it still holds."""


def json_answer(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return JSON; names of files that are no text are escaped, not refused."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status, dict(headers or {}), "application/json")


def track_shape(house: House, track: Track) -> dict[str, Any]:
    """Return a track's JSON: its own, and whether the service keeps its file."""
    return {**track.as_dict(), "uploaded": house.media.holds(track.source)}


def track_answer(house: House, track: Track, status: int = 200) -> Response:
    """Return a track with its entity tag; a new one with its address too."""
    headers = {"ETag": etag_of(track), "Cache-Control": CHECKED}
    if status == 201:
        headers["Location"] = f"/v1/tracks/{track.id}"
    return json_answer(track_shape(house, track), status, headers)


def etag_of(track: Track) -> str:
    """Return the entity tag of a track's JSON: another one after every change."""
    return quoted(json.dumps(track.as_dict(), sort_keys=True))


def quoted(*parts: object) -> str:
    """Return an entity tag that stands for some values."""
    text = "\0".join(map(str, parts)).encode("utf-8", "backslashreplace")
    return f'"{hashlib.sha256(text).hexdigest()[:32]}"'


def unchanged(request: Request, etag: str) -> bool:
    """Return whether If-None-Match says that the caller has this already."""
    return _holds(request.headers.get("if-none-match"), etag, weak=True)


def not_modified(etag: str) -> Response:
    """Return the answer to a caller who has it already."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": CHECKED})


def require_match(request: Request, track: Track | None) -> None:
    """Raise `PreconditionError` where If-Match or If-None-Match forbid a change."""
    etag = etag_of(track) if track is not None else None
    wanted = request.headers.get("if-match")
    if wanted is not None and not _holds(wanted, etag, weak=False):
        there = f"its ETag is {etag}" if etag else "it is not there"
        message = f"the track has changed since it was read: {there}, not {wanted[:100]}; read it"
        raise PreconditionError(message)
    if etag is not None and _holds(request.headers.get("if-none-match"), etag, weak=True):
        message = f"the track is there already, with the ETag {etag}; leave If-None-Match out"
        raise PreconditionError(message)


def _holds(header: str | None, etag: str | None, *, weak: bool) -> bool:
    if header is None or etag is None:
        return False
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return etag in tags or "*" in tags
