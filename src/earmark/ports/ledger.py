"""What a service keeps beside the library: keys, jobs, answers given once, people's verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Scope = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is kept: ``digest`` is the sha256 of its secret, times are seconds since 1970."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A long piece of work: ``request`` says what to do, ``progress`` and ``report`` are JSON.

    ``kind`` is ``ingest`` or ``rebuild``; ``error`` has ``code`` and ``message``; ``wanted`` turns
    False when somebody cancels it.
    """

    id: str
    kind: str
    request: Mapping[str, Any]
    created_at: float
    state: JobState = "queued"
    wanted: bool = True
    started_at: float | None = None
    ended_at: float | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to the first request under an idempotency key.

    ``fingerprint`` tells that request from others; ``status`` 0 while it is still being answered.
    """

    fingerprint: str
    created_at: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of an answer; ``details`` is JSON that the face adds."""

    id: str
    created_at: float
    right: bool
    track_id: str | None
    details: Mapping[str, Any] = field(default_factory=dict)


class Ledger(Protocol):
    """Durable on return; any number of threads and processes."""

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key."""

    def keys(self) -> list[KeyRecord]:
        """Return every key, oldest first, revoked ones too."""

    def key(self, key_id: str) -> KeyRecord | None:
        """Return one key, or None."""

    def revoke_key(self, key_id: str, at: float) -> KeyRecord:
        """Mark a key revoked (the first time stays); raises `KeyNotFoundError`."""

    def add_job(self, job: JobRecord) -> None:
        """Keep a new job."""

    def put_job(self, job: JobRecord) -> None:
        """Overwrite a job, but for ``wanted``, which only `cancel_job` changes."""

    def cancel_job(self, job_id: str) -> JobRecord:
        """Turn ``wanted`` off; raises `JobNotFoundError`."""

    def job(self, job_id: str) -> JobRecord:
        """Return one job; raises `JobNotFoundError`."""

    def jobs(
        self,
        *,
        states: Sequence[JobState] = (),
        before: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> list[JobRecord]:
        """Return jobs, newest first, of those states (none: all), beyond the job ``before``."""

    def begin(self, key: str, reply: Reply) -> Reply | None:
        """Keep an unanswered reply under a key and return None, or return what is kept already."""

    def finish(self, key: str, reply: Reply | None) -> None:
        """Overwrite the reply of a key; None forgets it, so that the request may come again."""

    def forget_replies(self, before: float) -> int:
        """Forget replies created before a time; return how many."""

    def add_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict."""

    def verdicts(self, *, before: str | None = None, limit: int = 100) -> list[Verdict]:
        """Return verdicts, newest first, beyond the verdict ``before``."""

    def close(self) -> None:
        """Release files and connections."""
