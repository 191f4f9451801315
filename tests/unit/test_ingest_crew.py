"""Worker processes that stay, asked by threads."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from earmark.errors import (
    AnalysisDiedError,
    BusyError,
    EarmarkError,
    InternalError,
    SilentAudioError,
    StoppedError,
    TimedOutError,
)
from earmark.ingest.crew import Crew, Patience
from earmark.reports import Failure

ACT = """
import os, time
from earmark.errors import SilentAudioError
def act(job):
    what, _, rest = job.partition(" ")
    if what == "pid":
        return os.getpid()
    if what == "sleep":
        time.sleep(float(rest))
    if what == "die":
        os.kill(os.getpid(), 9)
    if what == "silent":
        raise SilentAudioError(rest)
    if what == "bug":
        raise ValueError(rest)
    return what
"""


@pytest.fixture(scope="module")
def act_module(tmp_path_factory):
    """A module that the workers can import, as they get this process's path."""
    folder = tmp_path_factory.mktemp("acts")
    (folder / "earmark_crew_acts.py").write_text(ACT)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import earmark_crew_acts

        yield earmark_crew_acts.act


@pytest.fixture(scope="module")
def crew(act_module):
    crew = Crew[str, object](act_module, 2)
    yield crew
    crew.close()
    assert crew.size == 0


def pids(crew, count):
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(crew.perform, ["pid"] * count))


def gone(pid):
    """Whether a process ends within some seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_process_stays_and_is_asked_again(crew):
    first = crew.perform("pid")
    assert first != os.getpid()
    assert crew.perform("pid") == first
    assert crew.size == 1


def test_many_threads_share_few_processes(crew):
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(crew.perform, [f"sleep {i % 3 / 100}" for i in range(24)]))
    assert done == ["sleep"] * 24
    assert crew.size <= 2
    assert len(set(pids(crew, 8))) <= 2


def test_what_a_job_raises_is_raised_by_its_own_class(crew):
    before = crew.perform("pid")
    with pytest.raises(SilentAudioError, match="nothing here"):
        crew.perform("silent nothing here")
    with pytest.raises(InternalError, match="a bug in earmark: ValueError: oh"):
        crew.perform("bug oh")
    assert crew.perform("pid") == before


def test_a_process_that_dies_takes_one_job_with_it(crew):
    with pytest.raises(AnalysisDiedError, match="ended by SIGKILL"):
        crew.perform("die")
    assert crew.perform("well") == "well"


def test_a_process_that_was_killed_while_it_rested_is_replaced_unseen(crew):
    for pid in set(pids(crew, 4)):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.05)
    assert crew.perform("well") == "well"


def test_impatience_kills_the_process_and_no_other(crew):
    stop = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(crew.perform, "sleep 60", Patience(stop))
        assert threads.submit(crew.perform, "well").result() == "well"
        with pytest.raises(TimedOutError, match=r"not done within 0\.1 s"):
            crew.perform("sleep 60", Patience(timeout_s=0.1))
        assert not slow.done()
        stop.set()
        with pytest.raises(StoppedError):
            slow.result(timeout=5)
    assert crew.perform("well") == "well"


def test_waiting_for_a_free_process_can_be_given_up(act_module):
    crew = Crew[str, object](act_module, 1)
    try:
        with ThreadPoolExecutor(2) as threads:
            stop = threading.Event()
            busy = threads.submit(crew.perform, "sleep 60", Patience(stop))
            while not crew.size:
                time.sleep(0.01)
            with pytest.raises(TimedOutError):
                crew.perform("well", Patience(timeout_s=0.1))
            crew.close()  # nobody waits for ever on a crew that is gone
            with pytest.raises(StoppedError, match="closed"):
                busy.result(timeout=5)
            with pytest.raises(StoppedError, match="closed"):
                crew.perform("well")
    finally:
        crew.close()


def test_processes_that_rest_too_long_end(act_module):
    crew = Crew[str, object](act_module, 1, idle_s=0.2)
    first = crew.perform("pid")
    assert gone(first)
    assert crew.size == 0
    assert crew.perform("pid") != first
    crew.retire()
    assert crew.size == 0
    assert crew.perform("well") == "well"  # a thread that still held it is served
    crew.close()


def test_a_machine_that_starts_no_process(act_module, monkeypatch):
    crew = Crew[str, object](act_module, 1)
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/no/such/program")
        with pytest.raises(AnalysisDiedError, match="No such file"):
            crew.perform("well")
    assert crew.perform("well") == "well"
    crew.close()


@pytest.mark.parametrize("kind", [SilentAudioError, BusyError, InternalError, EarmarkError])
def test_a_failure_is_the_error_it_was(kind):
    error = Failure.of("a.wav", kind("so it is")).error()
    assert (type(error), error.message) == (kind, "so it is")
    assert type(Failure("a.wav", "nothing_known", "x").error()) is EarmarkError
