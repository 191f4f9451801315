"""Requests about long work: many files at once, building anew."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

from earmark.client.bodies import Source, form_body, json_body, upload_of, url_of
from earmark.client.calls.tracks import once, tag_fields
from earmark.client.refusals import require_good
from earmark.client.reply import Reply
from earmark.client.tidings import job as read_job
from earmark.client.tidings import page_of
from earmark.client.values import Job, JobState, Page
from earmark.client.wire import Call, json_read, place, query
from earmark.errors import UsageError


def submit(
    sources: Source | Iterable[Source] = (),
    *,
    server_paths: Iterable[str | os.PathLike[str]] = (),
    tags: Sequence[str] = (),
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Have many files added, and return at once; `wait` and `follow` tell how it goes.

    Parameters
    ----------
    sources
        Paths, bytes or binary file objects, which are sent; or URLs, which the service fetches.
        One or many, but not files and URLs together.
    server_paths
        Files and folders of the service's own machine instead, below the roots it allows.
    tags
        Words to mark the new tracks with.
    idempotency_key
        Names this request, as in `add`.

    Raises
    ------
    UsageError
        There is nothing to add, or sources of two kinds.
    ForbiddenError
        A path that is not below a root of the service.
    """
    given = _listed(sources)
    urls = [url for url in map(url_of, given) if url is not None]
    paths = [os.fspath(path) for path in server_paths]
    kinds = [bool(urls), bool(paths), len(given) > len(urls)]
    if sum(kinds) != 1:
        message = (
            "submit either files, or URLs, or paths of the service's machine; "
            f"got {len(given) - len(urls)}, {len(urls)} and {len(paths)}"
        )
        raise UsageError(message)
    if urls or paths:
        what: dict[str, Any] = {"urls": urls} if urls else {"paths": paths}
        body = json_body(what | {"tags": list(tags)})
    else:
        files = [("file", upload_of(source)) for source in given]
        body = form_body(files, tag_fields(tags), idempotency_key)
    return Call("POST", place("jobs"), _job, (), once(idempotency_key), body)


def rebuild(model: str | None = None, *, idempotency_key: str | None = None) -> Call[Job]:
    """Have every derived index built again from the truth, and return at once.

    Parameters
    ----------
    model
        The sound model to go over to (see `models`); None keeps the library's.
    """
    body = json_body({"kind": "rebuild", "model": model})
    return Call("POST", place("jobs"), _job, (), once(idempotency_key), body)


def job(job_id: str) -> Call[Job]:
    """Return a job as it stands; raises `JobNotFoundError`."""
    return Call("GET", place("jobs", job_id), _job)


def jobs_page(
    *, state: JobState | None = None, before: str | None = None, limit: int = 50
) -> Call[Page[Job]]:
    """Return one page of jobs, newest first; ``before`` is ``next`` of the page before."""
    asked = query(before=before, limit=limit, state=state)
    return Call("GET", place("jobs"), json_read(page_of("jobs", read_job)), asked)


def cancel(job_id: str) -> Call[Job]:
    """Stop a job; what it has added stays.

    Raises
    ------
    JobNotFoundError
        No such job.
    ConflictError
        It has ended already.
    """
    return Call("DELETE", place("jobs", job_id), _job)


def events(job_id: str) -> Call[None]:
    """Return the request whose answer is the stream of a job's events."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    return Call("GET", place("jobs", job_id, "events"), require_good, headers=headers)


def _job(reply: Reply) -> Job:
    return json_read(read_job)(reply)


def _listed(sources: Source | Iterable[Source]) -> list[Source]:
    if isinstance(sources, str | bytes | os.PathLike) or hasattr(sources, "read"):
        return [cast(Source, sources)]  # a file object could be iterated, too
    return list(sources)
