"""Worker processes that stay: any number of threads have one job at a time done by them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from earmark.errors import AnalysisDiedError, EarmarkError, StoppedError, TimedOutError
from earmark.ingest.process import Process, died
from earmark.ingest.worker import frame
from earmark.reports import Failure

J = TypeVar("J")
R = TypeVar("R")

IDLE_S = 60.0
"""A worker without a job for so long ends: the memory of its models is the machine's again."""
_POLL_S = 0.05
"""How often it is looked whether a caller has lost patience."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller waits: until ``stop`` is set, or ``timeout_s`` after it began."""

    stop: threading.Event | None = None
    timeout_s: float | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float | None:
        """What is left of the time; None where it is not bounded."""
        if self.timeout_s is None:
            return None
        return max(0.0, self.began + self.timeout_s - time.monotonic())

    def gone(self) -> EarmarkError | None:
        """Return what to tell the caller once there is none left."""
        if self.stop is not None and self.stop.is_set():
            return StoppedError("stopped before it was done; nothing was changed")
        if self.left_s == 0.0:
            return TimedOutError(f"not done within {self.timeout_s:g} s; allow more time")
        return None

    def check(self) -> None:
        """Raise it."""
        if (why := self.gone()) is not None:
            raise why


@dataclass(slots=True, eq=False)
class _Worker(Generic[J, R]):
    """A process; while it is busy ``patience`` is its caller's, else it rests since ``since``."""

    process: Process[J, R]
    patience: Patience
    since: float = 0.0
    ended: EarmarkError | None = None


class Crew(Generic[J, R]):
    """Does ``perform(job)`` in at most ``count`` processes, which start when they are needed.

    ``perform`` and jobs are pickled. A job that brings its process down harms no other: the next
    one gets another process. Killed processes are buried by the threads that wait for them.

    Parameters
    ----------
    idle_s
        After so long without a job a process ends.
    """

    def __init__(self, perform: Callable[[J], R], count: int, idle_s: float = IDLE_S) -> None:
        self._perform = frame(perform)
        self._count = max(1, count)
        self._idle_s = idle_s
        self._changed = threading.Condition()
        self._idle: list[_Worker[J, R]] = []
        self._busy: set[_Worker[J, R]] = set()
        self._closed = False
        self._minder: threading.Thread | None = None

    @property
    def size(self) -> int:
        """How many processes there are now."""
        with self._changed:
            return len(self._idle) + len(self._busy)

    def perform(self, job: J, patience: Patience | None = None) -> R:
        """Have a job done and return what came of it; waits while every process is busy.

        Raises
        ------
        EarmarkError
            What the job raised; `AnalysisDiedError` where its process died over it.
        StoppedError, TimedOutError
            ``patience`` has run out, or the crew was closed; the process was killed.
        """
        worker = self._taken(patience or Patience())
        try:
            result = worker.process.ask(job)
        except (EOFError, OSError):
            failure = died(worker.process.reap())
            self._leave(worker)
            raise (worker.ended or failure.error()) from None
        except BaseException:  # its answer would be taken for the next job's
            worker.process.kill()
            worker.process.reap()
            self._leave(worker)
            raise
        self._rest(worker)
        if isinstance(result, Failure):
            raise result.error()
        return result

    def retire(self) -> None:
        """Let every process end once it has nothing to do."""
        with self._changed:
            self._idle_s = 0.0
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for worker in idle:
            worker.process.reap()

    def close(self) -> None:
        """End every process now; jobs in hand raise `StoppedError`."""
        with self._changed:
            self._closed = True
            for worker in self._busy:
                worker.ended = worker.ended or _closed()
                worker.process.kill()
            minder = self._minder
        self.retire()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy)
        if minder is not None:
            minder.join()

    def _taken(self, patience: Patience) -> _Worker[J, R]:
        """Return a process of one's own; starts one while there are fewer than wanted."""
        bounded = patience.stop is not None or patience.timeout_s is not None
        with self._changed:
            while True:
                if self._closed:
                    raise _closed()
                patience.check()
                if self._idle or len(self._busy) < self._count:
                    break
                self._changed.wait(_POLL_S if bounded else None)
            worker = self._rested() or _Worker(self._started(), patience)
            worker.patience = patience
            self._busy.add(worker)
            if self._minder is None:
                self._minder = threading.Thread(target=self._mind, name="earmark-crew", daemon=True)
                self._minder.start()
            self._changed.notify_all()
        return worker

    def _started(self) -> Process[J, R]:
        try:
            return Process[J, R](self._perform)
        except OSError as error:  # the machine has no memory or no process left
            message = f"no analysis process can be started: {error.strerror or error}"
            raise AnalysisDiedError(message) from error

    def _rested(self) -> _Worker[J, R] | None:
        """Take the process that rests least; one that was killed meanwhile is buried."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.alive:
                return worker
            worker.process.reap()
        return None

    def _rest(self, worker: _Worker[J, R]) -> None:
        """Put a process back, unless it was killed when it had just answered."""
        with self._changed:
            keeps = worker.ended is None and not self._closed
            if keeps:
                self._busy.remove(worker)
                worker.since = time.monotonic()
                self._idle.append(worker)
                self._changed.notify_all()
        if not keeps:
            worker.process.reap()
            self._leave(worker)

    def _leave(self, worker: _Worker[J, R]) -> None:
        with self._changed:
            self._busy.remove(worker)
            self._changed.notify_all()

    def _mind(self) -> None:
        """Kill the processes whose callers have no patience left; end those that rest too long."""
        while True:
            with self._changed:
                for worker in self._busy:
                    if worker.ended is None and (why := worker.patience.gone()) is not None:
                        worker.ended = why
                        worker.process.kill()
                now = time.monotonic()
                tired = [worker for worker in self._idle if now - worker.since >= self._idle_s]
                self._idle = [worker for worker in self._idle if worker not in tired]
                if not (self._busy or self._idle or tired):
                    self._minder = None
                    return
                if not tired:
                    self._changed.wait(self._pause_s(now))
            for worker in tired:
                worker.process.reap()

    def _pause_s(self, now: float) -> float | None:
        """Return how long nothing can fall due; the caller holds the lock."""
        waits = [worker.since + self._idle_s - now for worker in self._idle]
        if any(w.patience.stop or w.patience.timeout_s is not None for w in self._busy):
            waits.append(_POLL_S)
        return max(0.001, min(waits)) if waits else None


def _closed() -> StoppedError:
    return StoppedError("the library was closed before it was done; nothing was changed")
