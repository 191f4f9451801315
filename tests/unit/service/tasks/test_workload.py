from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from earmark import BusyError, ShuttingDownError, StoppedError, TimedOutError
from earmark.service.tasks.workload import Workload


@pytest.fixture
def work():
    made = Workload(threads=1, queue=1)
    yield made
    made.stop()


def until(condition, within_s=5.0):
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it never came"
        time.sleep(0.005)


def wait_for_stop(stop):
    assert stop.wait(10), "nobody told the work to stop"
    return "stopped"


class Client:
    """As much of a request as is looked at: whether its client is there."""

    def __init__(self):
        self.gone = False
        self.state = type("State", (), {})()

    async def is_disconnected(self):
        return self.gone


def test_work_returns_and_raises(work):
    def fails(stop):
        raise KeyError("x")

    assert asyncio.run(work.run(lambda stop: threading.current_thread().name)).startswith("earmark")
    with pytest.raises(KeyError):
        asyncio.run(work.run(fails))
    assert (work.running, work.waiting) == (0, 0)


def test_a_full_queue_is_busy_and_says_when_to_come_again(work):
    async def full():
        first = asyncio.create_task(work.run(wait_for_stop))
        second = asyncio.create_task(work.run(wait_for_stop))
        await asyncio.sleep(0.01)
        assert (work.running, work.waiting) == (1, 1)
        with pytest.raises(BusyError, match="1 requests are waiting") as refused:
            await work.run(wait_for_stop)
        assert refused.value.retry_after_s > 0
        for task in (first, second):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(full())
    until(lambda: work.running + work.waiting == 0)


def test_out_of_time_tells_the_work_and_keeps_its_place_until_it_ends(work):
    told, free = threading.Event(), threading.Event()

    def stubborn(stop):
        assert stop.wait(10)
        told.set()
        free.wait(10)

    with pytest.raises(TimedOutError, match=r"within 0\.05 s"):
        asyncio.run(work.run(stubborn, timeout_s=0.05))
    assert told.wait(5)
    assert work.running == 1, "a thread that is still busy counts"
    free.set()
    until(lambda: work.running == 0)


def test_waiting_counts_as_time(work):
    async def queued():
        first = asyncio.create_task(work.run(wait_for_stop))
        await asyncio.sleep(0.01)
        ran = []
        with pytest.raises(TimedOutError):
            await work.run(ran.append, timeout_s=0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        assert ran == [], "work that was given up in the queue never begins"

    asyncio.run(queued())


def test_a_client_that_leaves_stops_its_work(work):
    client, told = Client(), threading.Event()

    def working(stop):
        client.gone = True
        assert stop.wait(10)
        told.set()

    with pytest.raises(StoppedError, match="client left"):
        asyncio.run(work.run(working, request=client))
    assert told.wait(5)
    assert client.state.gone


def test_closing_ends_what_is_inside_after_its_grace_and_takes_no_more(work):
    async def closing():
        quick = asyncio.create_task(work.run(lambda stop: stop.wait(0.05)))
        await asyncio.sleep(0.01)
        work.close(grace_s=0.3)
        slow = asyncio.create_task(work.run(wait_for_stop))
        assert await quick is False, "work in hand was finished"
        with pytest.raises(ShuttingDownError):
            await slow
        with pytest.raises(ShuttingDownError):
            await work.run(wait_for_stop)

    asyncio.run(closing())
    assert not work.open


def test_stopping_tells_all_work_at_once(work):
    async def stopping():
        slow = asyncio.create_task(work.run(wait_for_stop))
        await asyncio.sleep(0.01)
        work.close(grace_s=60.0)
        work.stop()
        with contextlib.suppress(ShuttingDownError):  # whichever is seen first
            assert await slow == "stopped"
        with pytest.raises(ShuttingDownError):
            await work.run(wait_for_stop)

    asyncio.run(stopping())
