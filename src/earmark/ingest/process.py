"""One worker process: started with what it performs, asked one job at a time, buried when dead."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from typing import Generic, TypeVar

from earmark.errors import AnalysisDiedError, InternalError
from earmark.ingest.worker import Crash, frame, receive, send
from earmark.reports import Failure

J = TypeVar("J")
R = TypeVar("R")

_START = "import sys; sys.path[:] = sys.argv[1:]; from earmark.ingest.worker import main; main()"
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
_log = logging.getLogger(__name__)


class Process(Generic[J, R]):
    """A process that serves ``perform``; one thread at a time asks it.

    Parameters
    ----------
    perform
        The pickled frame of what it does (`earmark.ingest.worker.frame`).
    """

    def __init__(self, perform: bytes) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
            start_new_session=True,  # Ctrl-C reaches this process alone, which ends the workers
        )
        self._perform: bytes | None = perform

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ask(self, job: J) -> R | Failure:
        """Return what became of a job; raises EOFError or OSError where the process has died."""
        assert self._process.stdin is not None  # noqa: S101 - opened as pipes
        assert self._process.stdout is not None  # noqa: S101
        if self._perform is not None:
            send(self._process.stdin, self._perform)  # type: ignore[arg-type]
            self._perform = None
        send(self._process.stdin, frame(job))  # type: ignore[arg-type]
        result = receive(self._process.stdout)  # type: ignore[arg-type]
        if isinstance(result, Crash):
            _log.error("a bug in an analysis process, job %r\n%s", job, result.details)
            return Failure("", InternalError.code, f"a bug in earmark: {result.summary}")
        return result  # type: ignore[no-any-return]

    def kill(self) -> None:
        """End it now; whoever waits for its answer meets the end of the pipe."""
        self._process.kill()

    def reap(self) -> int:
        """Wait for its end, which closing its input asks for; return its exit status."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        try:
            return self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def died(status: int) -> Failure:
    """Return the failure that the end of a process amounts to, by its exit status."""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        message = f"its analysis process was ended by {name}"
        if name == "SIGKILL":
            message += "; if the machine ran out of memory, use fewer --workers"
    else:
        message = f"its analysis process ended with status {status}"
    return Failure("", AnalysisDiedError.code, message)
