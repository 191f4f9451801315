"""Records of the ledger as the JSON that lies in Redis."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from earmark.ports.ledger import JobRecord, KeyRecord, Reply, Verdict

_JOB = [field.name for field in fields(JobRecord) if field.name not in ("request", "wanted")]


def written(record: KeyRecord | Verdict) -> str:
    """Return a record's JSON."""
    return _json(asdict(record))


def written_job(job: JobRecord) -> str:
    """Return the JSON of what changes of a job; the same job is the same text."""
    told = {name: getattr(job, name) for name in _JOB}
    return _json({n: dict(v) if isinstance(v, Mapping) else v for n, v in told.items()})


def written_request(job: JobRecord) -> str:
    """Return the JSON of what a job is asked for."""
    return _json(dict(job.request))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def key_of(text: bytes, revoked_at: bytes | None) -> KeyRecord:
    """Return a key."""
    fields: dict[str, Any] = json.loads(text)
    fields["scopes"] = tuple(fields["scopes"])
    key = KeyRecord(**fields)
    return key if revoked_at is None else replace(key, revoked_at=float(revoked_at))


def job_of(text: bytes, request: bytes, unwanted: int) -> JobRecord:
    """Return a job; what it is asked for and whether it is wanted lie beside its record."""
    return JobRecord(**json.loads(text), request=json.loads(request), wanted=not unwanted)


def verdict_of(text: bytes) -> Verdict:
    """Return a verdict."""
    return Verdict(**json.loads(text))


def written_reply(reply: Reply) -> str:
    """Return a reply's JSON."""
    body = base64.b64encode(reply.body).decode()
    return json.dumps(
        [reply.fingerprint, reply.created_at, reply.status, dict(reply.headers), body]
    )


def reply_of(text: bytes) -> Reply:
    """Return a reply."""
    fingerprint, created_at, status, headers, body = json.loads(text)
    return Reply(fingerprint, created_at, status, headers, base64.b64decode(body))
