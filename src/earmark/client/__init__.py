"""An earmark service asked from Python, with the answers of `earmark.Library`.

>>> from earmark.client import Client
>>> with Client("http://127.0.0.1:8645") as client:  # doctest: +SKIP
...     client.add("song.mp3")
...     client.identify("clip.wav").best
"""

from earmark.client.asynchronous import AsyncClient
from earmark.client.decode import answer_from, track_from
from earmark.client.found import entry_from, timeline_from
from earmark.client.listening import Ended, Heard, Level, ListenEvent, Ready
from earmark.client.news import News
from earmark.client.sync import Client
from earmark.client.values import (
    About,
    Added,
    HeldTrack,
    Job,
    JobFailure,
    Key,
    Limits,
    Media,
    Model,
    NewKey,
    Page,
    Readiness,
    Verdict,
)
from earmark.client.watched import HeldScan

__all__ = [
    "About",
    "Added",
    "AsyncClient",
    "Client",
    "Ended",
    "Heard",
    "HeldScan",
    "HeldTrack",
    "Job",
    "JobFailure",
    "Key",
    "Level",
    "Limits",
    "ListenEvent",
    "Media",
    "Model",
    "NewKey",
    "News",
    "Page",
    "Readiness",
    "Ready",
    "Verdict",
    "answer_from",
    "entry_from",
    "timeline_from",
    "track_from",
]
