"""The desk's side of streams: kept, changed, switched on and off, forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from earmark.audio.fetch import is_url, shown
from earmark.audio.live import SCHEMES
from earmark.errors import ConflictError, StreamNotFoundError, UsageError
from earmark.monitor.options import MonitorOptions
from earmark.monitor.rulebook import Rulebook
from earmark.ports import Outage, Stream

MOST_STREAMS = 1000
MOST_NAME_CHARACTERS = 200


def options_of(told: Mapping[str, Any]) -> MonitorOptions:
    """Return a stream's or a scan's kept options; raises `UsageError` for what makes no sense."""
    named = dict(told)
    if "also" in named:
        named["also"] = tuple(dict.fromkeys(named["also"]))
    return MonitorOptions(**named)


class Streambook(Rulebook):
    """The streams that are kept; `earmark serve` and `earmark watch --all` watch those wanted.

    Whoever watches looks at them every second, so a change counts at once, also from another
    process.
    """

    def add_stream(
        self,
        name: str,
        url: str,
        *,
        wanted: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> Stream:
        """Keep a new stream and return it.

        Parameters
        ----------
        name
            What people call it: the station of its detections.
        url
            An address that can be watched (http, https, rtmp, rtsp), or a file.
        wanted
            Whether it is to be watched.
        options
            Of `MonitorOptions`, those that are not as usual; JSON.

        Raises
        ------
        UsageError
            No name, no such address, or options that make no sense.
        ConflictError
            `MOST_STREAMS` are kept already.
        """
        told = dict(options or {})
        options_of(told)
        name, url = checked_name(name), checked_address(url)
        if len(self.store.streams()) >= MOST_STREAMS:
            raise ConflictError(f"{MOST_STREAMS} streams are kept already; delete one first")
        stream = Stream(uuid.uuid4().hex[:16], name, url, wanted, self.clock(), told)
        self.store.put_stream(stream)
        return stream

    def edit_stream(
        self,
        stream_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        wanted: bool | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Stream:
        """Change a stream and return it; None stays.

        ``wanted=True`` begins one again that has ended or failed. Another name, address or other
        options begin it anew: what is open closes.

        Raises
        ------
        StreamNotFoundError, UsageError
            There is no such stream; or as `add_stream`.
        """
        old = self.store.stream(stream_id)
        told = old.options if options is None else dict(options)
        options_of(told)
        stream = replace(
            old,
            name=old.name if name is None else checked_name(name),
            url=old.url if url is None else checked_address(url),
            wanted=old.wanted if wanted is None else wanted,
            options=told,
        )
        begun_anew = wanted or stream.url != old.url
        if begun_anew and stream.state in ("ended", "failed"):
            stream = replace(stream, state="stopped", state_at=self.clock(), error="")
        self.store.put_stream(stream)
        return stream

    def stream(self, stream_id: str) -> Stream:
        """Return one and how it goes; raises `StreamNotFoundError`."""
        return self.store.stream(stream_id)

    def find_stream(self, word: str) -> Stream:
        """Return the stream with that id, or else that name.

        Raises
        ------
        StreamNotFoundError
            There is none.
        UsageError
            Several have that name.
        """
        kept = self.store.streams()
        found = [one for one in kept if one.id == word] or [one for one in kept if one.name == word]
        if not found:
            message = f"no stream {word!r}; `earmark streams` shows them"
            raise StreamNotFoundError(message)
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise UsageError(f"{len(found)} streams are called {word!r}; name one by its id: {ids}")
        return found[0]

    def streams(self) -> list[Stream]:
        """Return every stream and how it goes, oldest first."""
        return self.store.streams()

    def remove_stream(self, stream_id: str) -> None:
        """Forget a stream and its outages, not what it played; raises `StreamNotFoundError`."""
        self.store.delete_stream(stream_id)

    def outages(self, stream_id: str, limit: int = 100) -> list[Outage]:
        """Return when a stream sent nothing that could be heard, newest first."""
        return self.store.outages(stream_id, limit)


def checked_name(name: str) -> str:
    """Return a stream's name, or raise `UsageError`."""
    name = name.strip()
    if not 0 < len(name) <= MOST_NAME_CHARACTERS:
        message = f"a stream's name has 1 to {MOST_NAME_CHARACTERS} characters, got {len(name)}"
        raise UsageError(message)
    return name


def checked_address(url: str) -> str:
    """Return an address as it is kept, a file's as an absolute path, or raise `UsageError`."""
    if not is_url(url):
        path = Path(url).expanduser().absolute()
        if not path.is_file():
            message = (
                f"{url!r:.200} is neither a file nor an address; a stream has an address "
                f"({', '.join(SCHEMES)}) or is a file"
            )
            raise UsageError(message)
        return str(path)
    if any(c.isspace() or not c.isprintable() for c in url):
        raise UsageError(f"{shown(url)!r:.200} is no address: it has spaces")
    scheme = url.partition(":")[0].lower()
    if scheme not in SCHEMES:
        message = f"{shown(url)!r:.200} is not watched; known are {', '.join(SCHEMES)}"
        raise UsageError(message)
    return url


def stream_shape(stream: Stream) -> dict[str, Any]:
    """Return a stream's JSON; its URL is told without user name and password."""
    return {
        "id": stream.id,
        "name": stream.name,
        "url": shown(stream.url),
        "wanted": stream.wanted,
        "created_at": round(stream.created_at, 3),
        "options": dict(stream.options),
        "state": stream.state,
        "state_at": round(stream.state_at, 3),
        "heard_s": round(stream.heard_s, 3),
        "reconnects": stream.reconnects,
        "error": stream.error,
    }


def outage_shape(outage: Outage) -> dict[str, Any]:
    """Return an outage's JSON."""
    return {
        "id": outage.id,
        "stream_id": outage.stream_id,
        "since": round(outage.since, 3),
        "until": None if outage.until is None else round(outage.until, 3),
        "reason": outage.reason,
    }
