"""One stream of a service, watched until it is not wanted any more."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from earmark.audio.fetch import FetchLimits
from earmark.config import ServeSettings
from earmark.errors import EarmarkError
from earmark.library import Library
from earmark.monitor.streambook import options_of, outage_shape
from earmark.monitor.watch import Watch
from earmark.monitor.watching import WatchEvent
from earmark.ports import Stream
from earmark.service.tasks.monitorasks import require_watchable
from earmark.service.tasks.newsroom import News, Newsroom
from earmark.service.tasks.tolddesk import ToldDesk


def watch(
    library: Library,
    desk: ToldDesk,
    stream: Stream,
    options: ServeSettings,
    news: Newsroom,
    stop: threading.Event,
) -> None:
    """Watch a stream; what it plays goes to the desk, all else that happens to the newsroom.

    Raises
    ------
    ForbiddenError, InvalidRequestError, UsageError
        It may not be watched (any more), or can never be.
    StreamNotFoundError
        It was forgotten meanwhile.
    StoreError
        The library or the desk cannot be used.
    """
    try:
        require_watchable(stream.url, options)
    except EarmarkError as error:  # the roots are others now: trying again changes nothing
        refused = replace(stream, state="failed", state_at=time.time(), error=error.message)
        desk.store.tell_stream(refused)
        news.stream(refused)
        raise
    limits = FetchLimits(public_only=not options.private_urls)

    def told(event: WatchEvent) -> None:
        if (found := news_of(event)) is not None:
            news.push(found)
        elif event.kind == "state":
            news.stream(event.stream)

    asked = options_of(stream.options)
    watched = Watch(library, desk, stream, asked, limits=limits, listeners=(told,))
    desk.store.stream(stream.id)  # a watch keeps what is not known: not what was just forgotten
    watched.run(stop)


def news_of(event: WatchEvent) -> News | None:
    """Return the news of an event; detections and states are told where they are written down."""
    stream_id = event.stream.id
    origin = f"stream:{stream_id}"
    head = {"stream_id": stream_id, "at": round(event.at, 3)}
    if event.gap is not None:
        key = f"gap {stream_id} {event.began_at}"
        gap = {**event.gap.as_dict(), "began_at": round(event.began_at, 3)}
        return News("gap", origin, key, {**head, **gap})
    if event.outage is not None:
        return News("outage", origin, f"outage {event.outage.id}", outage_shape(event.outage))
    if event.level_dbfs is not None:
        loud = {"level_dbfs": round(event.level_dbfs, 1), "heard_s": round(event.stream.heard_s, 1)}
        return News("level", origin, f"level {stream_id}", {**head, **loud})
    return None
