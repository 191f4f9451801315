"""One process that writes to a shared vector index, for tests that run several or kill one.

Its plan comes as JSON on stdin: where, and steps ``["add", numbers]`` or ``["remove", numbers]``.
Before and after each step it writes a line with the time on the clock that all processes share.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from earmark.ports import Embedded
from earmark.stores.milvus_address import MilvusAddress
from earmark.stores.redis_address import RedisAddress
from earmark.stores.redis_client import RedisClient
from earmark.stores.shared_vectors import SharedVectorStore

DIMENSION = 8
WINDOWS = 6


def item(number: int, windows: int = WINDOWS) -> Embedded:
    rng = np.random.default_rng(number)
    vectors = rng.standard_normal((windows, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    times = np.arange(windows, dtype=np.float32)
    return Embedded(number, vectors, times, np.ones(windows), b"%d" % number * 20)


def plan(address: MilvusAddress, redis_port: int, namespace: str, **more: Any) -> str:
    """Return what `main` reads."""
    where = {"milvus": asdict(address), "port": redis_port, "namespace": namespace}
    return json.dumps({**where, **more})


def started(text: str) -> subprocess.Popen[str]:
    """Start a writer with a plan; it waits for a line before its first step."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(Path(__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()
    return process


def told(line: str) -> tuple[str, str, list[int], float]:
    """Return a line of a writer: begun or done, the step, its numbers, when."""
    when, op, numbers, at_s = json.loads(line)
    return when, op, numbers, at_s


def say(when: str, op: str, numbers: list[int]) -> None:
    sys.stdout.write(json.dumps([when, op, numbers, time.monotonic()]) + "\n")
    sys.stdout.flush()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    client = RedisClient(RedisAddress("127.0.0.1", asked["port"], namespace=asked["namespace"]))
    store = SharedVectorStore(
        MilvusAddress(**asked["milvus"]), client, "crowd", "v", DIMENSION, "d"
    )
    store.known()
    say("ready", "", [])
    sys.stdin.readline()
    for op, numbers in asked["steps"]:
        say("begun", op, numbers)
        if op == "add":
            store.add(item(number) for number in numbers)
        elif op == "remove":
            store.remove(numbers)
        say("done", op, numbers)


if __name__ == "__main__":
    main()
