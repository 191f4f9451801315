"""The ledger in Redis: one for all services and workers of a library, durable as Redis is told."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from earmark.errors import InvalidRequestError, KeyNotFoundError
from earmark.ports.ledger import LANES, JobRecord, JobState, KeyRecord, Lane, Reply, Verdict
from earmark.stores import redis_ledger_scripts as scripts
from earmark.stores.redis_client import RedisClient, Word
from earmark.stores.redis_ledger_jobs import RedisJobs
from earmark.stores.redis_ledger_rows import (
    key_of,
    reply_of,
    verdict_of,
    written,
    written_reply,
)
from earmark.stores.redis_queue import RedisQueue, queue_key

MOST_VERDICTS = 100_000
MOST_ENDED_JOBS = 10_000
# Replies go when `forget_replies` is asked, which services do; where none runs any more, by this.
REPLY_S = 7 * 86_400.0
_PAGE = 500


class RedisLedger:
    """A `SharedLedger` beside a library in Redis; it closes its client.

    The oldest verdicts beyond `MOST_VERDICTS`, and ended jobs beyond `MOST_ENDED_JOBS`, go.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        most_verdicts: int = MOST_VERDICTS,
        most_ended_jobs: int = MOST_ENDED_JOBS,
    ) -> None:
        self._client = client
        self._most_verdicts = most_verdicts
        self._jobs = RedisJobs(client, most_ended_jobs)

    # --- keys -----------------------------------------------------------------------------

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key."""
        keys = [self._key("keys"), self._key("keys", "order"), self._key("seq")]
        self._client.run(scripts.ADD_KEY, keys, key.id, written(key))

    def keys(self) -> list[KeyRecord]:
        """Return every key, oldest first, revoked ones too."""
        order, records, revoked = self._client.calls(
            [
                ["ZRANGE", self._key("keys", "order"), 0, -1],
                ["HGETALL", self._key("keys")],
                ["HGETALL", self._key("keys", "revoked")],
            ]
        )
        return [key_of(records[key_id], revoked.get(key_id)) for key_id in order]

    def key(self, key_id: str) -> KeyRecord | None:
        """Return one key, or None."""
        record, revoked = self._client.calls(
            [
                ["HGET", self._key("keys"), key_id],
                ["HGET", self._key("keys", "revoked"), key_id],
            ]
        )
        return None if record is None else key_of(record, revoked)

    def revoke_key(self, key_id: str, at: float) -> KeyRecord:
        """Mark a key revoked (the first time stays); raises `KeyNotFoundError`."""
        keys = [self._key("keys"), self._key("keys", "revoked")]
        told = self._client.run(scripts.REVOKE_KEY, keys, key_id, repr(at))
        if told is None:
            message = f"no key {key_id!r}; `earmark keys list` shows them"
            raise KeyNotFoundError(message)
        return key_of(*told)

    # --- jobs -----------------------------------------------------------------------------

    def add_job(self, job: JobRecord) -> None:
        """Keep a new job."""
        self._jobs.add(job)

    def put_job(self, job: JobRecord) -> None:
        """Overwrite a job, but for ``wanted``, which only `cancel_job` changes."""
        self._jobs.put(job)

    def cancel_job(self, job_id: str) -> JobRecord:
        """Turn ``wanted`` off; raises `JobNotFoundError`."""
        return self._jobs.cancel(job_id)

    def job(self, job_id: str) -> JobRecord:
        """Return one job; raises `JobNotFoundError`."""
        return self._jobs.one(job_id)

    def jobs(
        self,
        *,
        states: Sequence[JobState] = (),
        before: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> list[JobRecord]:
        """Return jobs, newest first, of those states (none: all), beyond the job ``before``."""
        return self._jobs.some(states, before, limit, oldest_first)

    def take_job(self, job_id: str, worker: str, lease_s: float) -> JobRecord | None:
        """Give a job to a worker, where it has not ended and no other living one has it."""
        return self._jobs.take(job_id, worker, lease_s)

    def hold_job(self, job_id: str, worker: str, lease_s: float) -> bool | None:
        """Prolong a worker's lease; return whether the job is wanted, None where it is lost."""
        return self._jobs.hold(job_id, worker, lease_s)

    def put_held(self, job: JobRecord, worker: str) -> bool:
        """Overwrite a job as `put_job` does, where the worker still has it; return whether."""
        return self._jobs.put(job, worker)

    def held_job(self, job_id: str) -> bool:
        """Return whether a living worker has a job."""
        return self._jobs.held(job_id)

    def lost_jobs(self, grace_s: float) -> list[str]:
        """Return jobs that nobody has and that nobody will be told of; each is told once."""
        return self._jobs.lost([queue_key(self._client, lane) for lane in LANES], grace_s)

    def pending_jobs(self) -> int:
        """Return how many jobs have not ended."""
        return self._jobs.pending()

    def queue(self, lane: Lane = "jobs") -> RedisQueue:
        """Return the queue that tells workers which job of a lane is next."""
        return RedisQueue(self._client, lane)

    def agree(self, name: str, text: str) -> str:
        """Keep a short text under a name unless there is one; return what is kept."""
        key = self._key("agreed", name)
        self._client.call("SETNX", key, text)
        return str(self._client.call("GET", key).decode())

    def hold(self, name: str, holder: str, lease_s: float) -> bool:
        """Take or prolong the lease on a name; False where another living holder has it."""
        keys, lease_ms = [self._key("held", name)], max(1, round(lease_s * 1000))
        return bool(self._client.run(scripts.HOLD, keys, holder, lease_ms))

    def let_go(self, name: str, holder: str) -> None:
        """Give the lease on a name back, where the holder has it."""
        self._client.run(scripts.LET_GO, [self._key("held", name)], holder)

    # --- replies --------------------------------------------------------------------------

    def begin(self, key: str, reply: Reply) -> Reply | None:
        """Keep an unanswered reply under a key and return None, or return what is kept already."""
        keys, arguments = self._reply(key, reply)
        record = self._client.run(scripts.BEGIN_REPLY, keys, *arguments)
        return None if record is None else reply_of(record)

    def finish(self, key: str, reply: Reply | None) -> None:
        """Overwrite the reply of a key; None forgets it, so that the request may come again."""
        keys, arguments = self._reply(key, reply)
        self._client.run(scripts.FINISH_REPLY, keys, *arguments)

    def forget_replies(self, before: float) -> int:
        """Forget replies created before a time; return how many."""
        replies, gone, page = self._key("replies"), 0, [b""] * _PAGE
        while len(page) == _PAGE:
            page = self._client.call(
                "ZRANGEBYSCORE", replies, "-inf", f"({before!r}", "LIMIT", 0, _PAGE
            )
            names = [name.decode() for name in page]
            keys = [replies, *(self._key("reply", name) for name in names)]
            gone += self._client.run(scripts.FORGET_REPLIES, keys, repr(before), *names)
        return gone

    # --- verdicts -------------------------------------------------------------------------

    def add_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict."""
        keys = [self._key("verdicts"), self._key("verdicts", "order"), self._key("seq")]
        self._client.run(
            scripts.ADD_VERDICT, keys, verdict.id, written(verdict), self._most_verdicts
        )

    def verdicts(self, *, before: str | None = None, limit: int = 100) -> list[Verdict]:
        """Return verdicts, newest first, beyond the verdict ``before``."""
        keys = [self._key("verdicts"), self._key("verdicts", "order")]
        told = self._client.run(scripts.SOME_VERDICTS, keys, before or "", limit)
        if told == -1:
            message = f"no verdict {before!r} is kept; begin again without it"
            raise InvalidRequestError(message)
        return [verdict_of(text) for text in told]

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _key(self, *names: str) -> str:
        return self._client.key("ledger", *names)

    def _reply(self, key: str, reply: Reply | None) -> tuple[list[str], list[Word]]:
        """Return the keys and arguments of a script about one reply."""
        keys = [self._key("reply", key), self._key("replies")]
        if reply is None:
            return keys, [key, "", "", 0, 0]
        mark, kept_ms = uuid.uuid4().hex, int(REPLY_S * 1000)
        return keys, [key, written_reply(reply), mark, repr(reply.created_at), kept_ms]
