"""Worker processes, one thread each to wait on them: who died over which job is always known."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from earmark.errors import AnalysisDiedError
from earmark.ingest.worker import Crash, frame, receive, send
from earmark.reports import Failure

J = TypeVar("J")
R = TypeVar("R")

_START = "import sys; sys.path[:] = sys.argv[1:]; from earmark.ingest.worker import main; main()"
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
_log = logging.getLogger(__name__)


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
        self._processes: set[subprocess.Popen[bytes]] = set()
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
        process: subprocess.Popen[bytes] | None = None
        try:
            while not self._closing.is_set() and (job := self._jobs.get()) is not None:
                process = process or self._start()
                try:
                    result = self._ask(process, job)
                except (EOFError, OSError):
                    result = _died(self._reap(process))
                    process = None
                self._replies.put(Reply(job, result))
        except BaseException as error:  # handed to the thread that fetches
            self._replies.put(error)
        finally:
            if process is not None:
                self._reap(process)

    def _ask(self, process: subprocess.Popen[bytes], job: J) -> R | Failure:
        assert process.stdin is not None  # noqa: S101 - opened as pipes
        assert process.stdout is not None  # noqa: S101
        send(process.stdin, frame(job))  # type: ignore[arg-type]
        result = receive(process.stdout)  # type: ignore[arg-type]
        if isinstance(result, Crash):
            _log.error("a bug in an analysis process, job %r\n%s", job, result.details)
            return Failure("", "internal", f"a bug in earmark: {result.summary}")
        return result  # type: ignore[no-any-return]

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
            start_new_session=True,  # Ctrl-C reaches this process alone, which ends the workers
        )
        self._processes.add(process)
        if self._closing.is_set():
            process.kill()
        with contextlib.suppress(OSError):  # a worker that dies at start shows at its first job
            send(process.stdin, self._perform)  # type: ignore[arg-type]
        return process

    def _reap(self, process: subprocess.Popen[bytes]) -> int:
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        try:
            code = process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._processes.discard(process)
        return code


def _died(code: int) -> Failure:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        message = f"its analysis process was ended by {name}"
        if name == "SIGKILL":
            message += "; if the machine ran out of memory, use fewer --workers"
    else:
        message = f"its analysis process ended with status {code}"
    return Failure("", AnalysisDiedError.code, message)
