"""What an engine hears in a query and nobody else can tell: collected where somebody asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_told: ContextVar[dict[str, float] | None] = ContextVar("earmark_told", default=None)

VOICED_S = "voiced_s"
"""Seconds in which a voice, a whistle or one instrument sounds (`QueryFacts.voiced_s`)."""


def tell(name: str, value: float) -> None:
    """Tell the caller that collects, if any, a fact about the clip that is searched.

    Values of one name add up: a long query is searched in blocks.
    """
    told = _told.get()
    if told is not None:
        told[name] = told.get(name, 0.0) + value


@contextmanager
def listening() -> Iterator[dict[str, float]]:
    """Collect what is told inside, in this thread only: name -> value.

    >>> with listening() as told:
    ...     tell(VOICED_S, 1.5)
    ...     tell(VOICED_S, 2.0)
    >>> told
    {'voiced_s': 3.5}
    """
    told: dict[str, float] = {}
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)
