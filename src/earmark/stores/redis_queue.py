"""The queue of jobs in Redis, kept by huey; a message says which job is next, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from earmark.errors import ExtraMissingError
from earmark.ports.ledger import Lane
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_errors import meant, transient

_WAIT_S = 1


def queue_key(client: RedisClient, lane: Lane) -> str:
    """Return the key of the list that waits in a lane."""
    return client.key("queue") if lane == "jobs" else client.key("queue", lane)


class RedisQueue:
    """A `JobQueue` in the catalogue's slot, over the connections of the client."""

    def __init__(self, client: RedisClient, lane: Lane) -> None:
        self._client = client
        self._key = queue_key(client, lane)
        self._huey: Any = None
        self._run: Callable[[str], None] | None = None

    def offer(self, job_id: str) -> None:
        """Put a job at the end of the queue."""

        def ask(raw: Any) -> None:  # noqa: ANN401
            huey = self._opened(raw)
            huey.enqueue(huey.job.s(job_id))

        self._client.ask(ask)

    def work(self, run: Callable[[str], None]) -> bool:
        """Wait a second at most for a job and run it in this thread; return whether one came."""
        self._run = run
        task = self._client.ask(lambda raw: self._opened(raw).dequeue())
        if task is None:
            return False
        try:
            self._client.ask(self._opened).execute(task)
        except Exception as error:  # huey asks Redis a few things on its own
            if not transient(error):
                raise
            raise meant(self._client.address, error) from error
        return True

    def _opened(self, raw: Any) -> Any:  # noqa: ANN401
        if self._huey is None:
            self._huey = _huey(self._client, self._key, raw, self._told)
        return self._huey

    def _told(self, job_id: str) -> None:
        if self._run is not None:
            self._run(job_id)


def _huey(
    client: RedisClient,
    queue: str,
    raw: Any,  # noqa: ANN401
    run: Callable[[str], None],
) -> Any:  # noqa: ANN401
    """Return huey over redis-py's own client, whose keys lie in the catalogue."""
    try:
        from huey import Huey  # type: ignore[import-untyped]
        from huey.registry import Message  # type: ignore[import-untyped]
        from huey.serializer import Serializer  # type: ignore[import-untyped]
        from huey.storage import RedisStorage  # type: ignore[import-untyped]
    except ImportError as error:
        message = "jobs of a library in Redis need the extra `redis`: pip install 'earmark[redis]'"
        raise ExtraMissingError(message) from error

    class Storage(RedisStorage):  # type: ignore[misc]
        """Huey's own, in one slot of a cluster and among earmark's keys."""

        redis_client = staticmethod(lambda connection_pool: raw)  # noqa: ARG005

        def __init__(self, name: str) -> None:
            super().__init__(name, read_timeout=_WAIT_S, clean_name=False)
            self.queue_key = queue
            self.schedule_key, self.result_key, self.counter_key = (
                client.key("queue", part) for part in ("schedule", "results", "counters")
            )
            self.notify_prefix = client.key("queue", "notify", "")

    class PlainId(Serializer):  # type: ignore[misc]
        """The job's id in place of a pickle: who can write to Redis cannot run code here."""

        def _serialize(self, data: Any) -> bytes:  # noqa: ANN401
            return str(data.args[0]).encode()

        def _deserialize(self, data: bytes) -> Any:  # noqa: ANN401
            job_id = data.decode("utf-8", "replace")
            return Message(job_id, task_name, args=(job_id,), kwargs={})

    huey = Huey(queue, results=False, serializer=PlainId(), storage_class=Storage)
    huey.job = huey.task()(run)
    task_name = f"{huey.job.task_class.__module__}.{huey.job.task_class.__name__}"
    return huey
