"""Many processes at one vector index: what they leave, what others see, what a kill leaves."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from dataclasses import dataclass

import numpy as np
import pytest
from vector_writer import DIMENSION, WINDOWS, item, plan, started, told

from earmark.stores.milvus import discard
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.shared_vectors import SharedVectorStore

RUNS = int(os.environ.get("EARMARK_CRASH_RUNS", "12")) // 4
EVERYTHING = 4000


@dataclass
class Crowd:
    address: object
    port: int
    namespace: str
    client: RedisClient

    def open(self) -> SharedVectorStore:
        return SharedVectorStore(self.address, self.client, "crowd", "v", DIMENSION, "d")

    def writer(self, steps):
        return started(plan(self.address, self.port, self.namespace, steps=steps))


@pytest.fixture
def crowd(server_address, redis_host):
    namespace = uuid.uuid4().hex
    client = RedisClient(RedisAddress("127.0.0.1", redis_host.port, namespace=namespace))
    address = type(server_address)(
        server_address.place, namespace, server_address.database, server_address.token
    )
    yield Crowd(address, redis_host.port, namespace, client)
    client.close()
    discard(address, "crowd")


def everything(store):
    """Return how many windows of each number one search finds."""
    near = store.search(np.eye(DIMENSION, dtype=np.float32)[:1], EVERYTHING)
    numbers, counts = np.unique(near.number[near.number >= 0], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def steps_of(process: int) -> list[list[object]]:
    """Sixty numbers that two processes add, and some of its own that come, go and come back."""
    rng = random.Random(process)
    common = list(range(30 * process, 30 * process + 60))
    rng.shuffle(common)
    own = list(range(1000 + 10 * process, 1010 + 10 * process))
    steps: list[list[object]] = [["add", own]]
    for at in range(0, 60, 6):
        steps.append(["add", common[at : at + 6]])
        if at == 12:
            steps.append(["remove", own[:8]])
        if at == 36:
            steps.append(["add", own[:3]])
        if at == 48:
            steps.append(["remove", own[2:5]])
    return steps


def expected_of(steps) -> set[int]:
    held: set[int] = set()
    for op, numbers in steps:
        held = held | set(numbers) if op == "add" else held - set(numbers)
    return held


def test_four_processes_write_at_once_while_others_search(crowd):
    plans = [steps_of(process) for process in range(4)]
    writers = [crowd.writer(steps) for steps in plans]
    store, stop = crowd.open(), threading.Event()
    searches: list[tuple[float, float, dict[int, int]]] = []
    errors: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                began = time.monotonic()
                found = everything(store)
                searches.append((began, time.monotonic(), found))
                time.sleep(0.01 if found else 0.1)
        except BaseException as error:
            errors.append(error)

    lines = []
    try:
        for writer in writers:
            assert told(writer.stdout.readline())[0] == "ready"
        reader = threading.Thread(target=read)
        reader.start()
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            lines += [told(line) for line in writer.stdout]
            assert writer.wait(60) == 0
        stop.set()
        reader.join()
    finally:
        stop.set()
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert not errors
    wanted = set().union(*(expected_of(steps) for steps in plans))
    assert set(store.known().tolist()) == wanted
    assert store.verify() == []
    assert store.orphans() == []
    assert everything(store) == dict.fromkeys(wanted, WINDOWS)
    assert store.stats()["vectors"] == WINDOWS * len(wanted)
    rows = store._milvus.count(store._windows.name(0), strong=True)
    assert rows == WINDOWS * len(wanted)  # no row is there twice, whoever wrote it
    assert len(searches) > 5
    lines.sort(key=lambda line: line[3])
    for began, ended, found in searches:
        check(lines, began, ended, found)


def check(lines, began_s: float, ended_s: float, found: dict[int, int]) -> None:
    """What a search found is what was there: nothing that was not, all that was, and whole."""
    last: dict[int, str] = {}
    unsettled: set[int] = set()
    for when, op, numbers, at_s in lines:  # in the order of their times
        if at_s >= ended_s:
            break
        if at_s >= began_s or when == "begun":
            unsettled.update(numbers)
        if at_s < began_s and when == "done":
            last.update(dict.fromkeys(numbers, op))
            unsettled.difference_update(numbers)
    held = {number for number, op in last.items() if op == "add"}
    assert set(found) <= held | unsettled
    for number in held - unsettled:
        assert found.get(number) == WINDOWS, number


def test_a_writer_that_is_killed_leaves_orphans_at_most(crowd):
    store = crowd.open()
    store.add(item(number) for number in range(5))
    rng, expected = random.Random(), set(range(5))
    for run in range(max(2, RUNS)):
        first = 1000 * (run + 1)
        steps: list[list[object]] = []
        for at in range(first, first + 96, 8):
            steps += [["add", list(range(at, at + 8))], ["remove", list(range(at, at + 3))]]
        lines = killed_after(crowd.writer(steps), rng.randrange(20), rng.uniform(0.0, 0.15))
        known = set(store.known().tolist())
        sure, maybe = set(expected), set(expected)
        for when, op, numbers, _ in lines:
            if op == "add":
                sure |= set(numbers) if when == "done" else set()
                maybe |= set(numbers)
            else:
                sure -= set(numbers)
                maybe -= set(numbers) if when == "done" else set()
        assert sure <= known <= maybe
        assert everything(store) == dict.fromkeys(known, WINDOWS)
        assert store.damaged() == []
        expected = known
    orphans, faults = store.orphans(), store.verify()
    assert len(faults) == bool(orphans)
    assert all("earmark doctor --repair" in fault for fault in faults)
    store.remove(orphans)
    assert store.verify() == []
    assert set(store.known().tolist()) == expected
    assert everything(store) == dict.fromkeys(expected, WINDOWS)


def killed_after(writer, count: int, wait_s: float):
    """Return what a writer said before it was killed, that long after so many lines."""
    try:
        assert told(writer.stdout.readline())[0] == "ready"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        lines = [told(writer.stdout.readline()) for _ in range(count + 1)]
        time.sleep(wait_s)
        writer.kill()
        return lines + [told(line) for line in writer.stdout if line.endswith("\n")]
    finally:
        writer.kill()
        writer.communicate()
