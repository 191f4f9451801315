"""Records of one kind in Redis: rules, streams, outages, scans, webhooks, deliveries."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from earmark.stores import redis_monitor_scripts as scripts
from earmark.stores.monitor_rows import unpacked
from earmark.stores.redis_client import RedisClient, Script, Word
from earmark.stores.redis_track_rows import digest
from earmark.stores.rows import plain

T = TypeVar("T")
ALL = -1
_AT_ONCE = 500


class RedisRecords(Generic[T]):
    """Records by id, in the order of arrival, and those of each group.

    Parameters
    ----------
    fields
        What the texts of a record are called.
    """

    def __init__(
        self, client: RedisClient, kind: str, record: type[T], fields: Sequence[str] = ("record",)
    ) -> None:
        self._client = client
        self._kind = kind
        self._record = record
        self._fields = tuple(fields)
        self.place = f"the monitoring log in {client.address.uri}"

    def put(self, record_id: str, texts: Mapping[str, str], groups: Sequence[str] = ()) -> None:
        """Keep a record, or overwrite it; it stays where it is in the order."""
        self.run(scripts.PUT, plain(record_id), " ".join(groups), *pairs(texts))

    def tell(self, record_id: str, field: str, text: str) -> None:
        """Overwrite one text of a record that is there."""
        self.run(scripts.TELL, plain(record_id), field, text)

    def one(self, record_id: str) -> T | None:
        """Return one record, or None."""
        key = self._client.key("monitor", self._kind, "one", plain(record_id))
        texts = self._client.call("HMGET", key, *self._fields)
        return None if texts[0] is None else unpacked(self.place, self._record, *texts)

    def some(
        self,
        group: str = "",
        *,
        newest_first: bool = False,
        fields: Sequence[str] = (),
        limit: int = ALL,
    ) -> list[T]:
        """Return records in their order, of one group or all, with only those ``fields``."""
        told = self._page(group, newest_first, "", limit, fields)
        return [record for _, record in told]

    def walk(self, group: str, beyond: str, limit: int, fields: Sequence[str] = ()) -> Iterator[T]:
        """Yield records beyond a place, newest first; ``limit`` of them are asked for at first."""
        size = max(limit, 1)
        while page := self._page(group, True, beyond, size, fields):
            yield from (record for _, record in page)
            beyond, size = page[-1][0], _AT_ONCE

    def place_of(self, record_id: str) -> str | None:
        """Return where a record is in the order of arrival, or None."""
        key = self._client.key("monitor", self._kind, "order")
        place = self._client.call("ZSCORE", key, plain(record_id))
        return None if place is None else _text(place)

    def drop(self, record_id: str) -> bool:
        """Forget one record; return whether it was there."""
        return bool(self.run(scripts.DROP, plain(record_id), uuid.uuid4().hex))

    def drop_group(self, group: str) -> None:
        """Forget every record of a group."""
        while self.run(scripts.DROP_GROUP, group, _AT_ONCE):
            pass

    def run(self, script: Script, *arguments: Word) -> Any:  # noqa: ANN401 - whatever it answers
        """Return the answer of a script about this kind."""
        return self._client.run(script, [self._client.key("monitor")], self._kind, *arguments)

    def _page(
        self, group: str, newest_first: bool, beyond: str, limit: int, fields: Sequence[str]
    ) -> list[tuple[str, T]]:
        names = fields or self._fields
        told = self.run(scripts.SOME, group, int(newest_first), beyond, limit, *names)
        return [
            (_text(place), unpacked(self.place, self._record, *texts)) for place, *texts in told
        ]


def pairs(texts: Mapping[str, str]) -> list[str]:
    """Return fields and texts in turn."""
    return [word for pair in texts.items() for word in pair]


def group_of(name: str, *values: str) -> str:
    """Return the name of a group that has those values: no blank, and none too long.

    >>> group_of("station", "Radio 1") != group_of("station", "Radio", "1")
    True
    """
    return f"{name}:{digest(chr(0).join(map(plain, values)).encode()).hex()}"


def _text(place: bytes | float) -> str:
    return place.decode() if isinstance(place, bytes) else repr(place)
