"""Server-sent events of streams: bytes, however they are cut, become what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from earmark.client.found import read_entry
from earmark.client.service import Service
from earmark.client.shapes import readable, table
from earmark.client.watched import outage, stream
from earmark.errors import ServiceError
from earmark.ports import Entry, Outage, Stream

_LONGEST = 1 << 24
_ENTRIES = frozenset({"open", "update", "close", "decided"})


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened: ``kind`` is the event's name, ``data`` its JSON.

    ``entry`` is there for ``open``, ``update``, ``close`` and ``decided``, ``stream`` for
    ``state``, ``outage`` for ``outage``; ``gap``, ``level`` and ``gone`` have their data only.
    """

    kind: str
    data: Mapping[str, Any] = field(repr=False)
    entry: Entry | None = None
    stream: Stream | None = None
    outage: Outage | None = None


@dataclass(slots=True)
class NewsLines:
    """Half an event, until the rest of it comes."""

    service: Service
    _rest: bytes = field(default=b"", repr=False)
    _kind: str = ""
    _data: list[str] = field(default_factory=list, repr=False)

    def feed(self, block: bytes) -> Iterator[News]:
        """Yield what is whole by now; raises `ServiceError` for what is no stream of events."""
        self._rest += block
        if len(self._rest) + sum(map(len, self._data)) > _LONGEST:
            message = f"{self.service.url} sends an event without an end"
            raise ServiceError(message)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            with readable(f"an event of {self.service.url}"):
                news = self._line(line.rstrip(b"\r").decode("utf-8"))
            if news is not None:
                yield news

    def _line(self, line: str) -> News | None:
        """Take one line; return what an empty one completes."""
        if line:
            name, _, value = line.partition(":")
            if name == "data":
                self._data.append(value.removeprefix(" "))
            elif name == "event":
                self._kind = value.removeprefix(" ")
            return None
        text, kind, self._data, self._kind = "\n".join(self._data), self._kind, [], ""
        return news_of(kind, json.loads(text)) if text else None


def news_of(kind: str, data: Any) -> News:  # noqa: ANN401 - whatever JSON holds
    """Return an event as what it tells of."""
    shape = table(data)
    return News(
        kind,
        shape,
        entry=read_entry(shape) if kind in _ENTRIES else None,
        stream=stream(shape) if kind == "state" else None,
        outage=outage(shape) if kind == "outage" else None,
    )
