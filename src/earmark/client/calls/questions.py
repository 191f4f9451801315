"""Requests that ask what something is, or what is like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from earmark.client.bodies import Source, form_body, json_body, upload_of, url_of
from earmark.client.decode import read_answer
from earmark.client.wire import Call, Query, json_read, place, query
from earmark.types import Answer, Mode, Within


def identify(
    source: Source,
    mode: Mode = "auto",
    limit: int = 5,
    *,
    name: str | None = None,
    within: Within | None = None,
    drawing: bool = False,
) -> Call[Answer]:
    """Say what a source is; "no match" is an answer, not an error.

    Parameters
    ----------
    source
        A path, bytes, or a binary file object, which are sent; or a URL, which the service fetches.
    mode
        Which engine to ask; ``auto`` asks one after another until one is certain.
    limit
        The most matches to return.
    name
        What the answer calls the source; None: by its file's name.
    within
        The tracks that are asked about; None: all.
    drawing
        Send landmarks and contours too, so that ``match.plot()`` works.

    Raises
    ------
    InputError
        The source is the trouble.
    UsageError, RequestError
        The service will not have the request.
    ServiceError, StoreError
        The service cannot be reached, or cannot answer.
    """
    url = url_of(source)
    asked = query(mode=mode, limit=limit, drawing=drawing or None)
    if url is None:
        body = form_body([("file", upload_of(source, name))])
    else:
        body = json_body({"url": url})

    def read(json: Any) -> Answer:  # noqa: ANN401 - whatever JSON holds
        answer = read_answer(json)
        return answer if name is None else replace(answer, input=name)

    return Call("POST", place("identify"), json_read(read), asked + _within(within), body=body)


def similar(
    track_id: str, at_s: float | None = None, limit: int = 5, *, within: Within | None = None
) -> Call[Answer]:
    """Say what sounds like a track, itself left out.

    Parameters
    ----------
    at_s
        The moment of it to compare, in seconds; None compares all of its moments.
    limit
        The most matches to return.
    within
        The tracks to compare it with; None: all. With ``whole`` files are compared as wholes.

    Raises
    ------
    TrackNotFoundError
        No such track.
    UsageError
        Nothing sounds at ``at_s``, or no engine that is on compares sounds.
    """
    asked = query(at_s=at_s, limit=limit) + _within(within)
    return Call("GET", place("tracks", track_id, "similar"), json_read(read_answer), asked)


def duplicates(track_id: str, limit: int = 20) -> Call[Answer]:
    """Say which other tracks hold the same recording; raises `TrackNotFoundError`."""
    path = place("tracks", track_id, "duplicates")
    return Call("GET", path, json_read(read_answer), query(limit=limit))


def _within(within: Within | None) -> Query:
    if within is None:
        return ()
    return query(
        tag=tuple(within.tags),
        folder=within.folder,
        shortest_s=within.shortest_s or None,
        longest_s=within.longest_s,
        label=within.label,
        whole=within.whole or None,
    )
