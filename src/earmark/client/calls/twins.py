"""Requests about tracks that are one another, and about how two sounds differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from earmark.client.bodies import Source, form_body, json_body, upload_of, url_of
from earmark.client.shapes import table, text
from earmark.client.tidings import job as read_job
from earmark.client.twinread import read_comparison, read_duplicates
from earmark.client.values import Job
from earmark.client.wire import Call, json_read, place
from earmark.errors import ConflictError, UsageError
from earmark.twins.comparison import Comparison
from earmark.twins.report import DedupeReport


def compare(
    a: Source | None = None,
    b: Source | None = None,
    *,
    a_track: str | None = None,
    b_track: str | None = None,
) -> Call[Comparison]:
    """Say how two sounds lie on one another, and what differs.

    Parameters
    ----------
    a, b
        A path, bytes, or a binary file object, which are sent; or a URL, which the service
        fetches.
    a_track, b_track
        The id of a track instead.

    Raises
    ------
    UsageError
        Not exactly two sounds are named, or a URL beside a file.
    TrackNotFoundError
        No such track.
    InputError
        One of the sounds is the trouble.
    """
    if (a is None) == (a_track is None) or (b is None) == (b_track is None):
        message = "a comparison is of two sounds: name a or a_track, and b or b_track"
        raise UsageError(message)
    first = a_track if a is None else url_of(a)
    second = b_track if b is None else url_of(b)
    if first is not None and second is not None:
        body = json_body({"a": first, "b": second})
    elif a is not None and b is not None and first is None and second is None:
        body = form_body([("file", upload_of(a)), ("file", upload_of(b))])
    elif a is not None and first is None:
        body = form_body([("file", upload_of(a))], [("b", second or "")])
    else:
        message = "where only one of the two is a file, send it as a"
        raise UsageError(message)
    return Call("POST", place("compare"), json_read(read_comparison), body=body)


def dedupe(kinds: Sequence[str] | None = None, *, least_confidence: float = 0.9) -> Call[Job]:
    """Have duplicates looked for in the whole library, and return at once; see `duplicates_found`.

    Parameters
    ----------
    kinds
        Of ``exact``, ``recording``, ``excerpt``, ``tune`` and ``sound``; None: all.
    least_confidence
        Ties that are less sure are left out.
    """
    asked: dict[str, Any] = {"least_confidence": least_confidence}
    if kinds is not None:
        asked["kinds"] = list(kinds)
    # Looked for twice is found twice: it changes nothing.
    return Call("POST", place("dedupe"), json_read(read_job), body=json_body(asked))


def duplicates_found(job_id: str) -> Call[DedupeReport]:
    """Return what a job of `dedupe` has found.

    Raises
    ------
    JobNotFoundError
        No such job.
    ConflictError
        It has not ended, or has found nothing out.
    """

    def read(json: Any) -> DedupeReport:  # noqa: ANN401 - whatever JSON holds
        job = table(json)
        state = text(job["state"])
        report = table(job.get("report") or {})
        if report.get("duplicates") is None:
            message = f"the job {job_id} is {state} and has no duplicates to tell"
            raise ConflictError(message)
        return read_duplicates(report["duplicates"])

    return Call("GET", place("jobs", job_id), json_read(read))
