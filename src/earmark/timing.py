"""A stopwatch that any room may press: laps are collected where somebody asked for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_laps: ContextVar[dict[str, float] | None] = ContextVar("earmark_laps", default=None)


@contextmanager
def lap(name: str) -> Iterator[None]:
    """Add the time spent inside to lap ``name`` (ms) of the caller that collects, if any.

    Engines press it around their stages (``analyse``, ``search``, ``verify``); without a
    collector it costs a microsecond.
    """
    laps = _laps.get()
    if laps is None:
        yield
        return
    start = time.perf_counter()
    try:
        yield
    finally:
        laps[name] = laps.get(name, 0.0) + (time.perf_counter() - start) * 1000.0


@contextmanager
def collecting() -> Iterator[dict[str, float]]:
    """Collect the laps pressed inside, in this thread only: name -> milliseconds.

    >>> with collecting() as laps:
    ...     with lap("search"):
    ...         pass
    >>> sorted(laps)
    ['search']
    """
    laps: dict[str, float] = {}
    token = _laps.set(laps)
    try:
        yield laps
    finally:
        _laps.reset(token)
