"""What a service keeps beside the library: keys, jobs, answers given once, people's verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

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


class JobQueue(Protocol):
    """Tells workers which job is next; the job itself, and whether it is done, is in the ledger.

    An id may get lost with the worker that was told it, and may come twice: `lost_jobs` finds what
    was lost, `take_job` refuses what is done already or is somebody else's.
    """

    def offer(self, job_id: str) -> None:
        """Put a job at the end of the queue."""

    def work(self, run: Callable[[str], None]) -> bool:
        """Wait a second at most for a job and run it in this thread; return whether one came."""


Lane = Literal["jobs", "scans"]
LANES: tuple[Lane, ...] = get_args(Lane)
"""Jobs are done in these lanes, each in its own order: a scan may take hours."""


@runtime_checkable
class SharedLedger(Ledger, Protocol):
    """What a `Ledger` may be besides: the jobs of many machines, each done by one at a time.

    Whoever works on a job holds a lease on it, under a name of its own choosing that nobody else
    has (a new one each time). A lease ends by itself, so that others can take the job of who
    was killed; who only stood still for too long finds that it is lost then, and writes nothing.
    """

    def agree(self, name: str, text: str) -> str:
        """Keep a short text under a name unless there is one; return what is kept."""

    def hold(self, name: str, holder: str, lease_s: float) -> bool:
        """Take or prolong the lease on a name; False where another living holder has it."""

    def let_go(self, name: str, holder: str) -> None:
        """Give the lease on a name back, where the holder has it."""

    def queue(self, lane: Lane = "jobs") -> JobQueue:
        """Return the queue that tells workers which job is next in a lane."""

    def take_job(self, job_id: str, worker: str, lease_s: float) -> JobRecord | None:
        """Give a job to a worker, where it has not ended and no other living one has it.

        A job that comes as ``running`` was its last worker's, who died.
        """

    def hold_job(self, job_id: str, worker: str, lease_s: float) -> bool | None:
        """Prolong a worker's lease; return whether the job is wanted, None where it is lost."""

    def put_held(self, job: JobRecord, worker: str) -> bool:
        """Overwrite a job as `put_job` does, where the worker still has it; return whether.

        What was asked for stays. The lease ends where the job does not run any more.
        """

    def held_job(self, job_id: str) -> bool:
        """Return whether a living worker has a job."""

    def lost_jobs(self, grace_s: float) -> list[str]:
        """Return jobs that nobody has and that nobody will be told of; each is told once.

        They are those of workers that died, and those that have waited for ``grace_s`` and do not
        lie in the queue. The caller offers them again.
        """

    def pending_jobs(self) -> int:
        """Return how many jobs have not ended."""
