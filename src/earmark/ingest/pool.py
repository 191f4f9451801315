"""Worker processes, one thread each to wait on them: who died over which job is always known."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from earmark.ingest.process import Process, died
from earmark.ingest.worker import frame
from earmark.reports import Failure

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reply(Generic[J, R]):
    """What became of one job."""

    job: J
    result: R | Failure


class Pool(Generic[J, R]):
    """Runs ``perform(job)`` in ``count`` processes, which start when the first jobs come.

    ``perform`` and jobs are pickled. At most ``2 * count`` jobs are taken in before their replies
    are fetched (`has_room`), so memory does not grow with the work.
    """

    def __init__(self, perform: Callable[[J], R], count: int) -> None:
        self._perform = frame(perform)
        self._jobs: queue.SimpleQueue[J | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[Reply[J, R] | BaseException] = queue.SimpleQueue()
        self._count = max(1, count)
        self._pending = 0
        self._closing = threading.Event()
        self._processes: set[Process[J, R]] = set()
        self._threads: list[threading.Thread] = []

    @property
    def pending(self) -> int:
        """Jobs whose reply has not been fetched."""
        return self._pending

    @property
    def has_room(self) -> bool:
        """Whether another job may be submitted now."""
        return self._pending < 2 * self._count

    def submit(self, job: J) -> None:
        """Queue a job; starts another worker while there are fewer than wanted."""
        self._pending += 1
        if len(self._threads) < min(self._count, self._pending):
            thread = threading.Thread(target=self._serve, name="earmark-ingest", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def fetch(self, timeout_s: float) -> Reply[J, R] | None:
        """Return the next finished job, or None after ``timeout_s``."""
        try:
            reply = self._replies.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(reply, BaseException):
            raise reply
        self._pending -= 1
        return reply

    def close(self) -> None:
        """End the workers now; jobs in hand are dropped."""
        self._closing.set()
        for _ in self._threads:
            self._jobs.put(None)
        for process in tuple(self._processes):
            process.kill()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Pool[J, R]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _serve(self) -> None:
        process: Process[J, R] | None = None
        try:
            while not self._closing.is_set() and (job := self._jobs.get()) is not None:
                process = process or self._start()
                try:
                    result = process.ask(job)
                except (EOFError, OSError):
                    result = died(self._reap(process))
                    process = None
                self._replies.put(Reply(job, result))
        except BaseException as error:  # handed to the thread that fetches
            self._replies.put(error)
        finally:
            if process is not None:
                self._reap(process)

    def _start(self) -> Process[J, R]:
        process = Process[J, R](self._perform)
        self._processes.add(process)
        if self._closing.is_set():
            process.kill()
        return process

    def _reap(self, process: Process[J, R]) -> int:
        code = process.reap()
        self._processes.discard(process)
        return code
