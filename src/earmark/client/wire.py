"""Requests and answers as values: what is asked, and how its answer is read. No socket in here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from earmark.client.bodies import Body
from earmark.client.refusals import require_good
from earmark.client.reply import Reply
from earmark.errors import UsageError

T = TypeVar("T")
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how its answer becomes a value.

    Attributes
    ----------
    read : callable
        Makes the value from any reply; raises `EarmarkError` for a refusal, and what parsing
        raises for a reply that is not the service's.
    again : bool
        Sending it twice comes to the same as sending it once.
    to : Path or None
        Where a good answer's body is written instead of being kept in memory.
    """

    method: str
    path: str
    read: Callable[[Reply], T] = field(repr=False)
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = field(default=None, repr=False)
    again: bool = True
    to: Path | None = None

    @property
    def target(self) -> str:
        """The path with its query, as it stands in the request."""
        if not self.query:
            return self.path
        return f"{self.path}?{urlencode(self.query, errors='replace')}"

    @property
    def repeatable(self) -> bool:
        """Whether it may and can be sent again."""
        return self.again and (self.body is None or self.body.again)


def json_read(make: Callable[[Any], T]) -> Callable[[Reply], T]:
    """Return a reader of replies that hold JSON, refusals told apart."""

    def read(reply: Reply) -> T:
        require_good(reply)
        return make(shape_of(reply))

    return read


def shape_of(reply: Reply) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a reply's JSON; raises `ValueError` where it is none."""
    return json.loads(reply.body)


def place(*parts: str) -> str:
    """Return the path of a thing of the service, its names made fit for an address.

    >>> place("tracks", "a b/c", "audio")
    '/v1/tracks/a%20b%2Fc/audio'

    Raises
    ------
    UsageError
        A name that no address can hold.
    """
    for part in parts:
        if part in {"", ".", ".."}:
            message = f"{part!r} is no id; ids have at least one letter or digit"
            raise UsageError(message)
    return "/v1/" + "/".join(quote(part, safe="", errors="replace") for part in parts)


def query(**values: str | float | bool | tuple[str, ...] | None) -> Query:
    """Return parameters as they stand in an address; None leaves one out, a tuple repeats one.

    >>> query(limit=5, whole=False, tag=("a", "b"), folder=None)
    (('limit', '5'), ('whole', 'false'), ('tag', 'a'), ('tag', 'b'))
    """
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                pairs.append((name, str(one).lower() if isinstance(one, bool) else str(one)))
    return tuple(pairs)


def header(name: str, value: str | None) -> dict[str, str]:
    """Return a header to add; None adds none.

    Raises
    ------
    UsageError
        The value has characters that a header cannot hold; they are not shown.
    """
    if value is None:
        return {}
    if not value or not value.isascii() or not value.isprintable():
        message = f"the value for {name} is empty or has characters other than printable ASCII"
        raise UsageError(message)
    return {name: value}
