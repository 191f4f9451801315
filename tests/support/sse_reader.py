"""Reads server-sent events in a thread, as a page does, until a test has seen enough."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

PATIENCE_S = 20.0


class Events:
    """What came so far: pairs of a kind and JSON."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.ended = threading.Event()

    def of(self, kind: str) -> list[Any]:
        return [data for name, data in self.told if name == kind]

    def wait(self, enough: Callable[[Events], object], what: str = "") -> Any:
        """Return what ``enough`` returns, once that is something."""
        until_s = time.monotonic() + PATIENCE_S
        while not (found := enough(self)):
            last = [name for name, _ in self.told[-20:]]
            assert time.monotonic() < until_s, (what, last)
            time.sleep(0.01)
        return found

    def first(self, kind: str) -> Any:
        """Return the first event of a kind, once it has come."""
        return self.wait(lambda events: events.of(kind), kind)[0]


@contextmanager
def listening_to(url: str, key: str | None = None) -> Iterator[Events]:
    """Yield the events of an address as they come."""
    events = Events()
    client = httpx.Client(trust_env=False, timeout=httpx.Timeout(60, connect=5))
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()

        def read() -> None:
            kind = ""
            with suppress(httpx.HTTPError, httpx.StreamError, OSError):
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        events.told.append((kind, json.loads(value)))
            events.ended.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield events
        finally:
            # The socket first: a reader that waits for it would hold the response.
            stream = answer.extensions["network_stream"]
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(2)
            reader.join(5)
    client.close()
