"""Rows of the ledger's tables, and the records that they hold."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from earmark.ports.ledger import JobRecord, KeyRecord, Reply, Scope, Verdict


def key_of(row: sqlite3.Row) -> KeyRecord:
    """Return a key."""
    scopes = cast(tuple[Scope, ...], tuple(row["scopes"].split()))
    return KeyRecord(
        row["id"],
        row["name"],
        scopes,
        row["digest"],
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
    )


def job_values(job: JobRecord) -> tuple[Any, ...]:
    """Return what a row holds besides id and wanted, in the order of the statements."""
    return (
        job.kind,
        json.dumps(dict(job.request)),
        job.created_at,
        job.state,
        job.started_at,
        job.ended_at,
        json.dumps(dict(job.progress)),
        None if job.report is None else json.dumps(dict(job.report)),
        None if job.error is None else json.dumps(dict(job.error)),
    )


def job_of(row: sqlite3.Row) -> JobRecord:
    """Return a job."""
    return JobRecord(
        row["id"],
        row["kind"],
        json.loads(row["request"]),
        row["created_at"],
        row["state"],
        bool(row["wanted"]),
        row["started_at"],
        row["ended_at"],
        json.loads(row["progress"]),
        _loaded(row["report"]),
        _loaded(row["error"]),
    )


def _loaded(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else cast(Mapping[str, Any], json.loads(text))


def reply_values(reply: Reply) -> tuple[Any, ...]:
    """Return what a row holds besides the key."""
    headers = json.dumps(dict(reply.headers))
    return reply.fingerprint, reply.created_at, reply.status, headers, reply.body


def reply_of(row: sqlite3.Row) -> Reply:
    """Return a reply."""
    return Reply(
        row["fingerprint"],
        row["created_at"],
        row["status"],
        json.loads(row["headers"]),
        bytes(row["body"]),
    )


def verdict_of(row: sqlite3.Row) -> Verdict:
    """Return a verdict."""
    return Verdict(
        row["id"],
        row["created_at"],
        bool(row["right"]),
        row["track_id"],
        json.loads(row["details"]),
    )
