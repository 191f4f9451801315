"""Requests that list, add, change and remove tracks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from earmark.client.bodies import Source, form_body, json_body, upload_of, url_of
from earmark.client.decode import read_track
from earmark.client.refusals import require_good
from earmark.client.reply import Reply
from earmark.client.tidings import page_of
from earmark.client.values import Added, HeldTrack, Page
from earmark.client.wire import Call, header, json_read, place, query, shape_of
from earmark.errors import UsageError


def page(
    text: str | None = None, *, after: str | None = None, limit: int = 50
) -> Call[Page[HeldTrack]]:
    """Return one page of tracks, in the order they were added.

    Parameters
    ----------
    text
        Keep those whose title, artist, album, tags or source contain it, ignoring case.
    after
        ``next`` of the page before; None begins.
    limit
        The most on the page, up to 500.
    """
    asked = query(text=text or None, after=after, limit=limit)
    return Call("GET", place("tracks"), json_read(page_of("tracks", read_track)), asked)


def get(track_id: str) -> Call[HeldTrack]:
    """Return one track, with the ``etag`` of its state; raises `TrackNotFoundError`."""
    return Call("GET", place("tracks", track_id), _track)


def get_if_changed(track_id: str, etag: str) -> Call[HeldTrack | None]:
    """Return a track if its state is another than ``etag``, else None.

    Raises
    ------
    TrackNotFoundError
        No such track.
    """

    def read(reply: Reply) -> HeldTrack | None:
        return None if reply.status == 304 else _track(reply)

    headers = header("If-None-Match", etag)
    return Call("GET", place("tracks", track_id), read, headers=headers)


def add(
    source: Source,
    *,
    id: str | None = None,  # noqa: A002 - what the service calls it
    name: str | None = None,
    title: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    tags: Sequence[str] | None = None,
    extra: Mapping[str, str] | None = None,
    duplicates: bool = False,
    idempotency_key: str | None = None,
) -> Call[Added]:
    """Add one file or score, which is searchable on return and cannot be lost any more.

    Parameters
    ----------
    source
        A path, bytes, or a binary file object, which are sent from where they are, never whole in
        memory; or a URL, which the service fetches.
    id
        An id of your own. A track that has it is replaced; the same file again changes nothing.
    name
        What to call a source that is sent; None: by its file's name.
    title, artist, album, tags, extra
        What to write down of it; None takes what the file says of itself.
    duplicates
        Add bytes that the service holds already as another track (without ``id`` only).
    idempotency_key
        Names this request, so that the service answers it once however often it is sent. One is
        made up if it is None, and retries of this call are safe.

    Raises
    ------
    InputError
        The source is the trouble; nothing was added.
    ConflictError
        The idempotency key named another request.
    """
    url = url_of(source)
    told = _told(title, artist, album, tags, extra)
    if url is None:
        body = form_body([("file", upload_of(source, name))], _fields(told), idempotency_key)
    else:
        body = json_body({"url": url, **told})
    return Call(
        "POST" if id is None else "PUT",
        place("tracks") if id is None else place("tracks", id),
        _added,
        query(duplicates=duplicates or None) if id is None else (),
        once(idempotency_key),
        body,
    )


def update(
    track_id: str,
    *,
    title: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    tags: Sequence[str] | None = None,
    extra: Mapping[str, str] | None = None,
    if_match: str | None = None,
) -> Call[HeldTrack]:
    """Overwrite metadata; None leaves a field as it is.

    Parameters
    ----------
    if_match
        The ``etag`` that the track must still have; None: whatever it has.

    Raises
    ------
    TrackNotFoundError
        No such track.
    PreconditionError
        Somebody else has changed it.
    """
    body = json_body(_told(title, artist, album, tags, extra))
    headers = header("If-Match", if_match)
    # Sent twice under a condition, the second would meet what the first has changed.
    again = if_match is None
    return Call("PATCH", place("tracks", track_id), _track, (), headers, body, again)


def delete(track_id: str, *, if_match: str | None = None) -> Call[None]:
    """Remove a track; on return no search finds it any more.

    Parameters
    ----------
    if_match
        The ``etag`` that the track must still have; None: whatever it has.

    Raises
    ------
    TrackNotFoundError
        No such track.
    PreconditionError
        Somebody else has changed it.
    """
    return Call(
        "DELETE", place("tracks", track_id), require_good, headers=header("If-Match", if_match)
    )


def attach(score: Source, track_id: str, *, part: str | None = None) -> Call[HeldTrack]:
    """Attach a score to a recording: its tune is searched instead of the one that was heard.

    Parameters
    ----------
    score
        A path, bytes or a binary file object.
    part
        The voice of it that is the tune, by name or index; None chooses.

    Raises
    ------
    TrackNotFoundError
        No such track.
    InputError
        The score is damaged, or holds no tune.
    """
    fields = [] if part is None else [("part", part)]
    body = form_body([("file", upload_of(score))], fields)
    return Call("PUT", place("tracks", track_id, "score"), _track, body=body)


def detach(track_id: str) -> Call[HeldTrack]:
    """Take an attached score off a recording; raises `UsageError` where there is none."""
    return Call("DELETE", place("tracks", track_id, "score"), _track, again=False)


def once(idempotency_key: str | None) -> dict[str, str]:
    """Return the header that makes a request safe to send again."""
    return header("Idempotency-Key", idempotency_key or uuid.uuid4().hex)


def tag_fields(tags: Sequence[str]) -> list[tuple[str, str]]:
    """Return tags as a form has them; raises `UsageError` for one with a comma, which parts two.

    Beside a URL, and in `update`, tags may have commas: they go as JSON there.
    """
    for tag in tags:
        if "," in tag:
            message = f"the tag {tag!r} has a comma, which cannot be sent with a file; add it later"
            raise UsageError(message)
    return [("tags", tag) for tag in tags]


def _track(reply: Reply) -> HeldTrack:
    require_good(reply)
    return read_track(shape_of(reply), reply.headers.get("etag", ""))


def _added(reply: Reply) -> Added:
    replayed = reply.headers.get("idempotency-replayed", "") == "true"
    return Added(_track(reply), created=reply.status == 201, replayed=replayed)


def _told(
    title: str | None,
    artist: str | None,
    album: str | None,
    tags: Sequence[str] | None,
    extra: Mapping[str, str] | None,
) -> dict[str, Any]:
    """Return the fields that were given, as JSON."""
    told = {
        "title": title,
        "artist": artist,
        "album": album,
        "tags": None if tags is None else list(tags),
        "extra": None if extra is None else dict(extra),
    }
    return {name: value for name, value in told.items() if value is not None}


def _fields(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the same fields as a form has them."""
    fields = [(name, str(told[name])) for name in ("title", "artist", "album") if name in told]
    if "tags" in told:
        fields += tag_fields(told["tags"]) or [("tags", "")]  # none at all is said, too
    if "extra" in told:
        fields.append(("extra", json.dumps(told["extra"], ensure_ascii=False)))
    return fields
