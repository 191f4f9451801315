"""What entries are found and added up by, the same in every store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from earmark.ports import Entry, Grouping, Total, Wanted
from earmark.stores.monitor_rows import NONSENSE, Text, damaged_log
from earmark.stores.rows import plain

HOUR_S = 3600.0
UNDECIDED = "none"
"""What stands for the ruling of an entry that nobody has decided on."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Brief:
    """As much of an entry as questions are about; ``hour`` counts from 1970, ``search`` is lower.

    Texts are those that can be written as UTF-8: what is no text in a file's name is ``?`` here.
    """

    id: str
    began_at: float
    hour: int
    station: str
    origin: str
    track_id: str
    artist: str
    label: str
    tags: tuple[str, ...]
    action: str
    ruling: str
    open: bool
    confidence: float
    played_s: float
    search: str


_TAGS, _RULING = (Brief.__slots__.index(name) for name in ("tags", "ruling"))


def brief_of(entry: Entry) -> Brief:
    """Return the brief of an entry."""
    detection, track = entry.detection, entry.detection.track
    words = (track.title, track.artist, entry.station, entry.source, track.source)
    return Brief(
        id=plain(entry.id),
        began_at=float(entry.began_at),
        hour=int(entry.began_at // HOUR_S),
        station=plain(entry.station),
        origin=plain(entry.origin),
        track_id=plain(track.id),
        artist=plain(track.artist),
        label=plain(track.label),
        tags=tuple(plain(tag) for tag in track.tags),
        action=entry.action,
        ruling=entry.ruling or UNDECIDED,
        open=detection.open,
        confidence=float(detection.confidence),
        played_s=float(detection.played_s),
        search=lower("\n".join(words)),
    )


def brief_text(brief: Brief) -> str:
    """Return a brief as it lies in Redis: very many are read, so it names no fields."""
    return json.dumps([getattr(brief, name) for name in Brief.__slots__], separators=(",", ":"))


def read_brief(place: object, text: Text, ruling: str) -> Brief:
    """Return a brief; the ruling, which changes, lies beside its text."""
    try:
        values = json.loads(text)
        values[_TAGS], values[_RULING] = tuple(values[_TAGS]), ruling
        return Brief(*values)
    except NONSENSE as error:
        raise damaged_log(place, f"Brief: {error}") from error


def lower(text: str) -> str:
    """Return text as it is compared in a search."""
    return plain(text.casefold())


def plainly(wanted: Wanted) -> Wanted:
    """Return the same wish as briefs are compared with; an empty text narrows nothing."""
    return replace(
        wanted,
        station=plain(wanted.station or "") or None,
        origin=plain(wanted.origin or "") or None,
        track_id=plain(wanted.track_id or "") or None,
        tag=plain(wanted.tag or "") or None,
        text=lower(wanted.text or "") or None,
        action=wanted.action or None,
        ruling=wanted.ruling or None,
    )


def fits(brief: Brief, wanted: Wanted) -> bool:
    """Return whether an entry is one of those asked for (by a wish that went through `plainly`)."""
    alike = (
        (wanted.station, brief.station),
        (wanted.origin, brief.origin),
        (wanted.track_id, brief.track_id),
        (wanted.action, brief.action),
        (wanted.ruling, brief.ruling),
        (wanted.open, brief.open),
    )
    return (
        all(asked is None or asked == held for asked, held in alike)
        and (wanted.tag is None or wanted.tag in brief.tags)
        and (wanted.since is None or brief.began_at >= wanted.since)
        and (wanted.until is None or brief.began_at < wanted.until)
        and brief.confidence >= wanted.least_confidence
        and brief.played_s >= wanted.least_s
        and (wanted.text is None or wanted.text in brief.search)
    )


@dataclass(slots=True)
class Sum:
    """What is added up under one key; the label is that of the latest entry."""

    key: str
    label: str
    count: int = 0
    played_s: float = 0.0


def summed(briefs: Iterable[Brief], by: Grouping, limit: int) -> list[Total]:
    """Return totals of entries that come latest first."""
    sums: dict[str, Sum] = {}
    for brief in briefs:
        key, label = key_of(brief, by)
        one = sums.setdefault(key, Sum(key, label))
        one.count += 1
        one.played_s += brief.played_s
    return ordered(sums.values(), by, limit)


def key_of(brief: Brief, by: Grouping) -> tuple[str, str]:
    """Return under which key an entry is added up, and what that is called."""
    match by:
        case "track":
            return brief.track_id, brief.label
        case "artist":
            return brief.artist, brief.artist
        case "station":
            return brief.station, brief.station
        case "action":
            return brief.action, brief.action
        case "ruling":
            return brief.ruling, brief.ruling
    return time_key(brief.hour, by)


def time_key(hour: int, by: Grouping) -> tuple[str, str]:
    """Return the day or the hour (UTC) in which the hour ``hour`` since 1970 lies, and its name.

    >>> time_key(24, "day"), time_key(-1, "hour")
    (('1970-01-02', '1970-01-02'), ('1969-12-31T23', '1969-12-31 23:00'))
    """
    at = _EPOCH + timedelta(hours=hour)
    day = at.date().isoformat()
    return (day, day) if by == "day" else (f"{day}T{at.hour:02}", f"{day} {at.hour:02}:00")


def ordered(sums: Iterable[Sum], by: Grouping, limit: int) -> list[Total]:
    """Return the latest days and hours in order of time; of others those that played longest."""
    totals = [Total(one.key, one.label, one.count, one.played_s) for one in sums]
    if by in ("day", "hour"):
        totals.sort(key=lambda total: total.key)
        return totals[-limit:] if limit > 0 else []
    totals.sort(key=lambda total: (-total.played_s, total.key))
    return totals[: max(0, limit)]
