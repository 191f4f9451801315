"""The ledger's jobs in Redis: their records, their order, and who works on which."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.errors import JobNotFoundError
from earmark.ports.ledger import JobRecord, JobState
from earmark.stores import redis_ledger_job_scripts as scripts
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_ledger_rows import job_of, written_job, written_request

_PLACES = {name: at for at, name in enumerate(scripts.JOB_KEYS, 1)}


class RedisJobs:
    """What a `RedisLedger` and its workers ask of jobs.

    Parameters
    ----------
    most_ended
        The oldest ended jobs beyond it go.
    """

    def __init__(self, client: RedisClient, most_ended: int) -> None:
        self._client = client
        self._most_ended = most_ended
        self._keys = [client.key("ledger", "jobs", name) for name in scripts.JOB_KEYS]

    def add(self, job: JobRecord) -> None:
        """Keep a new job."""
        self._client.run(
            scripts.ADD_JOB,
            self._keys,
            job.id,
            job.state,
            written_job(job),
            int(job.wanted),
            self._most_ended,
            written_request(job),
        )

    def put(self, job: JobRecord, worker: str = "") -> bool:
        """Overwrite a job, but for ``wanted``; with a worker, only where that one has it.

        A worker writes every second, and never what it was asked for.
        """
        text, request = written_job(job), "" if worker else written_request(job)
        told = self._client.run(
            scripts.PUT_JOB, self._keys, job.id, job.state, text, worker, request
        )
        if told == -1:
            raise _no_job(job.id)
        return bool(told)

    def cancel(self, job_id: str) -> JobRecord:
        """Turn ``wanted`` off."""
        told = self._client.run(scripts.CANCEL_JOB, self._keys, job_id)
        if told is None:
            raise _no_job(job_id)
        return job_of(*told)

    def one(self, job_id: str) -> JobRecord:
        """Return one job."""
        told = self._client.run(scripts.ONE_JOB, self._keys, job_id)
        if told is None:
            raise _no_job(job_id)
        return job_of(*told)

    def some(
        self, states: Sequence[JobState], before: str | None, limit: int, oldest_first: bool
    ) -> list[JobRecord]:
        """Return jobs of those states, all of them as at one moment."""
        wanted = [_PLACES[state] for state in set(states)]
        told = self._client.run(
            scripts.SOME_JOBS,
            self._keys,
            before or "",
            limit,
            int(oldest_first),
            *(wanted or [_PLACES["order"]]),
        )
        if told == -1:
            raise _no_job(before or "")
        return [job_of(*one) for one in told]

    def take(self, job_id: str, worker: str, lease_s: float) -> JobRecord | None:
        """Give a job that has not ended to a worker, where no other living one has it."""
        told = self._client.run(scripts.TAKE_JOB, self._keys, job_id, worker, _ms(lease_s))
        return None if isinstance(told, int) else job_of(*told)

    def hold(self, job_id: str, worker: str, lease_s: float) -> bool | None:
        """Prolong a worker's lease; return whether the job is wanted, None where it is lost."""
        told = self._client.run(scripts.HOLD_JOB, self._keys, job_id, worker, _ms(lease_s))
        return None if told == 0 else told == 1

    def held(self, job_id: str) -> bool:
        """Return whether a living worker has a job."""
        return bool(self._client.run(scripts.HELD_JOB, self._keys, job_id))

    def lost(self, queues: list[str], grace_s: float) -> list[str]:
        """Return jobs that nobody has and that nobody will be told of, each once."""
        keys = [*self._keys, *queues]
        told = self._client.run(scripts.LOST_JOBS, keys, round(grace_s * 1000), len(queues))
        return [job_id.decode() for job_id in told]

    def pending(self) -> int:
        """Return how many jobs have not ended."""
        keys = [self._keys[_PLACES[state] - 1] for state in ("queued", "running")]
        return sum(self._client.calls([["ZCARD", key] for key in keys]))


def _ms(lease_s: float) -> int:
    return max(1, round(lease_s * 1000))


def _no_job(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(f"no job {job_id!r}; it never was, or ended long ago")
