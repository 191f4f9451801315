"""The ledger in one SQLite file beside the library: durable on return, read while it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earmark.errors import InvalidRequestError, JobNotFoundError, KeyNotFoundError
from earmark.ports.ledger import JobRecord, JobState, KeyRecord, Reply, Verdict
from earmark.stores.ledger_file import LedgerFile
from earmark.stores.ledger_rows import (
    job_of,
    job_values,
    key_of,
    reply_of,
    reply_values,
    verdict_of,
)

MOST_VERDICTS = 100_000
MOST_ENDED_JOBS = 10_000
_ENDED = "('done', 'failed', 'cancelled')"


class SqliteLedger:
    """A `Ledger` in ``folder``; made where it is missing.

    The oldest verdicts beyond `MOST_VERDICTS`, and ended jobs beyond `MOST_ENDED_JOBS`, go.

    Parameters
    ----------
    wait_s
        How long to wait for another process that writes.
    """

    def __init__(
        self,
        folder: Path,
        wait_s: float = 60.0,
        *,
        most_verdicts: int = MOST_VERDICTS,
        most_ended_jobs: int = MOST_ENDED_JOBS,
    ) -> None:
        self._file = LedgerFile(folder, wait_s)
        self._most_verdicts = most_verdicts
        self._most_ended_jobs = most_ended_jobs

    # --- keys -----------------------------------------------------------------------------

    def add_key(self, key: KeyRecord) -> None:
        """Keep a new key."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO keys (id, name, scopes, digest, created_at, expires_at, revoked_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    key.id,
                    key.name,
                    " ".join(key.scopes),
                    key.digest,
                    key.created_at,
                    key.expires_at,
                    key.revoked_at,
                ),
            )

    def keys(self) -> list[KeyRecord]:
        """Return every key, oldest first, revoked ones too."""
        with self._file.reading() as connection:
            return [key_of(row) for row in connection.execute("SELECT * FROM keys ORDER BY seq")]

    def key(self, key_id: str) -> KeyRecord | None:
        """Return one key, or None."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT * FROM keys WHERE id = ?", (key_id,)).fetchone()
        return None if row is None else key_of(row)

    def revoke_key(self, key_id: str, at: float) -> KeyRecord:
        """Mark a key revoked (the first time stays); raises `KeyNotFoundError`."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", (at, key_id)
            )
        key = self.key(key_id)
        if key is None:
            message = f"no key {key_id!r}; `earmark keys list` shows them"
            raise KeyNotFoundError(message)
        return key

    # --- jobs -----------------------------------------------------------------------------

    def add_job(self, job: JobRecord) -> None:
        """Keep a new job."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (kind, request, created_at, state, started_at, ended_at,"
                " progress, report, error, id, wanted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*job_values(job), job.id, job.wanted),
            )
            connection.execute(
                f"DELETE FROM jobs WHERE state IN {_ENDED} AND seq <= coalesce((SELECT seq"  # noqa: S608
                f" FROM jobs WHERE state IN {_ENDED} ORDER BY seq DESC LIMIT 1 OFFSET ?), 0)",
                (self._most_ended_jobs,),
            )

    def put_job(self, job: JobRecord) -> None:
        """Overwrite a job, but for ``wanted``, which only `cancel_job` changes."""
        with self._file.transaction() as connection:
            changed = connection.execute(
                "UPDATE jobs SET kind = ?, request = ?, created_at = ?, state = ?, started_at = ?,"
                " ended_at = ?, progress = ?, report = ?, error = ? WHERE id = ?",
                (*job_values(job), job.id),
            ).rowcount
        if not changed:
            raise _no_job(job.id)

    def cancel_job(self, job_id: str) -> JobRecord:
        """Turn ``wanted`` off; raises `JobNotFoundError`."""
        with self._file.transaction() as connection:
            connection.execute("UPDATE jobs SET wanted = 0 WHERE id = ?", (job_id,))
        return self.job(job_id)

    def job(self, job_id: str) -> JobRecord:
        """Return one job; raises `JobNotFoundError`."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise _no_job(job_id)
        return job_of(row)

    def jobs(
        self,
        *,
        states: Sequence[JobState] = (),
        before: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> list[JobRecord]:
        """Return jobs, newest first, of those states (none: all), beyond the job ``before``."""
        conditions: list[str] = ["1"]
        values: list[Any] = []
        if states:
            conditions.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        with self._file.reading() as connection:
            if before is not None:
                row = connection.execute("SELECT seq FROM jobs WHERE id = ?", (before,)).fetchone()
                if row is None:
                    raise _no_job(before)
                conditions.append("seq > ?" if oldest_first else "seq < ?")
                values.append(row["seq"])
            order = "ASC" if oldest_first else "DESC"
            rows = connection.execute(
                f"SELECT * FROM jobs WHERE {' AND '.join(conditions)}"  # noqa: S608 - ours
                f" ORDER BY seq {order} LIMIT ?",
                (*values, limit),
            )
            return [job_of(row) for row in rows]

    # --- replies --------------------------------------------------------------------------

    def begin(self, key: str, reply: Reply) -> Reply | None:
        """Keep an unanswered reply under a key and return None, or return what is kept already."""
        with self._file.transaction() as connection:
            row = connection.execute("SELECT * FROM replies WHERE key = ?", (key,)).fetchone()
            if row is None:
                connection.execute(
                    "INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?)", (key, *reply_values(reply))
                )
                return None
        return reply_of(row)

    def finish(self, key: str, reply: Reply | None) -> None:
        """Overwrite the reply of a key; None forgets it, so that the request may come again."""
        with self._file.transaction() as connection:
            if reply is None:
                connection.execute("DELETE FROM replies WHERE key = ?", (key,))
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?)",
                    (key, *reply_values(reply)),
                )

    def forget_replies(self, before: float) -> int:
        """Forget replies created before a time; return how many."""
        with self._file.transaction() as connection:
            return connection.execute(
                "DELETE FROM replies WHERE created_at < ?", (before,)
            ).rowcount

    # --- verdicts -------------------------------------------------------------------------

    def add_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO verdicts (id, created_at, right, track_id, details)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    verdict.id,
                    verdict.created_at,
                    verdict.right,
                    verdict.track_id,
                    json.dumps(dict(verdict.details)),
                ),
            )
            connection.execute(
                "DELETE FROM verdicts WHERE seq <= (SELECT max(seq) FROM verdicts) - ?",
                (self._most_verdicts,),
            )

    def verdicts(self, *, before: str | None = None, limit: int = 100) -> list[Verdict]:
        """Return verdicts, newest first, beyond the verdict ``before``."""
        with self._file.reading() as connection:
            seq = None
            if before is not None:
                row = connection.execute(
                    "SELECT seq FROM verdicts WHERE id = ?", (before,)
                ).fetchone()
                if row is None:
                    message = f"no verdict {before!r} is kept; begin again without it"
                    raise InvalidRequestError(message)
                seq = row["seq"]
            rows = connection.execute(
                "SELECT * FROM verdicts WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
                (seq, limit),
            )
            return [verdict_of(row) for row in rows]

    def close(self) -> None:
        """Release files and connections."""
        self._file.close()


def _no_job(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(f"no job {job_id!r}; it never was, or ended long ago")
