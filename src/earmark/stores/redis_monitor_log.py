"""The log of detections in Redis: entries, decisions, totals, rejected pairs, rules."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from functools import cached_property

from earmark.ports import Decision, Entry, Grouping, Rejection, Rule, Total, Wanted
from earmark.stores import redis_monitor_log_scripts as scripts
from earmark.stores.monitor_briefs import (
    Brief,
    brief_of,
    brief_text,
    fits,
    plainly,
    read_brief,
    summed,
)
from earmark.stores.monitor_missing import no_entry, no_rule
from earmark.stores.monitor_rows import ENTRY, decision_line, entry_of, packed, trail_of
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_monitor_records import RedisRecords, group_of
from earmark.stores.rows import plain

PAGE = 1000
"""How many briefs are looked through at once."""
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1
_TIME_DIGITS = 16


class RedisMonitorLog:
    """Entries, rejected pairs and rules of a `RedisMonitorStore`."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._rules = RedisRecords(client, "rules", Rule)
        self._rejections = RedisRecords(client, "rejections", Rejection)

    def put_entry(self, entry: Entry) -> None:
        """Keep an entry; decisions that are kept already stay."""
        brief = brief_of(entry)
        self._client.run(
            scripts.PUT_ENTRY,
            self._keys,
            brief.id,
            _member(brief.began_at, brief.id),
            " ".join(_sets(brief)),
            packed(entry, *ENTRY),
            brief_text(brief),
            trail_of(entry.decisions),
            brief.ruling,
        )

    def entry(self, entry_id: str) -> Entry:
        """Return one; raises `DetectionNotFoundError`."""
        texts = self._client.call("HMGET", self._one(plain(entry_id)), "record", "trail")
        if texts[0] is None:
            raise no_entry(entry_id)
        return entry_of(self._place, *texts)

    def entries(
        self, wanted: Wanted, *, before: str | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return entries, latest ``began_at`` first (then by id), beyond the entry ``before``."""
        asked = plainly(wanted)
        found: list[Entry] = []
        pages = self._pages(asked, self._beyond(before), max(1, min(PAGE, limit)))
        while len(found) < limit and (page := next(pages, None)) is not None:
            ids = [brief.id for brief in page if fits(brief, asked)][: limit - len(found)]
            commands = [["HMGET", self._one(one), "record", "trail"] for one in ids]
            for record, trail in self._client.calls(commands):
                # Between two requests somebody may have deleted it, or decided.
                if record is not None:
                    entry = entry_of(self._place, record, trail)
                    found += [entry] if fits(brief_of(entry), asked) else []
        return found

    def decide(self, entry_id: str, decision: Decision) -> Entry:
        """Append to the trail and return the entry; raises `DetectionNotFoundError`."""
        mark, line = uuid.uuid4().hex, decision_line(decision)
        told = self._client.run(
            scripts.DECIDE, self._keys, plain(entry_id), mark, line, decision.ruling
        )
        if told is None:
            raise no_entry(entry_id)
        return entry_of(self._place, *told)

    def delete_entry(self, entry_id: str) -> None:
        """Forget one; raises `DetectionNotFoundError`."""
        mark = uuid.uuid4().hex
        if not self._client.run(scripts.DROP_ENTRY, self._keys, plain(entry_id), mark):
            raise no_entry(entry_id)

    def totals(self, wanted: Wanted, by: Grouping, limit: int = 100) -> list[Total]:
        """Return sums over entries: the latest days and hours in order, others longest first."""
        asked = plainly(wanted)
        briefs = (brief for page in self._pages(asked, None, PAGE) for brief in page)
        return summed((brief for brief in briefs if fits(brief, asked)), by, limit)

    # --- what was rejected, and rules -----------------------------------------------------

    def put_rejection(self, rejection: Rejection) -> None:
        """Keep a rejected pair; one for each detection."""
        group = group_of("pair", rejection.station, rejection.track_id)
        self._rejections.put(rejection.detection_id, {"record": packed(rejection)}, [group])

    def rejections(self, station: str, track_id: str) -> list[Rejection]:
        """Return the rejected pairs of one station and track, oldest first."""
        return self._rejections.some(group_of("pair", station, track_id))

    def delete_rejection(self, detection_id: str) -> None:
        """Forget the pair of a detection that is not rejected any more; nothing without one."""
        self._rejections.drop(detection_id)

    def put_rule(self, rule: Rule) -> None:
        """Keep a rule."""
        self._rules.put(rule.id, {"record": packed(rule)})

    def rules(self) -> list[Rule]:
        """Return every rule, oldest first."""
        return self._rules.some()

    def delete_rule(self, rule_id: str) -> None:
        """Forget one; raises `RuleNotFoundError`."""
        if not self._rules.drop(rule_id):
            raise no_rule(rule_id)

    # --- how ------------------------------------------------------------------------------

    def _pages(self, asked: Wanted, beyond: str | None, size: int) -> Iterator[list[Brief]]:
        """Yield briefs, latest first, of those that may be wanted; pages grow to `PAGE`."""
        name = self._narrowest(asked)
        # The first time alone is less than any entry that began then.
        low = "-" if asked.since is None else f"[{_digits(asked.since)}"
        tops = [beyond] if asked.until is None else [beyond, _digits(asked.until)]
        top = min((one for one in tops if one is not None), default=None)
        high: str | bytes = "+" if top is None else f"({top}"
        while told := self._client.run(scripts.PAGE, self._keys, name, high, low, size):
            yield [
                read_brief(self._place, brief, ruling.decode())
                for _, brief, ruling in told
                if brief is not None
            ]
            high, size = b"(" + told[-1][0], PAGE

    def _narrowest(self, asked: Wanted) -> str:
        """Return the smallest set that holds all that is wanted."""
        named = {"station": asked.station, "origin": asked.origin, "track": asked.track_id}
        names = [group_of(name, value) for name, value in named.items() if value]
        names += [f"ruling:{asked.ruling}"] if asked.ruling else []
        names += ["open"] if asked.open else []
        if len(names) < 2:
            return names[0] if names else "all"
        keys = [self._client.key("monitor", "entries", "in", name) for name in names]
        sizes = self._client.calls([["ZCARD", key] for key in keys])
        return names[sizes.index(min(sizes))]

    def _beyond(self, before: str | None) -> str | None:
        """Return the member of the entry from which a page goes on."""
        if before is None:
            return None
        member: bytes | None = self._client.call("HGET", self._one(plain(before)), "member")
        if member is None:
            raise no_entry(before)
        return member.decode()

    def _one(self, entry_id: str) -> str:
        return self._client.key("monitor", "entries", "one", entry_id)

    @property
    def _place(self) -> str:
        return self._rules.place

    @cached_property
    def _keys(self) -> list[str]:
        return [self._client.key("monitor")]


def _sets(brief: Brief) -> list[str]:
    """Return the sets in which an entry is, but for those that change with its ruling."""
    named = {"station": brief.station, "origin": brief.origin, "track": brief.track_id}
    return [*(group_of(name, value) for name, value in named.items()), *["open"] * brief.open]


def _member(began_at: float, entry_id: str) -> str:
    return _digits(began_at) + entry_id


def _digits(at: float) -> str:
    """Return a number as digits that sort as it does.

    >>> sorted([_digits(-1.5), _digits(0.0), _digits(2e9)]) == [
    ...     _digits(-1.5), _digits(-0.0), _digits(2e9)]
    True
    """
    (bits,) = struct.unpack(">Q", struct.pack(">d", at + 0.0))
    bits = bits ^ _ALL_BITS if bits & _SIGN else bits | _SIGN
    return f"{bits:0{_TIME_DIGITS}x}"
