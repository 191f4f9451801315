"""Searches for duplicates as jobs: the whole library is gone through, nothing is changed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from earmark.errors import InvalidRequestError, StoppedError
from earmark.library import Library
from earmark.ports.ledger import JobRecord
from earmark.service.tasks.jobwork import MOST_TOLD, Tell
from earmark.twins.ties import KINDS

DEDUPE = "dedupe"


def check(request: Mapping[str, Any]) -> None:
    """Raise `InvalidRequestError` for a search that makes no sense."""
    unknown = [kind for kind in request.get("kinds") or () if kind not in KINDS]
    if unknown:
        message = f"there is no kind {unknown[0]!r:.100} of duplicates; known: {', '.join(KINDS)}"
        raise InvalidRequestError(message)


def do(library: Library, job: JobRecord, tell: Tell, stop: threading.Event) -> dict[str, Any]:
    """Look for duplicates and return the job's report; what was stopped begins anew."""
    found = library.dedupe(
        job.request.get("kinds"),
        least_confidence=job.request.get("least_confidence", 0.9),
        progress=tell,
        stop=stop,
    )
    if found.interrupted and job.wanted:
        message = "the service is going down"
        raise StoppedError(message)
    told = found.totals()
    told["groups"] = [group.as_dict() for group in found.groups[:MOST_TOLD]]
    return {
        "added": 0,
        "unchanged": found.audios,
        "failed": [],
        "failed_count": 0,
        "audio_s": 0.0,
        "wall_s": round(found.wall_s, 3),
        "track_ids": [],
        "warnings": [f"{kind} not looked for: {why}" for kind, why in found.skipped.items()],
        "interrupted": found.interrupted,
        "duplicates": told,
    }
