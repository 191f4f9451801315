"""A ledger in memory: the plain meaning of the port, to hold the durable one against."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from earmark.errors import InvalidRequestError, JobNotFoundError, KeyNotFoundError
from earmark.ports.ledger import JobRecord, JobState, KeyRecord, Reply, Verdict

MOST_VERDICTS = 100_000
MOST_ENDED_JOBS = 10_000
_ENDED = frozenset({"done", "failed", "cancelled"})


class MemoryLedger:
    """A `Ledger` that ends with the process; dicts keep the order of arrival."""

    def __init__(
        self, *, most_verdicts: int = MOST_VERDICTS, most_ended_jobs: int = MOST_ENDED_JOBS
    ) -> None:
        self._lock = threading.RLock()
        self._keys: dict[str, KeyRecord] = {}
        self._jobs: dict[str, JobRecord] = {}
        self._replies: dict[str, Reply] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._most_verdicts = most_verdicts
        self._most_ended_jobs = most_ended_jobs

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key."""
        with self._lock:
            self._keys[key.id] = key

    def keys(self) -> list[KeyRecord]:
        """Return every key, oldest first, revoked ones too."""
        with self._lock:
            return list(self._keys.values())

    def key(self, key_id: str) -> KeyRecord | None:
        """Return one key, or None."""
        with self._lock:
            return self._keys.get(key_id)

    def revoke_key(self, key_id: str, at: float) -> KeyRecord:
        """Mark a key revoked (the first time stays); raises `KeyNotFoundError`."""
        with self._lock:
            key = self._keys.get(key_id)
            if key is None:
                message = f"no key {key_id!r}; `earmark keys list` shows them"
                raise KeyNotFoundError(message)
            if key.revoked_at is None:
                key = self._keys[key_id] = replace(key, revoked_at=at)
            return key

    def add_job(self, job: JobRecord) -> None:
        """Keep a new job."""
        with self._lock:
            self._jobs[job.id] = job
            ended = [old.id for old in self._jobs.values() if old.state in _ENDED]
            for job_id in ended[: max(0, len(ended) - self._most_ended_jobs)]:
                del self._jobs[job_id]

    def put_job(self, job: JobRecord) -> None:
        """Overwrite a job, but for ``wanted``, which only `cancel_job` changes."""
        with self._lock:
            self._jobs[job.id] = replace(job, wanted=self.job(job.id).wanted)

    def cancel_job(self, job_id: str) -> JobRecord:
        """Turn ``wanted`` off; raises `JobNotFoundError`."""
        with self._lock:
            self._jobs[job_id] = replace(self.job(job_id), wanted=False)
            return self._jobs[job_id]

    def job(self, job_id: str) -> JobRecord:
        """Return one job; raises `JobNotFoundError`."""
        with self._lock:
            if job_id not in self._jobs:
                message = f"no job {job_id!r}; it never was, or ended long ago"
                raise JobNotFoundError(message)
            return self._jobs[job_id]

    def jobs(
        self,
        *,
        states: Sequence[JobState] = (),
        before: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> list[JobRecord]:
        """Return jobs, newest first, of those states (none: all), beyond the job ``before``."""
        with self._lock:
            found = list(self._jobs.values())
            if not oldest_first:
                found.reverse()
            if before is not None:
                found = found[found.index(self.job(before)) + 1 :]
            return [job for job in found if not states or job.state in states][:limit]

    def begin(self, key: str, reply: Reply) -> Reply | None:
        """Keep an unanswered reply under a key and return None, or return what is kept already."""
        with self._lock:
            kept = self._replies.setdefault(key, reply)
            return None if kept is reply else kept

    def finish(self, key: str, reply: Reply | None) -> None:
        """Overwrite the reply of a key; None forgets it, so that the request may come again."""
        with self._lock:
            if reply is None:
                self._replies.pop(key, None)
            else:
                self._replies[key] = reply

    def forget_replies(self, before: float) -> int:
        """Forget replies created before a time; return how many."""
        with self._lock:
            old = [key for key, reply in self._replies.items() if reply.created_at < before]
            for key in old:
                del self._replies[key]
            return len(old)

    def add_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict."""
        with self._lock:
            self._verdicts[verdict.id] = verdict
            for verdict_id in list(self._verdicts)[: -self._most_verdicts]:
                del self._verdicts[verdict_id]

    def verdicts(self, *, before: str | None = None, limit: int = 100) -> list[Verdict]:
        """Return verdicts, newest first, beyond the verdict ``before``."""
        with self._lock:
            found = list(reversed(self._verdicts.values()))
            if before is not None:
                if before not in self._verdicts:
                    message = f"no verdict {before!r} is kept; begin again without it"
                    raise InvalidRequestError(message)
                found = found[found.index(self._verdicts[before]) + 1 :]
            return found[:limit]

    def close(self) -> None:
        """Do nothing: there are no files."""
